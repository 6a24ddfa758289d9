"""W&B sweeps without an account: ``sweep`` and ``agent`` as in wandb, and nothing leaves this machine.

Runs are real offline W&B runs, which ``wandb sync`` can upload later. How to use it: README.md.
"""

from ..errors import SweepError
from .agents import agent
from .backend import choose_backend, find_sweep
from .configuration import configurations, grid, n_runs, names_program, read_config
from .early_stopping import StoppedEarly
from .repeats import repeat
from .run import DONE, Run
from .store import latest_sweep, open_sweep, runs, sweep, sweeps
