"""Whole sweeps of 40 short runs: ``python -m benchmarks.sweeps`` prints runs per hour.

This project's command line, with one worker, two, and stacks, beside W&B's own agent with the training loop of
tutorials. That agent talks to the server of the tests on this machine, so no network adds to its time.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
import wandb
import yaml

from benchmarks import plain
from benchmarks.measure import table
from sudoku_sweep import data, sweeps, train
from tests.wandb_server import Server

ROUNDS = 3
SWEEP = {
    "method": "grid",
    "metric": {"name": "train_loss", "goal": "minimize"},
    "parameters": {
        "learning_rate": {"values": [1e-4, 5e-4, 1e-3, 2.5e-3, 5e-3]},
        "seed": {"values": list(range(8))},
        "embedding_dim": {"value": 20},
        "attention_dim": {"value": 27},
        "n_heads": {"value": 3},
        "epochs": {"value": 1},
        "batch_size": {"value": 64},
        "steps_per_epoch": {"value": 20},
    },
}
WAYS = {
    "one worker": [],
    "two workers": ["--workers", "2"],
    "stacks of 5": ["--stack", "5"],
    "stacks of 15": ["--stack", "15"],
}


def command(*arguments):
    """Run ``python -m sudoku_sweep ...``."""
    run = [sys.executable, "-m", "sudoku_sweep", *arguments]
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL)


def local_seconds(flags):
    """From the start of the command that trains the sweep to its end, start of Python included."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(WANDB_DIR=folder, WANDB_MODE="offline")
        file = Path(folder, "sweep.yaml")
        file.write_text(yaml.safe_dump(SWEEP))
        command("sweep", str(file))
        start = time.perf_counter()
        command("agent", *flags, "--validation-boards", "8", "--device", "cpu")
        return time.perf_counter() - start


def wandb_seconds():
    """From the start of W&B's agent to its end, in this process."""
    boards = data.load_split("train")

    def train_plain():
        with wandb.init() as run:
            plain.fit(train.Config.of(run.config), boards, log=run.log)

    with tempfile.TemporaryDirectory() as folder, Server() as server:
        os.environ.update(server.environment, WANDB_DIR=folder, WANDB_SILENT="true")
        os.environ.pop("WANDB_MODE", None)
        with contextlib.redirect_stdout(None):
            sweep_id = wandb.sweep(SWEEP, project="speed")
            start = time.perf_counter()
            wandb.agent(sweep_id, function=train_plain, count=sweeps.grid_size(SWEEP))
            seconds = time.perf_counter() - start
        wandb.teardown()
    return seconds


def main():
    """Print the table: this project's ways by turns, then W&B's agent, once, since it takes long."""
    torch.set_num_threads(1)
    n_runs = sweeps.grid_size(SWEEP)
    seconds = {name: [] for name in WAYS}
    for _ in range(ROUNDS):
        for name, flags in WAYS.items():
            seconds[name].append(local_seconds(flags))
    seconds["`wandb.agent`, plain PyTorch"] = [wandb_seconds()]
    base = median(seconds["one worker"])
    rows = [
        [name, f"{3600 * n_runs / median(s):,.0f}", f"{base / median(s):.2f}", len(s)]
        for name, s in seconds.items()
    ]
    print(table([f"{n_runs} runs of 20 steps", "runs/hour", "x one worker", "rounds"], rows))


if __name__ == "__main__":
    main()
