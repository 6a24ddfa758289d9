import numpy as np
import torch
from second_solver import solutions

from sudoku_sweep.boards import rules


def test_units_are_the_rows_columns_and_boxes_of_a_board():
    cells = np.arange(81).reshape(9, 9)
    boxes = [cells[row : row + 3, at : at + 3].ravel() for row in (0, 3, 6) for at in (0, 3, 6)]
    assert (np.concatenate([cells, cells.T, boxes]) == rules.UNITS).all()


def test_solutions_are_counted_as_an_independent_solver_counts_them(boards):
    rng = np.random.default_rng(0)
    for quiz in boards.quizzes[:60]:
        # often ambiguous
        board = np.where(rng.random(81) < rng.choice([0, 0.1, 0.3]), 0, quiz).astype(np.uint8)
        assert rules.count_solutions(board) == len(solutions("".join(map(str, board))))


def test_solutions_of_special_boards(boards, impossible):
    empty = np.zeros(81, np.uint8)
    assert rules.count_solutions(empty, limit=5) == 5
    assert rules.count_solutions(boards.solutions[0]) == 1
    assert rules.count_solutions(impossible[0]) == 0
    assert rules.count_solutions(empty, guesses=20) is None  # too few to tell


def test_a_grid_obeys_the_rules_or_repeats_a_digit(boards):
    swapped = boards.solutions.copy()
    swapped[:, [0, 40]] = swapped[:, [40, 0]]  # fine where both cells hold the same digit
    repeats = rules.repeated_cells(swapped).any(1).tolist()
    assert rules.obeys_rules(boards.solutions).all() and 0 < sum(repeats) < len(repeats)
    assert rules.obeys_rules(swapped).tolist() == [not repeated for repeated in repeats]
    assert not rules.obeys_rules(np.full((1, 81), 200, np.uint8)).any()


def test_repeated_cells_are_those_that_a_look_at_the_units_finds(boards):
    rng = np.random.default_rng(0)
    changes = rng.random((50, 81)) < 0.05
    changed = np.where(changes, rng.integers(0, 10, (50, 81)), boards.quizzes[:50])
    expected = np.zeros((50, 81), bool)
    for digits, found in zip(changed, expected, strict=True):
        for unit in rules.UNITS:
            for cell in unit:
                found[cell] |= digits[cell] > 0 and (digits[unit] == digits[cell]).sum() > 1
    assert expected.any() and (rules.repeated_cells(changed) == expected).all()
    assert (rules.repeated_cells(torch.from_numpy(changed)).numpy() == expected).all()
