"""How hard a board is: whether singles solve it, as they solve those of ``data.make_boards``, or more is needed."""

from pathlib import Path

import numpy as np

from . import data
from .errors import BoardError

DIGIT_BITS = 1 << np.arange(9)


def taken_digits(boards):
    """The digits that stand in a cell's row, column or box, as bits: int [board, 81] of boards [board, 81]."""
    bits = np.where(boards > 0, 1 << (boards.astype(int) - 1).clip(0), 0)  # [board, cell]
    held = np.bitwise_or.reduce(bits[:, data.UNITS], axis=2)  # [board, unit]
    return np.bitwise_or.reduce(held[:, data.UNITS_OF], axis=2)


def solved_by_singles(quizzes):
    """Which boards [board, 81] can be solved by naked and hidden singles alone: bool [board].

    A *naked single* is a blank cell for which the rules leave one digit; a *hidden single* is a digit for which
    they leave one cell of a row, column or box.
    """
    boards = np.array(quizzes, dtype=np.uint8)
    while True:
        possible = (taken_digits(boards)[..., None] & DIGIT_BITS) == 0  # [board, cell, digit]
        possible &= (boards == 0)[..., None]
        only = possible[:, data.UNITS].sum(2) == 1  # [board, unit, digit]: in one cell of the unit
        hidden = possible & only[:, data.UNITS_OF].any(2)
        naked = possible & (possible.sum(2) == 1)[..., None]
        found = hidden | naked
        if not found.any():
            return (boards > 0).all(1)
        boards = np.where(found.any(2), found.argmax(2).astype(np.uint8) + 1, boards)


def thin(boards, seed):
    """The same boards with so few clues that none can be left out: each keeps exactly one solution.

    Clues are taken away in random order, wherever no other digit in that cell leads to a solution. That takes a search,
    so some hundredths of a second for a board. The first boards of more are the same.
    """
    rng = np.random.default_rng(seed)
    quizzes = boards.quizzes.copy()
    for quiz in quizzes:
        for cell in rng.permutation(np.flatnonzero(quiz)):
            digit, quiz[cell] = quiz[cell], 0
            if _has_solution_without(quiz, cell, digit):
                quiz[cell] = digit
    return data.Boards(quizzes, boards.solutions)


def training_boards(n, n_thin, folder=data.DATA_DIR / "made"):
    """``data.training_boards(n)``, the first ``n_thin`` of them thinned. These are made on first use, and kept."""
    boards = data.training_boards(n)
    if not n_thin:
        return boards
    if n_thin > len(boards.quizzes):
        raise BoardError(f"cannot thin {n_thin} of {len(boards.quizzes)} training boards")
    thinned = data.kept(
        Path(folder) / f"thinned_n{n_thin}.csv", lambda: thin(boards.first(n_thin), seed=0)
    )
    return data.Boards(
        *(np.concatenate([new, old[n_thin:]]) for new, old in zip(thinned, boards, strict=True))
    )


def thinned_by_kind(boards):
    """Boards thinned, in two parts: those that singles still solve, and those that need more."""
    thinned = thin(boards, seed=0)
    singles = solved_by_singles(thinned.quizzes)
    return [data.Boards(*(part[chosen] for part in thinned)) for chosen in (singles, ~singles)]


def _has_solution_without(quiz, cell, digit):
    """Whether a quiz [81] has a solution in which a blank cell holds another digit."""
    others = set(range(1, 10)) - {digit, *quiz[data.PEERS[cell]]}
    return any(
        data.count_solutions(np.where(cell == data.CELL, other, quiz), limit=1) for other in others
    )
