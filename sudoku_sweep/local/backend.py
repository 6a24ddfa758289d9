"""Whether sweeps run with a W&B account or on this machine; what wandb is told for either; which sweeps there are."""

import contextlib
import os
import subprocess
import sys

import wandb

from ..errors import SweepError
from . import configuration, store
from .wandb_internals import OFFLINE_MODE

LOGIN_SECONDS = "10"
NO_KEY = 3
LOGIN = f"""
try:
    import os, wandb
    status = 0 if wandb.login(prompt=False) else {NO_KEY}
except Exception:
    status = 1
os._exit(status)
"""

# What wandb is told, unless the reader has told it something else.
OFFLINE = {
    "WANDB_MODE": OFFLINE_MODE,
    "WANDB_SILENT": "true",  # else a dozen lines per run and more, with the path of its folder
}
ONLINE = {
    "WANDB_QUIET": "true",  # links and warnings, no more
    "WANDB_INIT_TIMEOUT": "30",  # seconds; by default 90
    "WANDB_FINISH_TIMEOUT": "60",  # seconds; by default wandb waits for a lost server for ever
}

CLOSED = ("FINISHED", "CANCELED")  # states of a sweep on W&B's server, which refuses agents then

_set_here = {}  # of these, what ``choose_backend`` has set by itself


def choose_backend():
    """``wandb`` if an account can be used, else this package, which has the same ``sweep`` and ``agent``.

    Never asks anything. ``WANDB_MODE`` is respected, and so is what ``wandb offline`` or ``wandb disabled``
    has written into the folder's settings; otherwise ``wandb.login(prompt=False)`` decides,
    under a time limit of ten seconds (``WANDB_HTTP_TIMEOUT`` if set) and some for the start. Without a key,
    with one that W&B refuses, or without a network, runs stay on this machine, and one printed line says why
    and how to change it. How much wandb prints and how long it waits is set in the environment, to
    ``OFFLINE`` or ``ONLINE``, where nothing is set yet.

    Raises
    ------
    SweepError
        ``WANDB_HTTP_TIMEOUT`` is no number.
    """
    limit = os.environ.get("WANDB_HTTP_TIMEOUT") or LOGIN_SECONDS
    if not limit.isdecimal():
        raise SweepError(f"WANDB_HTTP_TIMEOUT is {limit!r}: write seconds, such as 10")
    for name, value in _set_here.items():  # the reader may have logged in since
        if os.environ.get(name) == value:
            del os.environ[name]
    wandb.teardown()  # wandb reads environment and settings once; its next use reads them again
    chosen = os.environ.get("WANDB_MODE")
    mode, variables = chosen or wandb.setup().settings.mode, OFFLINE
    if mode != "online":
        undo = "Unset it" if chosen else "Run `wandb online` in a terminal"
        what = "WANDB_MODE is" if chosen else "here W&B was set to"
        print(f"Runs stay on this machine: {what} {mode}. {undo} to use an account.")
        variables = OFFLINE | {"WANDB_MODE": mode}
    elif reason := why_not_online(limit):
        undo = "To use an account, run `wandb login` in a terminal."
        print(f"Runs stay on this machine: {reason}. {undo}")
    else:
        print("Logged in: runs and sweeps go to your W&B account.")
        print("If wandb warns of data not uploaded, `wandb sync --include-online` does it later.")
        variables = ONLINE
    _set_here.clear()
    _set_here.update({name: value for name, value in variables.items() if not os.environ.get(name)})
    os.environ.update(_set_here)
    wandb.teardown()
    return wandb if variables is ONLINE else sys.modules[__package__]


def why_not_online(limit):
    """Why W&B's server cannot be used, asked for ``limit`` seconds; None if it can.

    Asked in a process of its own, which can be ended: where the server does not answer, wandb's service
    process may go on trying, and waiting for its end may take for ever.
    """
    environment = os.environ | {"WANDB_HTTP_TIMEOUT": limit, "WANDB_SILENT": "true"}
    nowhere = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    seconds = int(limit) + 10  # for starting Python and importing wandb
    command = [sys.executable, "-c", LOGIN]
    try:
        status = subprocess.call(command, env=environment, timeout=seconds, **nowhere)
    except subprocess.TimeoutExpired:
        return "W&B did not answer"
    if status == NO_KEY:
        return "no W&B key found"
    return f"W&B did not accept the login, or did not answer within {limit} s" if status else None


def find_sweep(backend, config, project):
    """The newest sweep of a project that has this configuration, so that it can go on, also in a new kernel.

    Parameters
    ----------
    backend : module
        From ``choose_backend``.
    config : dict
        The sweep configuration.
    project : str

    Returns
    -------
    sweep_id : str or None
        None if there is no such sweep.
    closed : bool
        Whether W&B takes no more agents for it: it is finished or cancelled. A local sweep is never closed.
    """
    wanted = configuration.read_config(config)
    for sweep in _on_server(project) if backend is wandb else _in_folder(project):
        with contextlib.suppress(SweepError):  # others of the project may be none that run here
            if configuration.read_config(sweep.config) == wanted:
                return sweep.id, backend is wandb and sweep.state in CLOSED
    return None, False


def _on_server(project):
    """The sweeps of a project on W&B's server, the newest first."""
    try:
        sweeps = list(wandb.Api().project(project).sweeps())
    except ValueError:  # nothing was ever sent to this project
        return []
    return sorted(sweeps, key=lambda sweep: sweep.created_at, reverse=True)


def _in_folder(project):
    """The local sweeps of a project, the newest first."""
    sweeps = map(store.open_sweep, reversed(store.sweeps()))
    return (sweep for sweep in sweeps if sweep.project == project)
