"""What each trick of the training step brings: ``python -m benchmarks.step`` takes them out, one at a time.

``python -m benchmarks.step COMMIT`` holds the step of this checkout beside that of an older commit instead. Processor
time, one thread, by turns.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from torch.nn.functional import scaled_dot_product_attention

from benchmarks import measure
from benchmarks.measure import SIZES, by_turns, few_steps, patched, ratio, table
from sudoku_sweep import data
from sudoku_sweep.recipe.gradients import micro_batches, targets

HERE = Path(__file__).resolve().parent.parent
REPEATS = 9


def every_cell(quizzes, solutions):
    """``micro_batches`` that ask for all 81 cells."""
    target = targets(quizzes, solutions)
    for indices, _, _ in micro_batches(quizzes, solutions):
        yield indices, None, target[indices]


WITHOUT = {
    "nothing": {},
    "blank cells only": {"sudoku_sweep.train.micro_batches": every_cell},
    "micro-batches": {"sudoku_sweep.recipe.gradients.MICRO_BATCH": 10**9},
    "attention of our own": {"sudoku_sweep.model.attention": scaled_dot_product_attention},
    "heads in groups": {"sudoku_sweep.recipe.attention.CHUNK_SIZE": 10**9},
}


def print_tricks():
    """Print a row per trick, a column per size: how much longer a step takes without it."""
    boards, rows = data.load_split("train"), {name: [name] for name in WITHOUT}

    def train(changes, config):
        with patched(changes):
            measure.fit(config, boards)

    for config in map(few_steps, SIZES):
        ways = {name: lambda w=changes, c=config: train(w, c) for name, changes in WITHOUT.items()}
        by_turns(ways, repeats=1)  # warms up
        seconds = by_turns(ways, REPEATS)
        for name in WITHOUT:
            rows[name].append(f"{100 * (ratio(seconds, 'nothing', name) - 1):+.0f} %")
    print(table(["a step without", *SIZES], list(rows.values())[1:]))


# Prints the milliseconds of a step for each of a list of configs, in any version that has `train.fit`.
STEP_TIMES = """
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


def step_times(folder):
    """Milliseconds per step of the version in a folder: [size]."""
    names = ("batch_size", "steps_per_epoch", "epochs", "embedding_dim", "attention_dim", "n_heads")
    configs = [few_steps(size).model_dump(include=set(names)) for size in SIZES]
    command = [sys.executable, "-c", STEP_TIMES, json.dumps(configs)]
    version = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=version, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def print_beside(commit):
    """Print a row per size: a step at the commit, a step here, and how many times as long that takes."""
    with tempfile.TemporaryDirectory() as folder:
        archive = ["git", "archive", commit]
        packed = subprocess.run(archive, cwd=HERE, check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=packed, check=True)
        pairs = [(step_times(folder), step_times(HERE)) for _ in range(REPEATS)]
    rows = []
    for index, size in enumerate(SIZES):
        before = [old[index] for old, _ in pairs]
        now = [new[index] for _, new in pairs]
        times = f"{ratio({'before': before, 'now': now}, 'before', 'now'):.2f}"
        rows.append([size, f"{median(before):.1f}", f"{median(now):.1f}", times])
    print(table(["size", f"ms/step, {commit}", "ms/step, here", f"here / {commit}"], rows))


if __name__ == "__main__":
    print_beside(sys.argv[1]) if sys.argv[1:] else print_tricks()
