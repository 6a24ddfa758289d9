"""A tiny transformer that reads a Sudoku board."""

import torch
from torch import nn
from torch.nn import functional as F

from .boards.rules import BOX, COLUMN, ROW
from .recipe.attention import attention

N_POSITION = 27  # one-hot row, column and box


class SudokuTransformer(nn.Module):
    """One pre-norm transformer block, applied ``n_loops`` times, from a board to nine logits per cell.

    A cell enters as the embedding of its digit, next to its row, column and box as one-hot numbers. That two
    cells of one row must differ is not built in: the attention heads have to find it.

    Parameters
    ----------
    config : Config
        ``embedding_dim``: width of the digit embedding; the block's ``width`` is that and 27 for the position.
        ``attention_dim``: width of queries, keys and values, all heads together.
        ``n_heads``: attention heads.
        ``n_loops``: how often the block is applied; before each loop its first input is added again.
        ``mlp_ratio``: hidden width of the MLP, as a multiple of the block's width.
    """

    def __init__(self, config):
        super().__init__()
        self.config, self.n_heads, self.n_loops = config, config.n_heads, config.n_loops
        width = config.embedding_dim + N_POSITION
        hidden = config.mlp_ratio * width
        units = [F.one_hot(torch.from_numpy(unit.copy()), 9) for unit in (ROW, COLUMN, BOX)]
        position = torch.cat(units, 1).float()  # [cell, 27]
        self.register_buffer("position", position, persistent=False)
        self.token_embedding = nn.Embedding(10, config.embedding_dim)
        self.attention_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, config.attention_dim, bias=False)
        self.key = nn.Linear(width, config.attention_dim, bias=False)
        self.value = nn.Linear(width, config.attention_dim, bias=False)
        self.proj = nn.Linear(config.attention_dim, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.final_norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 9)

    def forward(self, quizzes, cells=None):
        """Logits of the digits 1-9 after every loop, the last loop last.

        Parameters
        ----------
        quizzes : uint8 tensor [batch, 81]
        cells : int64 tensor [batch, n_cells], optional
            The cells to predict; all 81 in order if left out. Their logits are the same either way; the last
            loop is computed for them alone, since nothing reads the other cells after it.

        Returns
        -------
        float tensor [loop, batch, n_cells, 9]
        """
        inputs = self.embed(quizzes)  # [batch, cell, width]
        x, logits = torch.zeros_like(inputs), []
        for loop in range(self.n_loops):
            last = loop == self.n_loops - 1
            # The input is added in every loop, so that none has to remember the board.
            x = self.block(x + inputs, cells if last else None)
            logits.append(self.head(self.final_norm(x if last else pick_cells(x, cells))))
        return torch.stack(logits)

    def embed(self, quizzes):
        """What the net is told of every cell, its digit and its position: [batch, 81] -> [batch, 81, width]."""
        position = self.position.expand(len(quizzes), -1, -1)
        return torch.cat([self.token_embedding(quizzes.int()), position], 2)

    def block(self, x, cells=None):
        """One loop over all cells [batch, 81, width]; returns the selected ones, [batch, n_cells, width]."""
        normed = self.attention_norm(x)  # [batch, cell, width]
        query = self.split_heads(self.query(pick_cells(normed, cells)))
        key, value = self.split_heads(self.key(normed)), self.split_heads(self.value(normed))
        mixed = attention(query, key, value)  # [batch, head, n_cells, head_dim]
        x = pick_cells(x, cells) + self.proj(mixed.transpose(1, 2).flatten(2))
        return x + self.mlp(self.mlp_norm(x))

    def split_heads(self, x):
        """[batch, cell, attention_dim] -> [batch, head, cell, head_dim]."""
        return x.unflatten(2, (self.n_heads, -1)).transpose(1, 2)

    def n_parameters(self):
        """Trainable numbers in the net."""
        return sum(parameter.numel() for parameter in self.parameters())


def pick_cells(x, cells):
    """The selected cells, or all: [batch, 81, width], [batch, n_cells] or None -> [batch, n_cells, width]."""
    if cells is None:
        return x
    return x.gather(1, cells[..., None].expand(-1, -1, x.shape[2]))
