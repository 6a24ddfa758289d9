"""What W&B costs a run of the full preset: ``python -m benchmarks.logging_cost`` prints it."""

import os
import tempfile
import time
from statistics import median

import torch
import wandb

from benchmarks.measure import REPEATS, by_turns, config_of, nothing_to_solve
from sudoku_sweep import data, sweeps, train

EPOCHS, STEPS_PER_EPOCH = 50, 40  # of the full preset


def logged_run():
    """A run that logs what a run of the full preset logs, and trains nothing; returns the seconds in ``log``."""
    rows = {"epoch": 1, "train_loss": 2.2, "train_accuracy": 0.1, "learning_rate": 1e-3}
    rows |= {"val_loss": 2.2, "val_accuracy": 0.1, "val_solved": 0.0}
    with wandb.init(project=sweeps.PROJECT, config=dict(train.Config())) as run:
        start = time.perf_counter()
        for epoch in range(EPOCHS):
            run.log(rows | {"epoch": epoch})
        return time.perf_counter() - start


def offline(folder):
    """Have wandb write offline runs to a folder and print nothing."""
    os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_DIR=folder)


def milliseconds_per_log():
    """What one call of ``run.log`` takes."""
    with tempfile.TemporaryDirectory() as folder:
        offline(folder)
        logged_run()  # the first starts wandb's background process
        return 1e3 * median(logged_run() for _ in range(REPEATS)) / EPOCHS


def main():
    """Print the share of W&B in a run of the full preset in the middle of the grid."""
    torch.set_num_threads(1)
    boards = data.load_split("train")
    config = config_of(512, 2, (20, 27, 3), steps=3)
    with tempfile.TemporaryDirectory() as folder:
        offline(folder)
        logged_run()
        seconds = by_turns(
            {
                "W&B": logged_run,
                "training": lambda: train.fit(
                    config, boards, nothing_to_solve(boards), device="cpu"
                ),
            }
        )
    logging = median(seconds["W&B"])
    training = median(seconds["training"]) / config.steps_per_epoch * EPOCHS * STEPS_PER_EPOCH
    print(f"init, {EPOCHS} x log and finish of an offline run: {logging:.2f} s")
    print(f"{EPOCHS * STEPS_PER_EPOCH} steps of 512 boards: {training:.0f} s")
    print(f"share of W&B: {100 * logging / training:.2f} %")


if __name__ == "__main__":
    main()
