"""What several commands share: options, and what the user means by them."""

import sys

import click

from .. import local, sweeps
from ..errors import ConfigError, SweepError

POSITIVE = click.IntRange(min=1)
SWEEP = "id or name of a local sweep (default: the newest)"
sweep_argument = click.argument("sweep", required=False, help=SWEEP)


def machine_options(command):
    """The options of commands that train: ``boards``, ``device``, ``threads``."""
    boards = "train on so many boards (default: all 20,000)"
    device = "default: the GPU if there is one"
    threads = "CPU threads; more rarely help (default 1)"
    command = click.option("--threads", type=POSITIVE, default=1, help=threads)(command)
    command = click.option("--device", type=click.Choice(["cpu", "cuda"]), help=device)(command)
    return click.option("--boards", type=POSITIVE, help=boards)(command)


def use_machine(device, threads):
    """Have PyTorch use so many threads. Returns the device to train on, ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    ConfigError
        There is no such device.
    """
    import torch

    from ..train import default_device

    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda: PyTorch sees no GPU here; leave it out for the CPU")
    torch.set_num_threads(threads)
    return device or default_device()


def chosen_sweep(wanted):
    """The local sweep of an id or name, of several with that name the newest; if ``wanted`` is None, the newest."""
    for sweep in readable(local.open_sweep, reversed(local.sweeps())):
        if wanted in (None, sweep.config.get("name")):
            return sweep
    return local.open_sweep(wanted or local.latest_sweep())


def readable(read, sweep_ids):
    """Yield what ``read`` makes of each sweep's id; a damaged file is named, and blocks no other sweep."""
    for sweep_id in sweep_ids:
        try:
            yield read(sweep_id)
        except SweepError as error:
            print(f"note: {error}", file=sys.stderr)


def trains_sudoku(space, project):
    """Whether a sweep is for the Sudoku net, which is trained in this process; if not, it names its program.

    Raises
    ------
    SweepError
        It is neither: nothing else is taken for a sweep of the Sudoku net because its parameters are called alike.
    """
    if local.names_program(space):
        return False
    if project != sweeps.PROJECT:
        own = "add `program: your_script.py`, or run local.agent(id, function=...) in Python"
        net = f"For the Sudoku net, add `project: {sweeps.PROJECT}`"
        raise SweepError(f"the sweep names no program: {own}. {net}")
    return True


def metrics_of(sweep):
    """The metrics of a sweep as the analysis takes them: W&B's dicts, each with its goal."""
    return [metric.model_dump(include={"name", "goal"}) for metric in sweep.space.objectives]
