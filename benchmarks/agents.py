"""What an agent costs per run: ``local.agent`` beside ``wandb.agent``, on runs that log one number.

``wandb.agent`` is W&B's own, unchanged, against the server of the tests on this machine, so no network adds to it.
"""

import contextlib
import os
import tempfile
import time
from itertools import pairwise
from statistics import median

import wandb

from sudoku_sweep import local
from tests.helpers.wandb_server import Server

LOCAL_RUNS, WANDB_RUNS, ROUNDS = 25, 5, 2


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
    """Print the table of ``benchmarks/README.md``."""
    measured = {"`local.agent`": [], "`wandb.agent`": []}
    with tempfile.TemporaryDirectory() as folder, Server() as server:
        os.environ.update(server.environment, WANDB_DIR=folder, WANDB_SILENT="true")
        for _ in range(ROUNDS):  # interleaved: both meet the machine's moods
            measured["`local.agent`"] += seconds_per_run(local, LOCAL_RUNS)
            measured["`wandb.agent`"] += seconds_per_run(wandb, WANDB_RUNS)
    print("| agent | runs | seconds per run: median | min | max |\n|---|---|---|---|---|")
    for name, seconds in measured.items():
        print(
            f"| {name} | {len(seconds) + ROUNDS} | {median(seconds):.2f} | {min(seconds):.2f} | {max(seconds):.2f} |"
        )


if __name__ == "__main__":
    main()
