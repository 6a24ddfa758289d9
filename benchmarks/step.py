"""What each trick of the training step brings: ``python -m benchmarks.step`` takes them out, one at a time.

``python -m benchmarks.step COMMIT`` holds the step of this checkout beside that of an older commit instead. Processor
time, one thread, by turns.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import torch
from torch.nn.functional import scaled_dot_product_attention

from benchmarks import measure
from benchmarks.measure import by_turns, config_of, patched, ratio, table
from sudoku_sweep import data
from sudoku_sweep.recipe.gradients import NO_TARGET, micro_batches

HERE = Path(__file__).resolve().parent.parent
REPEATS = 9
STEPS = {16: 20, 512: 2}  # per measurement, by batch size
# batch size, (embedding_dim, attention_dim, n_heads)
SIZES = {
    "quick": (16, (20, 36, 3)),
    "quick, narrow": (16, (20, 9, 3)),
    "laptop, one head": (16, (20, 18, 1)),
    "laptop, nine heads": (16, (30, 36, 9)),
    "full, nine heads": (512, (30, 36, 9)),
}


def every_cell(quizzes, solutions):
    """``micro_batches`` that ask for all 81 cells."""
    target = torch.where(quizzes == 0, solutions.long() - 1, NO_TARGET)
    for rows, _, _ in micro_batches(quizzes, solutions):
        yield rows, None, target[rows]


WITHOUT = {
    "nothing": {},
    "blank cells only": {"sudoku_sweep.train.micro_batches": every_cell},
    "micro-batches": {"sudoku_sweep.recipe.gradients.MICRO_BATCH": 10**9},
    "attention of our own": {"sudoku_sweep.model.attention": scaled_dot_product_attention},
    "heads in groups": {"sudoku_sweep.recipe.attention.GROUP": 10**9},
}
# Prints the milliseconds of a step for each of a list of configs, in any version that has `train.fit`.
STEP_OF_A_VERSION = """
import json, sys, time, torch
from sudoku_sweep import data, train
torch.set_num_threads(1)
boards = data.load_split("train")
solved = type(boards)(boards.solutions[:1], boards.solutions[:1])  # to validate in no time
def milliseconds(values):
    config = train.Config(**values)
    start = time.process_time()
    train.fit(config, boards, solved, device="cpu")
    return 1e3 * (time.process_time() - start) / config.steps_per_epoch
configs = json.loads(sys.argv[1])
milliseconds(configs[0])  # warms up
print(json.dumps(list(map(milliseconds, configs))))
"""


def config(size):
    """The config of a size."""
    batch_size, shape = SIZES[size]
    return config_of(batch_size, shape, steps_per_epoch=STEPS[batch_size])


def without(changes, size, boards):
    """Train for a few steps without a trick."""
    with patched(changes):
        measure.fit(config(size), boards)


def print_tricks():
    """Print a row per trick, a column per size: how much longer a step takes without it."""
    boards = data.load_split("train")
    rows = {name: [name] for name in WITHOUT}
    for size in SIZES:
        ways = {name: lambda c=c, s=size: without(c, s, boards) for name, c in WITHOUT.items()}
        by_turns(ways, 1)  # warms up
        seconds = by_turns(ways, REPEATS)
        for name in WITHOUT:
            rows[name].append(f"{100 * (ratio(seconds, 'nothing', name) - 1):+.0f} %")
    print(table(["a step without", *SIZES], list(rows.values())[1:]))


def step_times(folder):
    """Milliseconds per step of the version in a folder: [size]."""
    names = ("batch_size", "steps_per_epoch", "epochs", "embedding_dim", "attention_dim", "n_heads")
    configs = [{name: getattr(config(size), name) for name in names} for size in SIZES]
    command = [sys.executable, "-c", STEP_OF_A_VERSION, json.dumps(configs)]
    version = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=version, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def print_beside(commit):
    """Print a row per size: a step at the commit, a step here, and how many times as long that takes."""
    times = {commit: [], "here": []}  # [repeat][size]
    with tempfile.TemporaryDirectory() as folder:
        archive = ["git", "archive", commit]
        packed = subprocess.run(archive, cwd=HERE, check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=packed, check=True)
        for _ in range(REPEATS):
            for version, where in ((commit, folder), ("here", HERE)):
                times[version].append(step_times(where))
    rows = []
    for size, *columns in zip(SIZES, *(zip(*t, strict=True) for t in times.values()), strict=True):
        of_size = dict(zip(times, columns, strict=True))
        shown = [f"{median(column):.1f}" for column in columns]
        rows.append([size, *shown, f"{ratio(of_size, commit, 'here'):.2f}"])
    header = ["size", f"ms/step, {commit}", "ms/step, here", f"here / {commit}"]
    print(table(header, rows))


def main():
    """Print one of the two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit", nargs="?")
    commit = parser.parse_args().commit
    print_beside(commit) if commit else print_tricks()


if __name__ == "__main__":
    main()
