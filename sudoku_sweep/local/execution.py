"""One claimed run from its start to its end: a function or a program trains it, and what wandb wrote is recorded."""

import os
import time
import traceback

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
ADVICE = "call wandb.init() in it, without mode=..., and with no dir=... outside of this folder"


class NoRunError(SweepError):
    """A function or a program that has ended well and has opened no W&B run."""


def execute(sweep, run, function, engine):
    """Train a run's configuration, fill the run with what wandb wrote about it, and save it.

    Parameters
    ----------
    sweep : Sweep
    run : Run
        Claimed by this process.
    function : callable or None
        None: the sweep's own program is run.
    engine : Engine or None
        Says when the run is to be stopped.

    Returns
    -------
    Exception or None
        The error if the run failed.
    """
    start, error = time.monotonic(), None
    environment = _environment(sweep, run)
    stops = engine or sweep.space.early_terminate
    stopper = EarlyStopper(sweep, run, engine) if stops else None
    try:
        if function:
            run_function(function, run, environment, stopper, sweep.id)
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
        run.error = error.reason if run.state == "stopped" else in_words(error)
        if wandb_internals.NO_KEY in run.error:  # it asked for mode="online"
            run.error += f" In this sweep, {ADVICE}"
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
        # else a dozen lines a run and more, unless they are wanted
        "WANDB_SILENT": os.environ.get("WANDB_SILENT", "true"),
    }


def _read_back(sweep, run, well):
    """Fill the run with what wandb wrote. Returns what is wrong with that in a run that ended ``well``, or None."""
    path = wandb_file.find(sweep.folder.parents[2], run.id)
    if path is None:
        return NoRunError(f"it opened no W&B run in this folder: {ADVICE}")
    end = time.monotonic() + (WRITE_SECONDS if well else SECONDS_AFTER_ERROR)
    while (exit_code := wandb_file.read_into(run, path)) is None and time.monotonic() < end:
        time.sleep(0.005)
    if exit_code == wandb_file.DAMAGED:
        what = f"what W&B wrote is damaged after step {run.lastHistoryStep}"
        return SweepError(f"{what}, and recorded up to there: {os.path.relpath(path)}")
    if exit_code is None:
        return SweepError("it left its W&B run without an end: call run.finish()")
    return SweepError(f"its W&B run was finished with exit code {exit_code}") if exit_code else None
