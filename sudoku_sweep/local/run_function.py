"""One run of a sweep that trains by calling a function, in this process."""

import contextlib
import os
import traceback

import wandb

from . import wandb_internals
from .early_stopping import StoppedEarly

FAILURES = ("failed", "killed")  # the states of runs that ended badly


def run_function(function, run, environment, stopper, sweep_id):
    """Call ``function``, in which ``wandb.init()`` opens the run that an environment describes.

    A run that it leaves open is closed. What it raises is printed, unless wandb has done so, and goes on. Unless
    ``stopper`` is None, it looks at the run after each ``log``.
    """
    os.environ.update(environment)  # for child processes
    wandb_internals.set_up(environment, sweep_id)
    seen = []  # by wandb, which prints those that are failures

    def is_failure(error):
        seen.append(error)
        return end_state(error) in FAILURES

    def check(wandb_run, data, step):
        values = stopper.sweep.space.numbers(data)
        if wandb_run.id == run.id and values:
            if not run.rows or run.rows[-1]["_step"] != step:
                run.rows.append({"_step": step})
            run.rows[-1] |= values
            stopper.check(len(run.rows))

    hooks = wandb_internals.hooked(stopper and check, is_failure, sweep_id)
    try:
        # "." is put back, too: each run starts in the same folder
        with contextlib.chdir("."), hooks:
            try:
                function()
                wandb_internals.finish_runs()
            except BaseException as error:
                wandb.finish(exit_code=int(end_state(error) in FAILURES))
                raise
    except BaseException as error:
        if end_state(error) in FAILURES and not is_interrupt(error):
            if error not in seen:
                traceback.print_exc()
            # wandb's background process may be what failed: the next run gets a new one
            wandb_internals.shut_down()
        raise


def end_state(error):
    """The state of a run that has ended with an error, or None."""
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return "finished"  # sys.exit() and sys.exit(0) are no failures
    if isinstance(error, StoppedEarly):
        return "stopped"
    return "killed" if is_interrupt(error) or wandb_internals.lost_wandb(error) else "failed"


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
