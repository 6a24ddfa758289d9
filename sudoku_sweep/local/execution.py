"""One claimed run from its start to its end: a function or a program trains it, and what wandb wrote is recorded."""

import time
import traceback
from pathlib import Path

import yaml

from ..errors import SweepError, in_words
from ..files import write_atomically
from . import wandb_file
from .early_stopping import EarlyStopper, StoppedEarly
from .run_function import causes, is_good_exit, is_interrupt, run_function
from .run_program import run_program
from .wandb_internals import lost_wandb, run_variables

# wandb writes the end of a run's file after the run has ended, mostly within milliseconds; if its process was
# killed, never.
WRITE_SECONDS, SECONDS_AFTER_ERROR = 10, 1


def execute(sweep, run, function):
    """Train a run's configuration, fill the run with what wandb wrote about it, and save it.

    Parameters
    ----------
    sweep : Sweep
    run : Run
        Claimed by this process.
    function : callable or None
        None: the sweep's own program is run.

    Returns
    -------
    Exception or None
        The error if the run failed.
    """
    start, error = time.monotonic(), None
    environment = _environment(sweep, run)
    stopper = EarlyStopper(sweep, run) if sweep.space.early_terminate else None
    try:
        if function:
            run_function(function, run, environment, stopper)
        else:
            run_program(sweep, run, environment, stopper)
    except BaseException as raised:  # whatever goes wrong in the reader's function
        error = raised
    path, exit_code = _record(sweep, run, as_planned=error is None or is_good_exit(error))
    run.state, failure = _outcome(error, path, exit_code)
    if failure:
        run.error = str(failure) if isinstance(failure, StoppedEarly) else in_words(failure)
    run.seconds = round(time.monotonic() - start, 3)
    sweep.save(run)
    # What their functions held, such as a net that was too large, must not outlive the run.
    for cause in causes(error):
        traceback.clear_frames(cause.__traceback__)
    if is_interrupt(error):
        raise KeyboardInterrupt from error
    return None if isinstance(failure, StoppedEarly) else failure


def _environment(sweep, run):
    """What makes ``wandb.init()`` open the run, offline, in this process and in its children."""
    config_file = sweep.path(run.index, ".yaml")
    content = {name: {"value": value} for name, value in run.config.items()}
    write_atomically(config_file, yaml.safe_dump({"wandb_version": 1} | content).encode())
    return {
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(sweep.folder.parents[2]),
        "WANDB_PROJECT": run.project,
        "WANDB_RUN_GROUP": run.group,
        "WANDB_RUN_ID": run.id,
        "WANDB_NAME": run.name,
    } | run_variables(config_file)


def _record(sweep, run, as_planned):
    """Fill the run with what wandb wrote: the path of its file, None without one, and its exit code, None without."""
    path = wandb_file.find(sweep.folder.parents[2], run.id)
    if path is None and as_planned:  # opened with a `dir` of its own
        path = wandb_file.find(Path.cwd(), run.id, deep=True)
    if path is None:
        return None, None
    end = time.monotonic() + (WRITE_SECONDS if as_planned else SECONDS_AFTER_ERROR)
    while (exit_code := wandb_file.read_into(run, path)) is None and time.monotonic() < end:
        time.sleep(0.005)
    return path, exit_code


def _outcome(error, path, exit_code):
    """The state of a run that has ended, and the error that says why; None if it has finished."""
    if isinstance(error, StoppedEarly):
        return "stopped", error
    if is_interrupt(error):
        return "killed", error  # to be run again when the sweep goes on
    exited = is_good_exit(error)
    if error and not exited:
        return "killed" if lost_wandb(error) else "failed", error
    if path is None:
        advice = "call wandb.init() in it, without dir=... and mode=..."
        return "failed", SweepError(f"it opened no W&B run in this folder: {advice}")
    if exit_code is None:
        return "failed", SweepError("it left its W&B run without an end: call run.finish()")
    if exit_code and not exited:  # inside `with`, wandb counts each exit as a failure
        return "failed", SweepError(f"its W&B run was finished with exit code {exit_code}")
    return "finished", None
