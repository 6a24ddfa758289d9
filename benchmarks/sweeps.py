"""Whole sweeps: ``python -m benchmarks.sweeps`` prints runs per hour, for runs of two lengths.

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

import wandb
import yaml

from benchmarks import plain
from benchmarks.measure import table
from sudoku_sweep import data, train
from tests.helpers.wandb_server import Server

N_RUNS, ROUNDS = 24, 2
SHORT, LONG = 20, 300  # steps; those of `quick` are long
WORKERS = {"one worker": "1", "two workers": "2"}
PEER = "`wandb.agent`, plain PyTorch"


def sweep_of(steps):
    """A grid of ``N_RUNS`` runs that have so many steps, of the size of `quick`."""
    fixed = dict(embedding_dim=20, attention_dim=36, n_heads=3, epochs=1, batch_size=16)
    fixed |= dict(steps_per_epoch=steps, validation_boards=8)
    parameters = {name: {"value": value} for name, value in fixed.items()}
    return {"method": "grid", "parameters": parameters | {"seed": {"values": list(range(N_RUNS))}}}


def command(*arguments):
    """Run ``python -m sudoku_sweep ...``."""
    run = [sys.executable, "-m", "sudoku_sweep", *arguments]
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL)


def local_seconds(config, n_workers):
    """From the start of the command that trains the sweep to its end, start of Python included."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(WANDB_DIR=folder, WANDB_MODE="offline")
        file = Path(folder, "sweep.yaml")
        file.write_text(yaml.safe_dump(config))
        command("sweep", str(file))
        start = time.perf_counter()
        command("agent", "--workers", n_workers, "--device", "cpu")
        return time.perf_counter() - start


def wandb_seconds(config):
    """From the start of W&B's agent to its end, in this process."""
    boards = data.load_split("train")

    def train_plain():
        with wandb.init() as run:
            losses = plain.fit(train.Config(**run.config), boards, dropout=0.0)
            for loss in losses:
                run.log({"train_loss": loss})

    with tempfile.TemporaryDirectory() as folder, Server() as server:
        os.environ.update(server.environment, WANDB_DIR=folder, WANDB_SILENT="true")
        os.environ.pop("WANDB_MODE", None)
        with contextlib.redirect_stdout(None):
            sweep_id = wandb.sweep(config, project="speed")
            start = time.perf_counter()
            wandb.agent(sweep_id, function=train_plain, count=N_RUNS)
            seconds = time.perf_counter() - start
        wandb.teardown()
    return seconds


def rows_of(steps, with_wandb):
    """Rows of the table: this project's ways by turns, then W&B's agent, once, since it takes long."""
    config = sweep_of(steps)
    seconds = {name: [] for name in WORKERS}
    for _ in range(ROUNDS):
        for name, n_workers in WORKERS.items():
            seconds[name].append(local_seconds(config, n_workers))
    if with_wandb:
        seconds[PEER] = [wandb_seconds(config)]
    base = median(seconds["one worker"])
    return [
        [steps, name, f"{3600 * N_RUNS / median(some):,.0f}", f"{base / median(some):.2f}"]
        for name, some in seconds.items()
    ]


def main():
    """Print the table."""
    rows = rows_of(SHORT, with_wandb=True) + rows_of(LONG, with_wandb=False)
    print(table(["steps", f"sweep of {N_RUNS} runs", "runs/hour", "x one worker"], rows))


if __name__ == "__main__":
    main()
