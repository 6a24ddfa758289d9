"""Flags that several commands have, and what they stand for."""

import argparse

import torch

from .. import local
from ..errors import ConfigError
from ..train import default_device

SWEEP = "id or name of a local sweep (default: the latest that has a name)"


def positive(text):
    """A whole number of at least 1, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number of at least 1")
    return int(text)


def add_machine_flags(command):
    """The flags of commands that train."""
    flag = command.add_argument
    boards = "train on so many boards (default: the 20,000 shipped; more are made on demand)"
    flag("--boards", type=positive, help=boards)
    flag("--device", choices=("cpu", "cuda"), help="default: the GPU if there is one")
    threads = "CPU threads; more rarely help (default 1)"
    flag("--threads", type=positive, default=1, help=threads)


def chosen_device(args):
    """Where to train, with so many threads as were asked for."""
    device = args.device or default_device()
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "--device cuda: PyTorch sees no GPU here; leave the flag out to use the CPU"
        )
    torch.set_num_threads(args.threads)
    return device


def chosen_sweep(wanted):
    """The id of the sweep that was asked for by id or name, else of the latest that has a name.

    The notebook's demonstrations have none; what Cell 10 and the command ``sweep`` make has one.
    """
    names = {sweep_id: local.open_sweep(sweep_id).config.get("name") for sweep_id in local.sweeps()}
    of_name = [sweep_id for sweep_id, name in names.items() if name and wanted in (name, None)]
    return of_name[-1] if of_name else wanted or local.latest_sweep()
