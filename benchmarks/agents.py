"""What an agent costs per run: ``python -m benchmarks.agents``; its runs log one number.

``wandb.agent`` is W&B's own, unchanged, against the server of the tests on this machine, so no network adds to it.
"""

import contextlib
import os
import tempfile
import time
from itertools import pairwise
from statistics import median

import wandb

from benchmarks.measure import table
from sudoku_sweep import local
from tests.helpers.wandb_server import Server

AGENTS = {"`local.agent`": (local, 40), "`wandb.agent`": (wandb, 6)}  # and how many runs


def seconds_per_run(backend, n_runs):
    """From the start of each run to the start of the next one: [run], the last one left out."""
    starts = []

    def log_one_number():
        starts.append(time.perf_counter())
        with wandb.init() as run:
            run.log({"score": run.config.x})

    config = {"method": "grid", "parameters": {"x": {"values": list(range(n_runs))}}}
    with contextlib.redirect_stdout(None):
        sweep_id = backend.sweep(config, project="overhead")
        backend.agent(sweep_id, function=log_one_number, count=n_runs)
    return [after - before for before, after in pairwise(starts)]


def main():
    """Print a row per agent."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, Server() as server:
        os.environ.update(server.environment, WANDB_DIR=folder, WANDB_SILENT="true")
        for name, (backend, n_runs) in AGENTS.items():
            seconds = seconds_per_run(backend, n_runs)
            figures = [f"{one(seconds):.2f}" for one in (median, min, max)]
            rows.append([name, n_runs, *figures])
    print(table(["agent", "runs", "seconds per run: median", "min", "max"], rows))


if __name__ == "__main__":
    main()
