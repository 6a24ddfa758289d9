import numpy as np
import pytest

from sudoku_sweep import data
from sudoku_sweep.boards import difficulty, rules
from sudoku_sweep.cli import commands
from sudoku_sweep.errors import BoardError


def test_boards_made_here_are_solved_by_singles(boards):
    assert difficulty.solved_by_singles(boards.quizzes).all()


def test_a_board_with_two_solutions_is_not(boards):
    empty = np.zeros((1, 81), np.uint8)
    assert not difficulty.solved_by_singles(empty).any()
    assert difficulty.solved_by_singles(boards.solutions[:1]).all()


@pytest.fixture(scope="module")
def thinned(boards):
    return difficulty.minimize_clues(boards.first(6), seed=0)


def test_thinned_boards_have_one_solution_and_no_clue_to_spare(boards, thinned):
    for quiz, before, solution in zip(
        *thinned[:1], boards.quizzes, thinned.solutions, strict=False
    ):
        assert ((quiz == 0) | (quiz == solution)).all() and (before[quiz > 0] > 0).all()
        assert rules.count_solutions(quiz) == 1
        for cell in np.flatnonzero(quiz):
            fewer = quiz.copy()
            fewer[cell] = 0
            assert rules.count_solutions(fewer) == 2


def test_some_thinned_boards_need_more_than_singles(thinned):
    assert not difficulty.solved_by_singles(thinned.quizzes).all()


def test_the_board_given_is_left_as_it_was(boards):
    before = boards.quizzes[:2].copy()
    difficulty.solved_by_singles(before)
    assert (before == boards.quizzes[:2]).all()


def test_thinned_training_boards_are_the_first_ones_with_fewer_clues(tmp_path):
    boards = data.training_boards(6)
    mixed = data.training_boards(6, 3, folder=tmp_path)
    assert (mixed.solutions == boards.solutions).all()
    fewer = (mixed.quizzes > 0).sum(1) < (boards.quizzes > 0).sum(1)
    assert fewer.tolist() == [True] * 3 + [False] * 3
    again = data.training_boards(8, 3, folder=tmp_path)  # read from the file
    assert (again.quizzes[:6] == mixed.quizzes).all() and len(list(tmp_path.iterdir())) == 2


def test_no_more_boards_are_thinned_than_there_are(tmp_path):
    with pytest.raises(BoardError, match="thin 7 of 6"):
        data.training_boards(6, 7, folder=tmp_path)


def test_thinned_boards_are_sorted_by_what_they_need(boards, thinned):
    easy, hard = commands._minimal_by_kind(boards.first(6))
    assert difficulty.solved_by_singles(easy.quizzes).all()
    assert not difficulty.solved_by_singles(hard.quizzes).any()
    assert {*map(bytes, easy.quizzes), *map(bytes, hard.quizzes)} == {*map(bytes, thinned.quizzes)}
