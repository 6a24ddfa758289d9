"""W&B sweeps without an account: ``sweep`` and ``agent`` as in wandb, and nothing leaves this machine.

Runs are real offline W&B runs, which ``wandb sync`` can upload later. How to use it: README.md.
"""

from ..errors import SweepError
from .agents import agent, import_runs, sweep
from .backend import choose_backend
from .configuration import configurations, grid, n_runs
from .program import names_program
from .stopping import StoppedEarly
from .store import DONE, LocalRun, latest_sweep, open_sweep, runs, sweeps
