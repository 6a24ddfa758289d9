"""``agent``: run what is to do of a local sweep, in this process or in several."""

import os
import subprocess
import sys
from pathlib import Path

import click

from .. import local
from ..errors import SweepError
from . import options

DEVICES = Path("/dev")  # has a file nvidia0 for the first GPU, nvidia1 for the second
WORKERS = "processes that share the work: one per core, or several per GPU (default 1)"
SCORED = "score runs on so many, where the sweep does not say (default: all 2,000)"


@click.command()
@options.sweep_argument
@click.option("--workers", type=options.POSITIVE, default=1, help=WORKERS)
@click.option("--count", type=options.POSITIVE, help="at most so many runs per worker")
@click.option("--retry-failed", is_flag=True, help="run those again that failed")
@click.option("--validation-boards", type=options.POSITIVE, help=SCORED)
@options.machine_options
def agent(sweep, workers, count, retry_failed, validation_boards, boards, device, threads):
    """Run what is still to do of a local sweep."""
    sweep = options.chosen_sweep(sweep)  # refused before any worker starts
    sudoku = options.trains_sudoku(sweep.space, sweep.project)
    if not sudoku and (boards or device or validation_boards):
        raise SweepError(
            "--boards, --device, --validation-boards: not for a sweep with a program of its own"
        )
    try:
        if workers > 1:
            given = {"count": count, "boards": boards, "validation-boards": validation_boards}
            given |= {"device": device, "threads": threads}
            command = [sys.executable, "-m", "sudoku_sweep", "agent", sweep.id]
            command += [f"--{name}={value}" for name, value in given.items() if value is not None]
            command += ["--retry-failed"] * retry_failed
            return run_workers(command, workers, threads)
        function = sudoku_training(boards, validation_boards, device, threads) if sudoku else None
        local.agent(sweep.id, function, count=count, retry_failed=retry_failed)
    except KeyboardInterrupt:
        print(f"Go on with: python -m sudoku_sweep agent {sweep.id}", file=sys.stderr)
        raise


def sudoku_training(boards, validation_boards, device, threads):
    """The function that trains one run of the Sudoku net's sweeps."""
    from .. import data
    from ..config import Config
    from ..sweeps import train_with_wandb

    device = options.use_machine(device, threads)
    training, validation = data.training_boards(boards), data.load_split("validation")
    config = Config(validation_boards=validation_boards)
    return lambda: train_with_wandb(training, validation, config, device)


def run_workers(command, n_workers, threads):
    """Start a command several times at once, and wait. Returns 1 if one of them failed, else 0."""
    gpus = visible_gpus()
    workers = []
    try:
        for number in range(n_workers):
            # Threads that wait for each other on busy cores are slower than one thread alone.
            # One terminal has room for one bar.
            environment = os.environ | {"OMP_NUM_THREADS": str(threads), "TQDM_DISABLE": "1"}
            if len(gpus) > 1:  # they take turns
                environment["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]
            workers.append(subprocess.Popen(command, env=environment))
        statuses = [worker.wait() for worker in workers]
        return int(any(statuses))
    except KeyboardInterrupt:  # the terminal has told the workers, too: they end their runs
        for worker in workers:
            worker.wait()
        raise
    finally:  # a second Ctrl-C leaves none behind
        for worker in workers:
            worker.kill()
            worker.wait()


def visible_gpus():
    """The GPUs that workers may use, as ``CUDA_VISIBLE_DEVICES`` names them; found without waiting for PyTorch."""
    # the job's own share of the machine, if somebody has set one; empty: no GPU
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return visible.split(",")
    return [str(number) for number, _ in enumerate(DEVICES.glob("nvidia[0-9]*"))]
