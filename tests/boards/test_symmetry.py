import numpy as np

from sudoku_sweep.boards import generator, symmetry


def scramble(grid, rng):
    """Another form of the same grid: new digits, lines and bands permuted, perhaps transposed."""
    lines = [
        np.concatenate([3 * band + rng.permutation(3) for band in rng.permutation(3)])
        for _ in range(2)
    ]
    square = grid.reshape(9, 9)[lines[0]][:, lines[1]]
    if rng.random() < 0.5:
        square = square.T
    return (rng.permutation(9) + 1)[square - 1].astype(np.uint8).reshape(81)


def test_fingerprints_ignore_symmetries_and_tell_grids_apart():
    grids = generator.make_boards(1000, seed=7).solutions
    rng = np.random.default_rng(2)
    scrambled = np.stack([scramble(grid, rng) for grid in grids])
    assert (symmetry.fingerprints(scrambled) == symmetry.fingerprints(grids)).all()
    assert len(np.unique(symmetry.fingerprints(grids))) == len(grids)
