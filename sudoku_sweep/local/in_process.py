"""One run of a sweep that trains by calling a function, in this process."""

import contextlib
import os
import sys
import traceback

import wandb
from wandb.sdk.mailbox import HandleAbandonedError, MailboxClosedError

from .stopping import StoppedEarly, watching


@contextlib.contextmanager
def session():
    """A while in which wandb's settings, its environment and its hooks may be changed: they are put back."""
    shut_down()
    hooks = sys.exit, sys.excepthook  # wandb replaces them in each run
    before = _wandb_environment()
    try:
        yield
    finally:
        shut_down()
        sys.exit, sys.excepthook = hooks
        for name in _wandb_environment():
            del os.environ[name]
        os.environ.update(before)


def _wandb_environment():
    return {name: value for name, value in os.environ.items() if name.startswith("WANDB_")}


def shut_down():
    """End wandb's background process, dead or alive; the next use of wandb starts a new one."""
    with contextlib.suppress(Exception):  # that of a process which is gone already
        wandb.teardown()
    # its address may still be there, if somebody has put the environment back since
    os.environ.pop("WANDB_SERVICE", None)
    wandb.run = None  # a run that was left open cannot be finished any more


def run(function, environment, stopper):
    """Call ``function``, in which ``wandb.init()`` opens the run that an environment describes.

    A run that it leaves open is closed. What it raises is printed, unless wandb has done so, and goes on.
    """
    os.environ.update(environment)  # for child processes
    settings = wandb.Settings()
    settings.update_from_env_vars(environment)
    # or wandb warns in each run that the environment has changed
    wandb.setup(settings)._settings_environ = None
    printed = []
    try:
        # "." is put back, too: each run starts in the same folder
        with contextlib.chdir("."), watching(environment["WANDB_RUN_ID"], stopper, printed):
            _call(function)
    except BaseException as error:
        if not (_is_no_failure(error) or is_interrupt(error)):
            if error not in printed:
                traceback.print_exc()
            shut_down()  # wandb's background process may be what failed: the next run gets a new one
        raise


def _call(function):
    try:
        function()
        wandb.setup().finish_all_active_runs()  # also those of reinit="create_new"
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


def lost_wandb(error):
    """Whether wandb's background process is gone, which is no fault of a run's configuration."""
    if isinstance(error, HandleAbandonedError | MailboxClosedError):
        return True
    # of another ConnectionError, the reader's own code may be the cause
    frames = traceback.walk_tb(error.__traceback__)
    names = [frame.f_globals.get("__name__", "") for frame, _ in frames]
    return isinstance(error, ConnectionError) and any(name.startswith("wandb.") for name in names)
