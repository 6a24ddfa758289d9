"""A tiny transformer that reads a Sudoku board, and the way to solve boards with it, step by step."""

import io
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from .data import BOX, COLUMN, ROW, UNITS, repeated_cells
from .errors import BoardError, CheckpointError, ConfigError
from .files import reason, write_atomically

N_PLACE = 27  # one-hot row, column and box
LARGEST, MOST_LOOPS = 100_000_000, 1_000  # far beyond sense: whoever asks for more has made a slip
GROUP = 48  # heads whose attention is computed at once on a CPU: 1.3 MB of scores


class Attention(torch.autograd.Function):
    """Scaled dot-product attention for heads that are a few numbers wide.

    The cells stand last, so that every matrix product has long rows: with narrow heads this is where the time goes.
    Takes queries [n, head_dim, n_asked] and keys and values [2, n, head_dim, cell]; returns what the asked cells
    take up, [n, head_dim, n_asked], and the weights [n, n_asked, cell], which are for looking at only.
    """

    @staticmethod
    def forward(query, key_value):
        key, value = key_value
        query = query * query.shape[1] ** -0.5
        weights = query.new_empty(len(query), query.shape[2], key.shape[2])
        mixed = torch.empty_like(query)
        for some in _groups(query):
            torch.softmax(_outer(query[some], key[some]), 2, out=weights[some])
            torch.bmm(value[some], weights[some].transpose(1, 2), out=mixed[some])
        return mixed, weights

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs, *output)

    @staticmethod
    def backward(ctx, grad, _):
        query, key_value, mixed, weights = ctx.saved_tensors
        grad_query, grad_key_value = torch.empty_like(query), torch.empty_like(key_value)
        (key, value), (grad_key, grad_value) = key_value, grad_key_value
        mean = (grad * mixed).sum(1)[..., None]  # [n, n_asked, 1]
        for some in _groups(query):
            torch.bmm(grad[some], weights[some], out=grad_value[some])
            # Through the softmax: each score's gradient, less their weighted mean, times its weight.
            scores = _outer(grad[some], value[some]).sub_(mean[some]).mul_(weights[some])
            torch.bmm(query[some], scores, out=grad_key[some])
            torch.bmm(key[some], scores.transpose(1, 2), out=grad_query[some])
        scale = query.shape[1] ** -0.5
        grad_key.mul_(scale)
        return grad_query.mul_(scale), grad_key_value


def _groups(heads):
    """Slices of the first axis: on a CPU so many heads that their scores stay in its cache, on a GPU all of them."""
    size = GROUP if heads.device.type == "cpu" else len(heads)
    return [slice(at, at + size) for at in range(0, len(heads), size)]


def _outer(one, other):
    """[n, head_dim, i], [n, head_dim, j] -> [n, i, j]; a matrix product is slow where there is nothing to add up."""
    one = one.transpose(1, 2)
    return one * other if one.shape[2] == 1 else torch.bmm(one, other)


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


# --- solving ----------------------------------------------------------------------------------------------


@dataclass
class Solution:
    """What ``solve`` found; all tensors [board, cell], on the CPU.

    boards : uint8; the filled boards, 0 where a stuck board was left blank
    step : int16; the look in which a cell was filled, from 1; 0 for clues and for cells left blank
    confidence : float32; the net's probability of the digit it filled in; 1 for clues, 0 for cells left blank
    solved : bool [board]; full, and by the rules
    """

    boards: torch.Tensor
    step: torch.Tensor
    confidence: torch.Tensor
    solved: torch.Tensor


@torch.no_grad()
def solve(model, quizzes, threshold=0.99, batch_size=256):
    """Solve boards step by step, as a careful person would: fill in what is sure, and look again.

    Each look fills every blank whose best digit has a probability of at least ``threshold``, or else the one
    blank that the net is surest of. Nothing is taken back. The rules only serve as a referee: a board in which
    a digit now stands twice in a row, column or box cannot come right any more, and is left as it is.

    Parameters
    ----------
    model : SudokuTransformer
    quizzes : uint8 tensor or array [board, 81]
    threshold : float
        Probability from which on several cells are filled in one look.
    batch_size : int
        Boards looked at together.

    Returns
    -------
    Solution

    Raises
    ------
    BoardError
        A board whose clues already break a rule, a wrong shape, a number that is no digit.
    """
    quizzes = _checked_quizzes(torch.as_tensor(quizzes))
    device = model.place.device
    parts = [
        _solve_batch(model, batch.to(device), threshold) for batch in quizzes.split(batch_size)
    ]
    return Solution(*(torch.cat(field).cpu() for field in zip(*parts, strict=True)))


def _checked_quizzes(quizzes):
    """The boards as uint8, or a ``BoardError`` that says which of them cannot be solved and why."""
    if quizzes.ndim != 2 or quizzes.shape[1] != 81 or not len(quizzes):
        raise BoardError(
            f"give boards of shape [board, 81], at least one; this is {list(quizzes.shape)}"
        )
    if quizzes.is_floating_point() or quizzes.is_complex():
        raise BoardError(f"give boards of whole numbers, such as uint8; these are {quizzes.dtype}")
    quizzes = quizzes.long()
    if quizzes.min() < 0 or quizzes.max() > 9:
        raise BoardError("a board holds the digits 1-9, and 0 for a blank, nothing else")
    broken = breaks_rules(quizzes)
    if broken.any():
        board = int(broken.int().argmax())
        cell = repeated_cells(quizzes[board].cpu().numpy())[0]
        raise BoardError(
            f"board {board} is impossible: the {quizzes[board, cell]} in row {cell // 9 + 1}, column "
            f"{cell % 9 + 1} stands again in the same row, column or box"
        )
    return quizzes.to(torch.uint8)


def breaks_rules(boards):
    """Which boards [board, 81], full or not, hold a digit twice in a row, column or box: bool [board]."""
    units = torch.as_tensor(UNITS, device=boards.device)
    held = boards[:, units].long()  # [board, unit, 9]
    counts = held.new_zeros(*held.shape[:2], 10).scatter_add_(2, held, torch.ones_like(held))
    return (counts[..., 1:] > 1).flatten(1).any(1)


def _solve_batch(model, quizzes, threshold):
    boards = quizzes.clone()
    step = torch.zeros_like(boards, dtype=torch.int16)
    confidence = (boards > 0).float()
    open_boards = torch.arange(len(boards), device=boards.device)
    look = 0
    while True:
        now = boards[open_boards]
        open_boards = open_boards[(now == 0).any(1) & ~breaks_rules(now)]
        if not len(open_boards):
            break
        look += 1
        now = boards[open_boards]
        sureness, digit = model(now)[-1].softmax(2).max(2)  # both [board, cell]
        # a broken net is sure of nothing
        sureness = sureness.nan_to_num(0.0).masked_fill(now > 0, -1)
        fill = sureness >= threshold
        surest = F.one_hot(sureness.argmax(1), 81).bool()
        fill |= surest & ~fill.any(1, keepdim=True)
        boards[open_boards] = torch.where(fill, (digit + 1).to(torch.uint8), now)
        step[open_boards] = step[open_boards].masked_fill(fill, look)
        confidence[open_boards] = torch.where(fill, sureness, confidence[open_boards])
    solved = (boards > 0).all(1) & ~breaks_rules(boards)
    return boards, step, confidence, solved


# --- checkpoints ------------------------------------------------------------------------------------------


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
