"""Whole sweeps from the shell, with one worker and with two: ``python -m benchmarks.sweeps`` prints runs per hour.

Wall time from the start of the command to its end, the start of Python included.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import yaml

from benchmarks.measure import ratio, table
from sudoku_sweep.sweeps import PROJECT

N_RUNS, ROUNDS = 12, 1
STEPS = (20, 300)  # of a run; `quick` has 300
WORKERS = {"one worker": "1", "two workers": "2"}


def sweep_of(steps):
    """A grid of ``N_RUNS`` runs of so many steps, at the size of `quick`."""
    fixed = dict(embedding_dim=20, attention_dim=36, n_heads=3, epochs=1, batch_size=16)
    fixed |= dict(steps_per_epoch=steps, validation_boards=8)
    parameters = {name: {"value": value} for name, value in fixed.items()}
    parameters["seed"] = {"values": list(range(N_RUNS))}
    return {"project": PROJECT, "method": "grid", "parameters": parameters}


def command(*arguments):
    """Run ``python -m sudoku_sweep ...``."""
    run = [sys.executable, "-m", "sudoku_sweep", *arguments]
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL)


def seconds_of(steps, n_workers):
    """What it takes to train one sweep."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(WANDB_DIR=folder, WANDB_MODE="offline")
        file = Path(folder, "sweep.yaml")
        file.write_text(yaml.safe_dump(sweep_of(steps)))
        command("sweep", str(file))
        start = time.perf_counter()
        command("agent", "--workers", n_workers, "--device", "cpu")
        return time.perf_counter() - start


def main():
    """Print a row per number of steps and workers."""
    rows = []
    for steps in STEPS:
        seconds = {name: [] for name in WORKERS}
        for _ in range(ROUNDS):
            for name, n_workers in WORKERS.items():
                seconds[name].append(seconds_of(steps, n_workers))
        for name, some in seconds.items():
            per_hour = f"{3600 * N_RUNS / median(some):,.0f}"
            rows.append([steps, name, per_hour, f"{ratio(seconds, name, 'one worker'):.2f}"])
    print(table(["steps a run", f"sweep of {N_RUNS} runs", "runs/hour", "x one worker"], rows))


if __name__ == "__main__":
    main()
