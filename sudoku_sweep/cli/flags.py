"""Flags that several commands have, and what they stand for."""

import argparse

import torch

from ..errors import ConfigError
from ..train import default_device

SWEEP = "the id that `sweep`, or the notebook, printed (default: the latest sweep)"


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
