import numpy as np
import pytest

from sudoku_sweep.boards import difficulty, rules


def test_boards_made_here_are_solved_by_singles_and_some_minimal_ones_are_not(boards, minimal):
    before = boards.quizzes.copy()
    assert difficulty.solved_by_singles(boards.quizzes).all()
    assert (boards.quizzes == before).all()
    assert not difficulty.solved_by_singles(minimal.quizzes).all()


@pytest.fixture(scope="module")
def minimal(boards):
    return difficulty.minimize_clues(boards.first(6), seed=0)


def test_minimal_boards_have_one_solution_and_no_clue_to_spare(boards, minimal):
    assert (minimal.solutions == boards.solutions[:6]).all()
    kept = minimal.quizzes > 0  # clues of the board before, and the right ones
    assert (minimal.quizzes[kept] == boards.quizzes[:6][kept]).all()
    for quiz in minimal.quizzes:
        assert rules.count_solutions(quiz) == 1
        for cell in np.flatnonzero(quiz):
            fewer = quiz.copy()
            fewer[cell] = 0
            assert rules.count_solutions(fewer) == 2
