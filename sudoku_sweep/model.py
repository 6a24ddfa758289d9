"""A tiny transformer that reads a Sudoku board."""

import torch
from torch import nn
from torch.nn import functional as F

from .attention import attention
from .boards.rules import BOX, COLUMN, ROW
from .config import check_sizes

N_PLACE = 27  # one-hot row, column and box


class SudokuTransformer(nn.Module):
    """One pre-norm transformer block, applied ``n_loops`` times, from a board to nine scores per cell.

    A cell enters as the embedding of its digit, next to its row, column and box as one-hot numbers. That two
    cells of one row must differ is not built in: the attention heads have to find it.

    Parameters
    ----------
    embedding_dim : int
        Width of the digit embedding; the block works on ``width = embedding_dim + 27`` numbers per cell.
    attention_dim : int
        Width of queries, keys and values, all heads together. A multiple of ``n_heads``.
    n_heads : int
        Attention heads.
    n_loops : int
        How often the block is applied. Before each further pass its input is added again.
    mlp_ratio : int
        Hidden width of the MLP, as a multiple of the block's width.

    Raises
    ------
    ConfigError
        A size that no such net has: see ``check_sizes``.
    """

    def __init__(self, embedding_dim, attention_dim, n_heads, n_loops=2, mlp_ratio=2):
        super().__init__()
        self.sizes = dict(embedding_dim=embedding_dim, attention_dim=attention_dim)
        self.sizes |= dict(n_heads=n_heads, n_loops=n_loops, mlp_ratio=mlp_ratio)
        check_sizes(self.sizes)
        self.n_heads, self.n_loops = n_heads, n_loops
        width = embedding_dim + N_PLACE
        place = [F.one_hot(torch.from_numpy(line.copy()), 9) for line in (ROW, COLUMN, BOX)]
        self.register_buffer("place", torch.cat(place, 1).float(), persistent=False)  # [cell, 27]
        self.digit = nn.Embedding(10, embedding_dim)
        self.attention_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, attention_dim, bias=False)
        self.key = nn.Linear(width, attention_dim, bias=False)
        self.value = nn.Linear(width, attention_dim, bias=False)
        self.out = nn.Linear(attention_dim, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, mlp_ratio * width), nn.GELU(), nn.Linear(mlp_ratio * width, width)
        )
        self.final_norm = nn.LayerNorm(width)
        self.scores = nn.Linear(width, 9)

    def forward(self, quizzes, asked=None):
        """Scores of the digits 1-9 after every pass, the last pass last.

        Parameters
        ----------
        quizzes : uint8 tensor [batch, 81]
        asked : int64 tensor [batch, n_asked], optional
            The cells to answer for; all 81 in order if left out. Their scores are the same either way; the last
            pass is computed for them alone, since nothing reads the other cells after it.

        Returns
        -------
        list of float tensors [batch, n_asked, 9], one per pass
        """
        inputs = self.embed(quizzes)  # [batch, cell, width]
        state, scores = torch.zeros_like(inputs), []
        for loop in range(self.n_loops):
            last = loop == self.n_loops - 1
            # Told again what the board is, so that no pass has to remember it.
            state = self.block(state + inputs, asked if last else None)
            # [batch, n_asked, width]; the last block has picked them already
            answers = state if last else pick_cells(state, asked)
            scores.append(self.scores(self.final_norm(answers)))
        return scores

    def embed(self, quizzes):
        """What the net is told of every cell, its digit and its place: [batch, 81] -> [batch, 81, width]."""
        place = self.place.expand(len(quizzes), -1, -1)
        return torch.cat([self.digit(quizzes.int()), place], 2)

    def block(self, state, asked=None):
        """One pass over all cells [batch, 81, width]; returns the asked ones, [batch, n_asked, width]."""
        normed = self.attention_norm(state)  # [batch, cell, width]
        query = self.split_heads(self.query(pick_cells(normed, asked)))
        key, value = self.split_heads(self.key(normed)), self.split_heads(self.value(normed))
        mixed = attention(query, key, value)  # [batch, head, n_asked, head_dim]
        state = pick_cells(state, asked) + self.out(mixed.transpose(1, 2).flatten(2))
        return state + self.mlp(self.mlp_norm(state))

    def split_heads(self, part):
        """[batch, cell, attention_dim] -> [batch, head, cell, head_dim]."""
        return part.unflatten(2, (self.n_heads, -1)).transpose(1, 2)

    @torch.no_grad()
    def attention_maps(self, quizzes):
        """Which cell looks at which: [batch, 81] -> [n_loops, batch, head, from cell, to cell], rows sum to 1."""
        inputs = self.embed(quizzes)
        state, maps = torch.zeros_like(inputs), []
        for _ in range(self.n_loops):
            state = state + inputs
            normed = self.attention_norm(state)
            query, key = self.split_heads(self.query(normed)), self.split_heads(self.key(normed))
            products = query @ key.transpose(2, 3) * query.shape[3] ** -0.5
            maps.append(products.softmax(3))
            state = self.block(state)
        return torch.stack(maps)

    def n_parameters(self):
        """Trainable numbers in the net."""
        return sum(parameter.numel() for parameter in self.parameters())


def pick_cells(state, cells):
    """The named cells of every board: [batch, 81, width], [batch, n] -> [batch, n, width] (None: all of them)."""
    if cells is None:
        return state
    return state.gather(1, cells[..., None].expand(-1, -1, state.shape[2]))
