import numpy as np
from transformed import scramble

from sudoku_sweep.boards import generator, symmetry
from sudoku_sweep.data import check_boards


def test_fingerprints_ignore_symmetries_and_tell_grids_apart():
    grids = generator.make_boards(1000, seed=7).solutions
    rng = np.random.default_rng(2)
    scrambled = np.stack([scramble(grid, rng) for grid in grids])
    assert (symmetry.fingerprints(scrambled) == symmetry.fingerprints(grids)).all()
    assert len(np.unique(symmetry.fingerprints(grids))) == len(grids)


def test_another_form_is_the_same_puzzle_and_looks_new(boards):
    forms = symmetry.another_form(boards, np.random.default_rng(3))
    check_boards(forms, "forms", range(len(forms.quizzes)))
    same = symmetry.fingerprints(forms.solutions) == symmetry.fingerprints(boards.solutions)
    assert same.all() and (forms.solutions != boards.solutions).any(1).all()
    assert ((forms.quizzes > 0).sum(1) == (boards.quizzes > 0).sum(1)).all()
