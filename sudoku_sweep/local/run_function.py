"""One run of a sweep that trains by calling a function, in this process."""

import contextlib
import os
import traceback

import wandb

from ..values import plain
from . import wandb_internals
from .early_stopping import StoppedEarly
from .validation import is_number


def run_function(function, run, environment, stopper):
    """Call ``function``, in which ``wandb.init()`` opens the run that an environment describes.

    A run that it leaves open is closed. What it raises is printed, unless wandb has done so, and goes on. Unless
    ``stopper`` is None, it looks at the run after each ``log``.
    """
    os.environ.update(environment)  # for child processes
    wandb_internals.set_up(environment)
    printed = []

    def is_failure(error):
        if isinstance(error, StoppedEarly):
            return False
        printed.append(error)  # which wandb does
        return True

    def check(wandb_run, data, step):
        value = plain(stopper.sweep.space.metric.value(data))
        if wandb_run.id == run.id and is_number(value) and step is not None:
            if run.rows and run.rows[-1]["_step"] == step:
                run.rows.pop()
            run.rows.append({"_step": step, stopper.sweep.space.metric.name: value})
            stopper.check()

    try:
        # "." is put back, too: each run starts in the same folder
        with contextlib.chdir("."), wandb_internals.hooked(stopper and check, is_failure):
            _call(function)
    except BaseException as error:
        if not (_is_no_failure(error) or is_interrupt(error)):
            if error not in printed:
                traceback.print_exc()
            # wandb's background process may be what failed: the next run gets a new one
            wandb_internals.shut_down()
        raise


def _call(function):
    try:
        function()
        wandb_internals.finish_runs()
    except BaseException as error:
        wandb.finish(exit_code=0 if _is_no_failure(error) else 1)
        raise


def _is_no_failure(error):
    return isinstance(error, StoppedEarly) or is_good_exit(error)


def is_good_exit(error):
    """Whether it is ``sys.exit()`` or ``sys.exit(0)``: an end, and no failure."""
    return isinstance(error, SystemExit) and not error.code


def is_interrupt(error):
    """Whether it is a Ctrl-C, or came from one."""
    return any(isinstance(cause, KeyboardInterrupt) for cause in causes(error))


def causes(error):
    """An error, what it came from, and so on; only once each, for ``raise error from error`` makes a ring."""
    found = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
