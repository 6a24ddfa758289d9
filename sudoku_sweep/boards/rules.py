"""What a Sudoku board is: its cells and units, its rules, and how many solutions it has.

A board is 81 digits read row by row, 0 for a blank. Many boards are one uint8 array [board, cell].
"""

import math
from typing import NamedTuple

import numpy as np

CELL = np.arange(81)
ROW, COLUMN = CELL // 9, CELL % 9
BOX = ROW // 3 * 3 + COLUMN // 3
# [cell, 3]: its row, column and box, as units 0-26
UNITS_OF = np.stack([ROW, 9 + COLUMN, 18 + BOX], axis=1)
# [unit, 9]: the cells of each unit
UNITS = np.stack([CELL[(unit == UNITS_OF).any(1)] for unit in range(27)])
PEERS = np.stack([np.setdiff1d(UNITS[UNITS_OF[cell]], cell) for cell in CELL])  # [cell, 20]

ALL_DIGITS = 0b111_111_111  # digit d is bit d - 1
N_DIGITS = np.array([bits.bit_count() for bits in range(512)], dtype=np.uint8)
NTH_DIGIT = np.array(  # [bits, n]: the n-th digit among the set bits, 0 past the last
    [([d for d in range(1, 10) if bits >> (d - 1) & 1] + [0] * 9)[:9] for bits in range(512)],
    dtype=np.uint8,
)


class Boards(NamedTuple):
    """Quizzes with their solutions, both uint8 arrays [board, cell]."""

    quizzes: np.ndarray
    solutions: np.ndarray

    def first(self, n):
        """The first ``n`` boards (all of them if ``n`` is None)."""
        return Boards(self.quizzes[:n], self.solutions[:n])

    def where(self, chosen):
        """The boards for which the mask ``chosen``, bool [board], holds."""
        return Boards(self.quizzes[chosen], self.solutions[chosen])


def cell_name(cell):
    """A cell (0-80) as messages name it."""
    return f"row {cell // 9 + 1}, column {cell % 9 + 1}"


def obeys_rules(grids):
    """Which full grids [board, 81] hold every digit 1-9 once per row, column and box: bool [board]."""
    return (unit_digits(grids) == ALL_DIGITS).all(1)


def repeated_cells(boards):
    """Which cells hold a digit that stands again in their row, column or box: bool [board, 81].

    ``boards`` [board, 81], full or not, is an array or a tensor, and so is what comes back.
    """
    return (boards[:, PEERS] == boards[..., None]).any(2) & (boards > 0)


def unit_digits(boards):
    """The digits that stand in each unit, as bits: int [board, 27] of boards [board, 81]."""
    bits = np.where(boards > 0, 1 << (boards.astype(int) - 1).clip(0), 0)  # [board, cell]
    return np.bitwise_or.reduce(bits[:, UNITS], axis=2)


def taken_digits(boards):
    """The digits that stand in a cell's row, column or box, as bits: int [board, 81] of boards [board, 81]."""
    return np.bitwise_or.reduce(unit_digits(boards)[:, UNITS_OF], axis=2)


def count_solutions(board, limit=2, guesses=math.inf):
    """How many solutions one board [81] has, counted up to ``limit``, by backtracking.

    Most constrained cell first. Meant for single boards; boards made here are unique by construction. There are boards
    that take hours: None if that many ``guesses`` were too few to tell.
    """
    board = np.asarray(board)
    if repeated_cells(board[None]).any():
        return 0
    seen, units_of = unit_digits(board[None])[0].tolist(), UNITS_OF.tolist()

    def most_constrained(blanks):
        best, best_free, fewest = None, None, 10
        for cell in blanks:
            a, b, c = units_of[cell]
            free = ALL_DIGITS & ~(seen[a] | seen[b] | seen[c])
            if free.bit_count() < fewest:
                best, best_free, fewest = cell, free, free.bit_count()
                if fewest < 2:
                    break
        return best, best_free

    guessed = 0

    def search(blanks, found):
        nonlocal guessed
        if not blanks:
            return found + 1
        guessed += 1
        cell, free = most_constrained(blanks)
        for digit in range(9):
            bit = 1 << digit
            if free & bit and found < limit and guessed < guesses:
                for unit in units_of[cell]:
                    seen[unit] |= bit
                found = search(blanks - {cell}, found)
                for unit in units_of[cell]:
                    seen[unit] ^= bit
        return found

    found = search(set(np.flatnonzero(board == 0).tolist()), 0)
    return found if found == limit or guessed < guesses else None
