"""How hard a board is: whether singles solve it, as they solve those of ``make_boards``, or more is needed."""

import numpy as np

from .rules import CELL, PEERS, UNITS, UNITS_OF, Boards, count_solutions, taken_digits

DIGIT_BITS = 1 << np.arange(9)
CLUES = [(17, 22), (23, 23), (24, 24), (25, 25), (26, 35)]  # fewest and most, of minimal boards


def solved_by_singles(quizzes):
    """Which boards [board, 81] can be solved by naked and hidden singles alone: bool [board].

    A *naked single* is a blank cell for which the rules leave one digit; a *hidden single* is a digit for which
    they leave one cell of a row, column or box.
    """
    boards = np.array(quizzes, dtype=np.uint8)
    while True:
        possible = (taken_digits(boards)[..., None] & DIGIT_BITS) == 0  # [board, cell, digit]
        possible &= (boards == 0)[..., None]
        only = possible[:, UNITS].sum(2) == 1  # [board, unit, digit]: in one cell of the unit
        hidden = possible & only[:, UNITS_OF].any(2)
        naked = possible & (possible.sum(2) == 1)[..., None]
        found = hidden | naked
        if not found.any():
            return (boards > 0).all(1)
        boards = np.where(found.any(2), found.argmax(2).astype(np.uint8) + 1, boards)


def by_difficulty(boards):
    """Minimal boards by what it takes to solve them, and again by how many clues they have: ``{kind: Boards}``."""
    singles = solved_by_singles(boards.quizzes)
    kinds = {"singles do": boards.where(singles), "more is needed": boards.where(~singles)}
    n_clues = (boards.quizzes > 0).sum(1)
    for fewest, most in CLUES:
        within = (fewest <= n_clues) & (n_clues <= most)
        if within.any():
            kinds[f"{fewest} to {most} clues"] = boards.where(within)
    return kinds


def minimize_clues(boards, seed, shown=iter):
    """The same boards with so few clues that none can be left out: each keeps exactly one solution.

    Clues are taken away in random order, wherever no other digit in that cell leads to a solution. That takes a search,
    so some hundredths of a second for a board. The first boards of more are the same. ``shown`` goes through
    the boards, and may show how far it is, as ``tqdm`` does.
    """
    rng = np.random.default_rng(seed)
    quizzes = boards.quizzes.copy()
    for quiz in shown(quizzes):
        for cell in rng.permutation(np.flatnonzero(quiz)):
            digit, quiz[cell] = quiz[cell], 0
            if _has_solution_without(quiz, cell, digit):
                quiz[cell] = digit
    return Boards(quizzes, boards.solutions)


def _has_solution_without(quiz, cell, digit):
    """Whether a quiz [81] has a solution in which a blank cell holds another digit."""
    others = set(range(1, 10)) - {digit, *quiz[PEERS[cell]]}
    return any(count_solutions(np.where(cell == CELL, other, quiz), limit=1) for other in others)
