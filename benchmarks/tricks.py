"""What each trick of the training step brings: ``python -m benchmarks.tricks`` takes them out, one at a time.

By turns, in one thread, in processor time, at the sizes of ``versions.POINTS``.
"""

import contextlib
import time
from statistics import median
from unittest import mock

import torch
from torch.nn import functional as F

from benchmarks.measure import config_of, nothing_to_solve, table
from benchmarks.versions import POINTS
from sudoku_sweep import attention, data, model, train

REPEATS = 9


def sums_of_every_cell(net, quizzes, solutions, n_asked):
    """``train.blank_cell_sums`` of a net that answers for all cells, in the last pass as well."""
    blank = quizzes == 0
    scores, target = net(quizzes), solutions.long() - 1
    right = (scores[-1].argmax(2) == target) & blank
    return (train.cell_losses(scores, target) * blank).sum(), right.sum(), blank.sum()


WITHOUT = {
    "nothing": contextlib.nullcontext,
    "answers for blanks only": lambda: mock.patch.object(
        train, "blank_cell_sums", sums_of_every_cell
    ),
    "chunks, sorted by blanks": lambda: mock.patch.object(train, "CHUNK", 10**9),
    "attention of our own": lambda: mock.patch.object(
        model, "attention", F.scaled_dot_product_attention
    ),
    "heads in groups": lambda: mock.patch.object(attention, "GROUP", 10**9),
}


def measure(boards, point):
    """How much longer a step takes without each trick, as a median over pairs: {trick: ratio}."""
    steps, batch_size, n_loops, shape = point
    config = config_of(batch_size, n_loops, shape, steps)
    seconds = {name: [] for name in WITHOUT}
    for _ in range(1 + REPEATS):  # the first one warms up
        for name, taken_out in WITHOUT.items():
            with taken_out():
                start = time.process_time()
                train.fit(config, boards, nothing_to_solve(boards), device="cpu")
                seconds[name].append(time.process_time() - start)
    everything = seconds.pop("nothing")[1:]
    return {
        name: median(slow / fast for slow, fast in zip(times[1:], everything, strict=True))
        for name, times in seconds.items()
    }


def main():
    """Print a row per trick, a column per size."""
    torch.set_num_threads(1)
    boards = data.load_split("train")
    ratios = {size: measure(boards, point) for size, point in POINTS.items()}
    rows = [
        [name, *(f"{100 * (ratios[size][name] - 1):+.0f} %" for size in POINTS)]
        for name in WITHOUT
        if name != "nothing"
    ]
    print(table(["a step without", *POINTS], rows))


if __name__ == "__main__":
    main()
