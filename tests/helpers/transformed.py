"""Other forms of a Sudoku grid."""

import numpy as np


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
