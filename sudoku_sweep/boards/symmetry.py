"""Sudoku's symmetries: whether two solved grids are forms of each other."""

import numpy as np


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
