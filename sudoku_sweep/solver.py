"""Solve boards step by step with a net."""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from .boards.rules import cell_name, repeated_cells
from .errors import BoardError

SURE = 0.999  # threshold for a trained net: more steps than with the default, and more of the hard boards solved


@dataclass
class SolveResult:
    """What ``solve`` found; all tensors [board, cell], on the CPU.

    boards : uint8; the filled boards, with 0 in what was left blank of a board that broke a rule
    step : int16; the step in which a cell was filled, from 1; 0 for clues and for cells left blank
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

    Each step asks the net once. It fills every blank whose best digit has a probability of at least ``threshold``,
    or else the one blank that the net is surest of. Nothing is taken back. The rules only serve as a referee: a
    board in which a digit now stands twice in a row, column or box cannot come right any more, and is left as it is.

    Parameters
    ----------
    model : SudokuTransformer
    quizzes : uint8 tensor or array [board, 81]
    threshold : float
        Probability from which on several cells are filled in one step.
    batch_size : int
        Boards that the net is asked about together.

    Returns
    -------
    SolveResult

    Raises
    ------
    BoardError
        A board whose clues already break a rule, a wrong shape, a number that is no digit.
    """
    quizzes = _checked_quizzes(torch.as_tensor(quizzes))
    device = model.position.device
    parts = [
        _solve_batch(model, batch.to(device), threshold) for batch in quizzes.split(batch_size)
    ]
    return SolveResult(*(torch.cat(field).cpu() for field in zip(*parts, strict=True)))


def _checked_quizzes(quizzes):
    """The boards as uint8, or a ``BoardError`` that says which of them cannot be solved and why."""
    if quizzes.ndim != 2 or quizzes.shape[1] != 81 or not len(quizzes):
        raise BoardError(f"give boards of shape [board, 81], not {list(quizzes.shape)}")
    whole, quizzes = not quizzes.is_floating_point(), quizzes.long()
    if not whole or quizzes.min() < 0 or quizzes.max() > 9:
        raise BoardError("a board holds whole numbers: the digits 1-9, and 0 for a blank")
    repeated = repeated_cells(quizzes).nonzero()
    if len(repeated):
        board, cell = repeated[0].tolist()
        what = f"the {quizzes[board, cell]} in {cell_name(cell)} stands again in the same"
        raise BoardError(f"board {board} is impossible: {what} row, column or box")
    return quizzes.to(torch.uint8)


def _solve_batch(model, quizzes, threshold):
    boards = quizzes.clone()
    step_of = torch.zeros_like(boards, dtype=torch.int16)
    confidence = (boards > 0).float()
    open_boards = torch.arange(len(boards), device=boards.device)  # indices
    step = 0
    while True:
        now = boards[open_boards]
        open_boards = open_boards[(now == 0).any(1) & ~repeated_cells(now).any(1)]
        if not len(open_boards):
            break
        step += 1
        now = boards[open_boards]
        probability, digit = model(now)[-1].softmax(2).max(2)  # both [board, cell]
        # A broken net is sure of nothing; -1: a filled cell is never chosen.
        probability = probability.nan_to_num(0.0).masked_fill(now > 0, -1)
        surest = F.one_hot(probability.argmax(1), 81).bool()
        fill = (probability >= threshold) | surest
        boards[open_boards] = torch.where(fill, (digit + 1).to(torch.uint8), now)
        step_of[open_boards] = step_of[open_boards].masked_fill(fill, step)
        confidence[open_boards] = torch.where(fill, probability, confidence[open_boards])
    solved = (boards > 0).all(1) & ~repeated_cells(boards).any(1)
    return boards, step_of, confidence, solved
