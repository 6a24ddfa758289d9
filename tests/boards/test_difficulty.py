import numpy as np
import pytest

from sudoku_sweep.boards import difficulty, rules


def test_boards_made_here_are_solved_by_singles(boards):
    assert difficulty.solved_by_singles(boards.quizzes).all()


def test_a_board_with_two_solutions_is_not(boards):
    empty = np.zeros((1, 81), np.uint8)
    assert not difficulty.solved_by_singles(empty).any()
    assert difficulty.solved_by_singles(boards.solutions[:1]).all()


@pytest.fixture(scope="module")
def minimal(boards):
    return difficulty.minimize_clues(boards.first(6), seed=0)


def test_minimal_boards_have_one_solution_and_no_clue_to_spare(boards, minimal):
    assert (minimal.solutions == boards.solutions[:6]).all()
    for quiz, before, solution in zip(
        minimal.quizzes, boards.quizzes[:6], minimal.solutions, strict=True
    ):
        assert ((quiz == 0) | (quiz == solution)).all() and (before[quiz > 0] > 0).all()
        assert rules.count_solutions(quiz) == 1
        for cell in np.flatnonzero(quiz):
            fewer = quiz.copy()
            fewer[cell] = 0
            assert rules.count_solutions(fewer) == 2


def test_some_minimal_boards_need_more_than_singles(minimal):
    assert not difficulty.solved_by_singles(minimal.quizzes).all()


def test_the_board_given_is_left_as_it_was(boards):
    before = boards.quizzes[:2].copy()
    difficulty.solved_by_singles(before)
    assert (before == boards.quizzes[:2]).all()
