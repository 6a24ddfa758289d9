"""Whole sweeps of 40 runs: ``python -m benchmarks.sweeps`` prints runs per hour, for runs of several lengths.

This project's command line, with one worker and with two, beside W&B's own agent with the training loop of
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
from sudoku_sweep import data, local, train
from tests.helpers.wandb_server import Server

WAYS = {
    "one worker": [],
    "two workers": ["--workers", "2"],
}
SHORT, LONG = (5, 20), 100  # steps; W&B's agent is tried with the short ones only


def sweep_of(steps):
    """A grid of 40 runs that have so many steps."""
    fixed = dict(embedding_dim=20, attention_dim=27, n_heads=3, epochs=1, batch_size=64)
    fixed["steps_per_epoch"] = steps
    varied = {"learning_rate": [1e-4, 5e-4, 1e-3, 2.5e-3, 5e-3], "seed": list(range(8))}
    return {
        "method": "grid",
        "metric": {"name": "train_loss", "goal": "minimize"},
        "parameters": {name: {"values": values} for name, values in varied.items()}
        | {name: {"value": value} for name, value in fixed.items()},
    }


def command(*arguments):
    """Run ``python -m sudoku_sweep ...``."""
    run = [sys.executable, "-m", "sudoku_sweep", *arguments]
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL)


def local_seconds(config, flags):
    """From the start of the command that trains the sweep to its end, start of Python included."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(WANDB_DIR=folder, WANDB_MODE="offline")
        file = Path(folder, "sweep.yaml")
        file.write_text(yaml.safe_dump(config))
        command("sweep", str(file))
        start = time.perf_counter()
        command("agent", *flags, "--validation-boards", "8", "--device", "cpu")
        return time.perf_counter() - start


def wandb_seconds(config):
    """From the start of W&B's agent to its end, in this process."""
    boards = data.load_split("train")

    def train_plain():
        with wandb.init() as run:
            plain.fit(train.Config(**run.config), boards, log=run.log)

    with tempfile.TemporaryDirectory() as folder, Server() as server:
        os.environ.update(server.environment, WANDB_DIR=folder, WANDB_SILENT="true")
        os.environ.pop("WANDB_MODE", None)
        with contextlib.redirect_stdout(None):
            sweep_id = wandb.sweep(config, project="speed")
            start = time.perf_counter()
            wandb.agent(sweep_id, function=train_plain, count=local.n_runs(config))
            seconds = time.perf_counter() - start
        wandb.teardown()
    return seconds


def measure(steps, ways, rounds, with_wandb):
    """Rows of the table: this project's ways by turns, then W&B's agent, once, since it takes long."""
    config = sweep_of(steps)
    n_runs = local.n_runs(config)
    seconds = {name: [] for name in ways}
    for _ in range(rounds):
        for name, flags in ways.items():
            seconds[name].append(local_seconds(config, flags))
    if with_wandb:
        seconds["`wandb.agent`, plain PyTorch"] = [wandb_seconds(config)]
    base = median(seconds["one worker"])
    return [
        [steps, name, f"{3600 * n_runs / median(s):,.0f}", f"{base / median(s):.2f}", len(s)]
        for name, s in seconds.items()
    ]


def main():
    """Print the table."""
    torch.set_num_threads(1)
    rows = [row for steps in SHORT for row in measure(steps, WAYS, rounds=3, with_wandb=True)]
    rows += measure(LONG, WAYS, rounds=2, with_wandb=False)
    print(table(["steps", "sweep of 40 runs", "runs/hour", "x one worker", "rounds"], rows))


if __name__ == "__main__":
    main()
