import hashlib

import pytest
from second_solver import solutions

from sudoku_sweep import data
from sudoku_sweep.boards import generator
from sudoku_sweep.errors import BoardError

SMALL_SET_SHA256 = "924d5c82adde0048d88c9dc47e0796bae7fff2fc568e1d7f340f1a82285b24fb"


@pytest.fixture(scope="module")
def made():
    return generator.make_boards(1000, seed=7)


def test_every_made_board_has_one_solution_says_an_independent_solver(made):
    for quiz, solution in zip(*made, strict=True):
        assert solutions("".join(map(str, quiz))) == ["".join(map(str, solution))]


def test_a_small_set_never_changes():
    content = data.boards_to_csv(generator.make_boards(100, seed=3))
    assert hashlib.sha256(content).hexdigest() == SMALL_SET_SHA256


def test_the_first_boards_of_a_larger_set_are_the_smaller_set(made):
    assert (generator.make_boards(2500, seed=7).quizzes[:1000] == made.quizzes).all()
    assert (generator.make_boards(10, seed=8).quizzes != made.quizzes[:10]).any()


def test_clues_stay_in_the_range_asked_for_unless_a_board_cannot_get_there():
    clues = (generator.make_boards(500, seed=1, clues=(40, 45)).quizzes > 0).sum(1)
    assert set(clues) == set(range(40, 46))
    hard = (generator.make_boards(500, seed=1, clues=(17, 17)).quizzes > 0).sum(1)
    assert 28 <= hard.min() <= 33 and 34 < hard.mean() < 37


def test_impossible_requests_are_refused():
    for arguments in ((-1, 0), (5, 0, (16, 30)), (5, 0, (50, 40)), (5, 0, (30, 82))):
        with pytest.raises(BoardError):
            generator.make_boards(*arguments)
