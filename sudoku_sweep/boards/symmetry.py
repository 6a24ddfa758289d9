"""Sudoku's symmetries: other forms of a board, and whether two solved grids are forms of each other."""

import numpy as np

from .rules import Boards


def another_form(boards, rng):
    """Every board in another form: bands and stacks, and the lines in each, permuted, half of the boards transposed.

    With ``augment``, which renames the digits, that is every symmetry that Sudoku has. ``rng`` is one of numpy's.
    """
    n = len(boards.quizzes)
    rows, columns = _orders_of_lines(n, rng), _orders_of_lines(n, rng)
    # [board, row, column]: which cell goes there
    cells = rows[:, :, None] * 9 + columns[:, None, :]
    transposed = rng.random(n) < 0.5
    cells[transposed] = cells[transposed].transpose(0, 2, 1)
    return Boards(*(np.take_along_axis(part, cells.reshape(n, 81), 1) for part in boards))


def _orders_of_lines(n, rng):
    """Random orders of nine lines [n, 9] that keep the lines of a band together."""
    bands = rng.random((n, 3)).argsort(1)
    within = rng.random((n, 3, 3)).argsort(2)
    return (bands[:, :, None] * 3 + within).reshape(n, 9)


def fingerprints(grids):
    """A number per solved grid [board, 81] that Sudoku's symmetries leave alone: uint64 [board].

    Relabelling digits, permuting rows, columns, bands or stacks, and transposing turn a grid into another
    form of itself; a test set must hold no other form of a training grid. Two lines of a grid define a
    permutation of the nine digits, whose cycle type depends neither on labels nor on order; so do two digits
    with the nine places they take. Equal fingerprints of unrelated grids are possible, and rare.
    """
    square = grids.reshape(-1, 9, 9).astype(np.int64) - 1
    # [board, digit, row]: where the digit stands
    column_of = square.argsort(2, kind="stable").transpose(0, 2, 1)
    # each [board, 36]
    kinds = [_cycle_kinds(lines) for lines in (square, square.transpose(0, 2, 1), column_of)]
    first, second = np.triu_indices(9, 1)
    near = first // 3 == second // 3  # pairs of lines within one band or stack
    rows, columns = (
        _mix(np.concatenate([np.sort(kind[:, near], 1), np.sort(kind[:, ~near], 1)], 1))
        for kind in kinds[:2]
    )
    digits = _mix(np.sort(kinds[2], 1))
    return _mix(np.stack([np.minimum(rows, columns), np.maximum(rows, columns), digits], 1))


def _cycle_kinds(lines):
    """The cycle type, as a small number, of the permutation between each two of nine lines: [board, 36]."""
    first, second = np.triu_indices(9, 1)
    inverse = lines[:, first].argsort(2, kind="stable")
    # [board, pair, 9]: digit -> digit below it
    step = np.take_along_axis(lines[:, second], inverse, 2)
    power, kind = step, 0
    # how many digits are back after 2, 3 and 4 steps tells all cycle types apart
    for _ in range(3):
        power = np.take_along_axis(step, power, 2)
        kind = kind * 10 + (power == np.arange(9)).sum(2)
    return kind.astype(np.uint64)


def _mix(columns):
    """One number per row of a table of numbers: a polynomial in an odd constant, modulo 2**64."""
    mixed = np.zeros(len(columns), dtype=np.uint64)
    for column in columns.T:
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed


def leaked(boards, others):
    """Indices of the boards whose solution is, up to Sudoku's symmetries, a solution in ``others``."""
    return np.flatnonzero(np.isin(fingerprints(boards.solutions), fingerprints(others.solutions)))
