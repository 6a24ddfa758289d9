"""A tiny transformer that reads a Sudoku board, and the way to solve boards with it, step by step."""

import io
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from .attention import Attention
from .boards.rules import BOX, COLUMN, ROW
from .errors import CheckpointError, ConfigError
from .files import reason, write_atomically

N_PLACE = 27  # one-hot row, column and box
LARGEST, MOST_LOOPS = 100_000_000, 1_000  # far beyond sense: whoever asks for more has made a slip


class SudokuTransformer(nn.Module):
    """One pre-norm transformer block, applied ``n_loops`` times, from a board to nine scores per cell.

    A cell enters as the embedding of its digit, next to its row, column and box as one-hot numbers. That two
    cells of one row must differ is not built in: the attention heads have to find it.

    Parameters
    ----------
    embedding_dim : int
        Width of the digit embedding; the block works on ``embedding_dim + 27`` numbers per cell.
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
        A size below 1, an ``attention_dim`` that ``n_heads`` does not divide, or a net that is not tiny at all.
    """

    def __init__(self, embedding_dim, attention_dim, n_heads, n_loops=2, mlp_ratio=2):
        super().__init__()
        self.shape = dict(
            embedding_dim=embedding_dim,
            attention_dim=attention_dim,
            n_heads=n_heads,
            n_loops=n_loops,
            mlp_ratio=mlp_ratio,
        )
        check_shape(**self.shape)
        self.n_heads, self.n_loops = n_heads, n_loops
        width = embedding_dim + N_PLACE
        place = [F.one_hot(torch.from_numpy(line.copy()), 9) for line in (ROW, COLUMN, BOX)]
        self.register_buffer("place", torch.cat(place, 1).float(), persistent=False)  # [cell, 27]
        self.register_buffer("cell", torch.arange(81), persistent=False)
        self.token = nn.Embedding(10, embedding_dim)
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * attention_dim, bias=False)
        self.out = nn.Linear(attention_dim, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, mlp_ratio * width), nn.GELU(), nn.Linear(mlp_ratio * width, width)
        )
        self.final_norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 9)

    def forward(self, quizzes, asked=None, tables=None):
        """Scores of the digits 1-9 after every pass, the last pass last.

        Parameters
        ----------
        quizzes : uint8 tensor [batch, 81]
        asked : int64 tensor [batch, n_asked], optional
            The cells to answer for; all 81 in order if left out. The answers are the same either way: the last
            pass, whose other cells nobody looks at, is then computed for these alone.
        tables : list of tensors, optional
            ``self.tables()``, where several calls with the same weights are to share them.

        Returns
        -------
        list of float tensors [batch, n_asked, 9], one per pass
        """
        pair = quizzes.long() * 81 + self.cell  # [batch, cell]
        tables = self.tables() if tables is None else tables
        inputs, query, key_value = (F.embedding(pair, table) for table in tables)
        state, scores = inputs, []  # [batch, cell, width]
        for loop in range(self.n_loops):
            last = loop == self.n_loops - 1
            if loop:
                state = state + inputs
                query, key_value = self.project(state, asked if last else None)
            elif last:
                query = pick_cells(query, asked)
            state = self.block(pick_cells(state, asked) if last else state, query, key_value)
            answers = state if last else pick_cells(state, asked)
            scores.append(self.head(self.final_norm(answers)))  # [batch, n_asked, 9]
        return scores

    def tables(self):
        """The first pass's input, query, key and value, for each digit in each cell: [810, ...] each.

        They depend on nothing else, so they are computed once, not for every board.
        """
        digit = self.token.weight[:, None].expand(-1, 81, -1)
        place = self.place.expand(10, -1, -1)
        inputs = torch.cat([digit, place], 2).flatten(0, 1)  # [digit * cell, width]
        return [inputs, *self.project(inputs)]

    def project(self, state, asked=None):
        """Queries of the asked cells, [..., n_asked, attention_dim], keys and values of all, [..., cell, 2 * it]."""
        normed = self.attention_norm(state)
        query, key_value = self.qkv.weight.tensor_split([self.out.in_features])
        return F.linear(pick_cells(normed, asked), query), F.linear(normed, key_value)

    def block(self, state, query, key_value):
        """One pass: the asked cells' state [batch, n_asked, width], and what ``project`` gives, to their next state."""
        mixed, _ = self.attend(query, key_value)  # [batch * head, head_dim, n_asked]
        mixed = mixed.unflatten(0, (-1, self.n_heads)).flatten(1, 2)
        state = state + self.out(mixed.transpose(1, 2))
        return state + self.mlp(self.mlp_norm(state))

    def attend(self, query, key_value):
        """What ``Attention`` gives, for all heads at once."""
        return Attention.apply(self.split_heads(query, 1)[0], self.split_heads(key_value, 2))

    def split_heads(self, part, n):
        """[batch, cell, n * attention_dim] -> [n, batch * head, head_dim, cell]."""
        return part.unflatten(2, (n, self.n_heads, -1)).permute(2, 0, 3, 4, 1).flatten(1, 2)

    @torch.no_grad()
    def attention_maps(self, quizzes):
        """Which cell looks at which: [batch, 81] -> [n_loops, batch, head, from cell, to cell], rows sum to 1."""
        inputs = self.tables()[0][quizzes.long() * 81 + self.cell]
        state, maps = inputs, []
        for loop in range(self.n_loops):
            if loop:
                state = state + inputs
            projected = self.project(state)
            maps.append(self.attend(*projected)[1].unflatten(0, (-1, self.n_heads)))
            state = self.block(state, *projected)
        return torch.stack(maps)

    def n_parameters(self):
        """Trainable numbers in the net."""
        return sum(parameter.numel() for parameter in self.parameters())


def check_shape(embedding_dim, attention_dim, n_heads, n_loops, mlp_ratio):
    """Raise ``ConfigError`` unless a ``SudokuTransformer`` of this shape can be built."""
    sizes = dict(locals())
    for name, size in sizes.items():
        check_positive(name, size)
    if attention_dim % n_heads:
        raise ConfigError(
            f"attention_dim={attention_dim} cannot be shared out among n_heads={n_heads}: "
            "choose an attention_dim that is a multiple of n_heads"
        )
    width = embedding_dim + N_PLACE
    in_matrices = width * (4 * attention_dim + 2 * mlp_ratio * width)
    if in_matrices > LARGEST or n_loops > MOST_LOOPS:
        raise ConfigError(
            f"embedding_dim={embedding_dim}, attention_dim={attention_dim}, n_loops={n_loops}, mlp_ratio={mlp_ratio}: "
            f"this net is too large; at most {LARGEST:,} parameters and {MOST_LOOPS:,} loops"
        )


def check_positive(name, value):
    """Raise ``ConfigError`` unless the value is a whole number of at least 1, and one that PyTorch can hold."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < 2**63:
        raise ConfigError(f"{name}={value!r}: give a whole number of at least 1, below 2**63")


def pick_cells(state, cells):
    """The named cells of every board: [batch, 81, width], [batch, n] -> [batch, n, width] (None: all of them)."""
    return (
        state if cells is None else state.gather(1, cells[..., None].expand(-1, -1, state.shape[2]))
    )


def save_checkpoint(path, model, about):
    """Write the weights, the shape, and ``about`` (plain numbers and strings: where the net comes from)."""
    buffer = io.BytesIO()
    weights = {name: weight.cpu() for name, weight in model.state_dict().items()}
    torch.save({"shape": model.shape, "about": about, "weights": weights}, buffer)
    write_atomically(path, buffer.getvalue())


def load_checkpoint(path, device="cpu"):
    """Read what ``save_checkpoint`` wrote: ``(model, about)``, the model ready for use.

    Read with ``weights_only=True``: a file from a stranger can be wrong, but it cannot run code.

    Raises
    ------
    CheckpointError
        No such file, or one that holds something else.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that is none
        raise CheckpointError(
            f"no checkpoint {path} ({reason(error)}): "
            "train a net with `python -m sudoku_sweep train --save FILE.pt`"
        ) from error
    try:
        saved = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        model = SudokuTransformer(**saved["shape"])
        model.load_state_dict(saved["weights"])
        about = saved["about"]
    # on a damaged file torch.load raises this and that, struct.error among it
    except Exception as error:
        raise CheckpointError(
            f"{path.name} is not a checkpoint of this package, or is damaged ({type(error).__name__}): "
            "train a net with `python -m sudoku_sweep train --save FILE.pt`"
        ) from error
    return model.to(device).eval(), about
