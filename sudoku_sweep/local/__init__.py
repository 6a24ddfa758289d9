"""W&B sweeps without an account: ``sweep`` and ``agent`` as in wandb, and nothing leaves this machine.

Runs are real offline W&B runs, which ``wandb sync`` can upload later. How to use it: README.md.
"""

import sys

import wandb

from .agents import agent, import_runs, sweep
from .backend import account_usable
from .configuration import configurations, grid, n_runs
from .errors import SweepError
from .recording import StoppedEarly
from .store import DONE, LocalRun, latest_sweep, runs, sweep_config

__all__ = [
    "DONE",
    "LocalRun",
    "StoppedEarly",
    "SweepError",
    "agent",
    "choose_backend",
    "configurations",
    "grid",
    "import_runs",
    "latest_sweep",
    "n_runs",
    "runs",
    "sweep",
    "sweep_config",
]


def choose_backend():
    """``wandb`` if an account can be used, else this package, which has the same ``sweep`` and ``agent``.

    Never asks anything. ``WANDB_MODE`` is respected, and so is what ``wandb offline`` or ``wandb disabled``
    has written into the folder's settings; otherwise ``wandb.login(prompt=False)`` decides,
    under a time limit of ten seconds (``WANDB_HTTP_TIMEOUT`` if set) and some for the start. Without a key,
    with one that W&B refuses, or without a network, runs stay on this machine, and one printed line says why
    and how to change it. How much wandb prints and how long it waits is set in the environment, to
    ``backend.OFFLINE`` or ``backend.ONLINE``, where nothing is set yet.

    Raises
    ------
    SweepError
        ``WANDB_HTTP_TIMEOUT`` is no number.
    """
    return wandb if account_usable() else sys.modules[__name__]
