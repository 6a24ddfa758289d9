"""``agent``: run what is to do of a local sweep, in this process or in several."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import click

from .. import local
from ..errors import SweepError
from ..signals import interruptible
from . import options

DEVICES = Path("/dev")  # has a file nvidia0 for the first GPU, nvidia1 for the second
WORKERS = "processes that share the work: one per core, or several per GPU (default 1)"


@click.command()
@options.sweep_argument
@click.option("--workers", type=options.POSITIVE, default=1, help=WORKERS)
@click.option("--count", type=options.POSITIVE, help="at most so many runs per worker")
@click.option("--retry-failed", is_flag=True, help="run those again that failed")
@click.option("--worker", is_flag=True, hidden=True)
@options.machine_options
def agent(sweep, workers, count, retry_failed, worker, boards, device, threads):
    """Run what is still to do of a local sweep."""
    sweep = options.chosen_sweep(sweep)  # refused before any worker starts
    sudoku = options.trains_sudoku(sweep.space, sweep.project)
    if not sudoku and (boards or device):
        raise SweepError("--boards, --device: not for a sweep with a program of its own")
    try:
        if workers > 1:
            given = {"count": count, "boards": boards, "device": device, "threads": threads}
            command = [sys.executable, "-m", "sudoku_sweep", "agent", sweep.id, "--worker"]
            command += [f"--{name}={value}" for name, value in given.items() if value is not None]
            command += ["--retry-failed"] * retry_failed
            with interruptible():
                return run_workers(command, workers, threads)
        if worker:
            end_with_parent()
        function = sudoku_training(boards, device, threads) if sudoku else None
        local.agent(sweep.id, function, count=count, retry_failed=retry_failed)
    except KeyboardInterrupt:
        if worker:
            return 130  # it is said once, by the process that has started this one
        raise KeyboardInterrupt(f"Go on with: python -m sudoku_sweep agent {sweep.id}") from None


def sudoku_training(boards, device, threads):
    """The function that trains one run of the Sudoku net's sweeps."""
    from .. import data
    from ..sweeps import train_with_wandb

    device = options.use_machine(device, threads)
    training, validation = data.training_boards(boards), data.load_split("validation")
    return lambda: train_with_wandb(training, validation, device=device)


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
            # a group of its own, which hears of a Ctrl-C from here alone; the pipe: see end_with_parent
            own = dict(env=environment, process_group=0, stdin=subprocess.PIPE)
            workers.append(subprocess.Popen(command, **own))
        return int(any([worker.wait() for worker in workers]))
    except BaseException:
        end(workers)
        raise


def end(workers):
    """Have workers end their runs, and wait; a further Ctrl-C is passed on, too, so that they do not wait."""
    for worker in workers:
        worker.terminate()
    try:
        for worker in workers:
            worker.wait()
    except KeyboardInterrupt:
        end(workers)


def end_with_parent():
    """Have this worker end its run when the process that has started it is gone: its end of the pipe is then closed."""

    def wait():
        os.read(sys.stdin.fileno(), 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def visible_gpus():
    """The GPUs that workers may use, as ``CUDA_VISIBLE_DEVICES`` names them; found without waiting for PyTorch."""
    # the job's own share of the machine, if somebody has set one; empty: no GPU
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return visible.split(",")
    return [str(number) for number, _ in enumerate(DEVICES.glob("nvidia[0-9]*"))]
