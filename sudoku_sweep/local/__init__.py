"""``sweep`` and ``agent`` as in wandb, for people without an account: nothing leaves this machine.

Runs are real offline W&B runs, which ``wandb sync`` can upload later. What is like W&B's and what is not: README.md.
"""

from .agent import agent, import_runs, sweep
from .backend import choose_backend
from .configuration import configurations, grid_points, grid_size, n_runs
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
    "grid_points",
    "grid_size",
    "import_runs",
    "latest_sweep",
    "n_runs",
    "runs",
    "sweep",
    "sweep_config",
]
