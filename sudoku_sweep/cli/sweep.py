"""``sweep`` and ``agent``: sweeps without an account, of the Sudoku net or of any program."""

import os
import subprocess
import sys
from pathlib import Path

import torch
import yaml

from .. import data, local, sweeps
from ..config import Config
from ..local import SweepError
from .flags import SWEEP, add_machine_flags, chosen_device, chosen_sweep, positive
from .report import read_export


def add_commands(add):
    """Add both commands to the command line."""
    flag = add("sweep", set_up_sweep).add_argument
    flag("file", nargs="?", help="a sweep configuration, such as sweep.yaml")
    preset = "how much of the notebook's sweep (default: SUDOKU_PRESET, else quick)"
    flag("--preset", choices=sweeps.PRESETS, help=preset)
    flag("--resume", metavar="NAME.csv", help="a grid from `export`, with its runs done already")

    command = add("agent", run_agent)
    flag = command.add_argument
    flag("sweep", nargs="?", help=SWEEP)
    workers = "processes that share the work: one per core, or several per GPU (default 1)"
    flag("--workers", type=positive, default=1, help=workers)
    flag("--count", type=positive, help="at most so many runs per worker")
    flag("--retry-failed", action="store_true", help="run those again that failed")
    scored = "score runs on so many, where the sweep does not say (default: all 2,000)"
    flag("--validation-boards", type=positive, help=scored)
    add_machine_flags(command)


def set_up_sweep(args):
    """Set up a local sweep, without an account: the notebook's, or one from a file."""
    if sum(map(bool, (args.file, args.preset, args.resume))) > 1:
        raise SweepError("give one of: a file, --preset for the notebook's own sweep, --resume")
    if args.resume:
        sweep_id = _resume(args.resume)
    else:
        if args.file:
            config = _read_sweep(args.file)
        else:
            config = {"project": sweeps.PROJECT} | sweeps.choose_preset(args.preset).sweep_config
        if _trains_sudoku(config):
            sweeps.check_trainable(local.configurations(config))
        sweep_id = local.sweep(config)
    print(f"Start its runs with: python -m sudoku_sweep agent {sweep_id}")


def _trains_sudoku(config):
    """Whether a sweep is for the Sudoku net, which is trained in this process; if not, it names its program.

    Raises
    ------
    SweepError
        It is neither: nothing else is taken for a sweep of the Sudoku net because its parameters are called alike.
    """
    if local.names_program(config):
        return False
    if config.get("project") != sweeps.PROJECT:
        raise SweepError(
            "the sweep names no program: add `program: your_script.py`, or run it in Python with "
            f"local.agent(id, function=...). For the Sudoku net, add `project: {sweeps.PROJECT}`"
        )
    return True


def _resume(path):
    """Set up a local grid sweep in which the runs of a file are done already; returns its id."""
    config, runs = read_export(path)
    done = [run for run in runs if run.state in local.DONE]
    sweep_id = local.import_runs({"name": Path(path).stem} | config, done)
    print(f"{len(done)} of them are done already")
    return sweep_id


def _read_sweep(path):
    """The configuration in a file; if it has no name, it gets the file's."""
    try:
        config = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        return {"name": Path(path).stem} | config if isinstance(config, dict) else config
    # a month 13, a tag `!!bool x`, a thousand brackets: each has an error of its own
    except Exception as error:
        raise SweepError(f"{path} is no YAML file that can be read: {error}") from error


def run_agent(args):
    """Run what is still to do of a local sweep, the latest one's that has a name unless one is given."""
    sweep = local.open_sweep(chosen_sweep(args.sweep))  # refused before any worker starts
    sudoku = _trains_sudoku(sweep.config | {"project": sweep.project})
    if not sudoku and (args.boards or args.device or args.validation_boards):
        raise SweepError(
            "--boards, --device, --validation-boards: not for a sweep with a program of its own"
        )
    os.environ.setdefault("WANDB_SILENT", "true")  # else a dozen lines per run
    try:
        if args.workers > 1:
            return _run_workers(sweep.id, args)
        function = _training(args) if sudoku else None
        local.agent(sweep.id, function, count=args.count, retry_failed=args.retry_failed)
    except KeyboardInterrupt:
        print(f"Go on with: python -m sudoku_sweep agent {sweep.id}", file=sys.stderr)
        raise
    return 0


def _training(args):
    """The training function of the Sudoku net's sweeps."""
    device = chosen_device(args)
    boards, validation = data.training_boards(args.boards), data.load_split("validation")
    config = Config(validation_boards=args.validation_boards)
    return lambda: sweeps.train_with_wandb(boards, validation, config, device)


def _run_workers(sweep_id, args):
    """The exit status of several agents at once: a process each; with several GPUs, they take turns on them."""
    command = [sys.executable, "-m", "sudoku_sweep", "agent", sweep_id]
    for name in ("count", "boards", "validation_boards", "device", "threads"):
        if getattr(args, name) is not None:
            command.append(f"--{name.replace('_', '-')}={getattr(args, name)}")
    command += ["--retry-failed"] * args.retry_failed
    # the job's own share of the machine, if somebody has set one
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus = visible.split(",") if visible else list(map(str, range(torch.cuda.device_count())))
    workers = []
    try:
        for number in range(args.workers):
            # Threads that wait for each other on busy cores are slower than one thread alone.
            environment = os.environ | {"OMP_NUM_THREADS": str(args.threads)}
            if len(gpus) > 1:
                environment["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]
            workers.append(subprocess.Popen(command, env=environment))
        return int(any([worker.wait() for worker in workers]))  # the list waits for all of them
    except KeyboardInterrupt:  # the terminal has told the workers, too: they end their runs
        for worker in workers:
            worker.wait()
        raise
    finally:  # a second Ctrl-C leaves none behind
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.wait()
