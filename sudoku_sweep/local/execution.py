"""One claimed run from its start to its end: a function or a program trains it, and what wandb wrote is recorded."""

import time
import traceback
from pathlib import Path

import yaml

from ..errors import SweepError, in_words
from ..files import write_atomically
from . import wandb_file, wandb_internals
from .early_stopping import EarlyStopper
from .run_function import FAILURES, causes, end_state, is_interrupt, run_function
from .run_program import run_program

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
    except BaseException as raised:  # whatever goes wrong in the user's function
        error = raised
    run.state = end_state(error)
    fault = _read_back(sweep, run, well=run.state == "finished")
    if run.state == "killed" and not fault:
        run.state = "finished"  # the interrupt came after the run's end
    if run.state == "finished" and fault:
        run.state, error = "failed", fault
    if run.state != "finished":
        run.error = str(error) if run.state == "stopped" else in_words(error)
    run.seconds = round(time.monotonic() - start, 3)
    sweep.save(run)
    # What their functions held, such as a net that was too large, must not outlive the run.
    for cause in causes(error):
        traceback.clear_frames(cause.__traceback__)
    if is_interrupt(error):
        raise KeyboardInterrupt from error
    return error if run.state in FAILURES else None


def adopt(sweep, run):
    """Whether a run that no agent has any more has ended well by what wandb wrote; then it is recorded as finished."""
    path = wandb_file.find(sweep.folder.parents[2], run.id)
    if path is None or wandb_file.read_into(run, path) != 0:
        return False
    run.state, run.seconds = "finished", run.summary.get("_runtime", 0.0)
    sweep.save(run)
    return True


def _environment(sweep, run):
    """What makes ``wandb.init()`` open the run, offline, in this process and in its children."""
    config_file = sweep.path(run.index, ".yaml")
    content = {name: {"value": value} for name, value in run.config.items()}
    write_atomically(config_file, yaml.safe_dump({"wandb_version": 1} | content).encode())
    return wandb_internals.IN_SWEEP | {
        wandb_internals.CONFIG_FILE: str(config_file),
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(sweep.folder.parents[2]),
        "WANDB_PROJECT": run.project,
        "WANDB_RUN_GROUP": run.group,
        "WANDB_RUN_ID": run.id,
        "WANDB_NAME": run.name,
    }


def _read_back(sweep, run, well):
    """Fill the run with what wandb wrote. Returns what is wrong with that in a run that ended ``well``, or None."""
    path = wandb_file.find(sweep.folder.parents[2], run.id)
    if path is None and well:  # opened with a `dir` of its own
        path = wandb_file.find(Path.cwd(), run.id, deep=True)
    if path is None:
        advice = "call wandb.init() in it, without dir=... and mode=..."
        return SweepError(f"it opened no W&B run in this folder: {advice}")
    end = time.monotonic() + (WRITE_SECONDS if well else SECONDS_AFTER_ERROR)
    while (exit_code := wandb_file.read_into(run, path)) is None and time.monotonic() < end:
        time.sleep(0.005)
    if exit_code is None:
        return SweepError("it left its W&B run without an end: call run.finish()")
    return SweepError(f"its W&B run was finished with exit code {exit_code}") if exit_code else None
