import numpy as np
from transformed import scramble

from sudoku_sweep.boards import generator, symmetry


def test_fingerprints_ignore_symmetries_and_tell_grids_apart():
    grids = generator.make_boards(1000, seed=7).solutions
    rng = np.random.default_rng(2)
    scrambled = np.stack([scramble(grid, rng) for grid in grids])
    assert (symmetry.fingerprints(scrambled) == symmetry.fingerprints(grids)).all()
    assert len(np.unique(symmetry.fingerprints(grids))) == len(grids)
