"""One run of a sweep: a function or a program trains a configuration, and what wandb wrote about it is kept."""

import time
import traceback
from pathlib import Path

import yaml

from ..errors import SweepError
from ..files import write_atomically
from . import in_process, program, wandb_file
from .stopping import EarlyStopper, StoppedEarly
from .store import run_file, save

# wandb writes the end of a run's file after the run has ended, mostly within milliseconds; if its process was
# killed, never.
WRITE_SECONDS, SECONDS_AFTER_ERROR = 10, 1


def run_one(sweep, record, function):
    """Train the record's configuration; fill the record with what wandb wrote about it, and save it.

    Parameters
    ----------
    sweep : Sweep
    record : dict
        A run that is claimed by this process.
    function : callable or None
        None: the sweep's own program is run.

    Returns
    -------
    Exception or None
        The error if the run failed.
    """
    start, error = time.monotonic(), None
    environment = _environment(sweep, record)
    stopper = EarlyStopper(sweep, record) if sweep.plan.early_terminate else None
    try:
        if function:
            in_process.run(function, environment, stopper)
        else:
            program.run(sweep, record, environment, stopper)
    except BaseException as raised:  # whatever goes wrong in the reader's function
        error = raised
    as_planned = error is None or in_process.is_good_exit(error)
    written = _written(sweep, record, as_planned)
    record["state"], failure = _outcome(error, written)
    record["error"] = failure and _in_words(failure)
    record["seconds"] = round(time.monotonic() - start, 3)
    save(sweep.folder, record)
    # What their functions held, such as a net that was too large, must not outlive the run.
    for cause in in_process.causes(error):
        traceback.clear_frames(cause.__traceback__)
    if in_process.is_interrupt(error):
        raise KeyboardInterrupt from error
    return None if isinstance(failure, StoppedEarly) else failure


def _environment(sweep, record):
    """What makes ``wandb.init()`` open the record's run, offline, in this process and in its children."""
    parameters = run_file(sweep.folder, record["index"]).with_suffix(".yaml")
    content = {name: {"value": value} for name, value in record["config"].items()}
    write_atomically(parameters, yaml.safe_dump({"wandb_version": 1} | content).encode())
    return {
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(sweep.folder.parents[2]),
        "WANDB_PROJECT": sweep.project,
        "WANDB_RUN_GROUP": f"sweep-{sweep.id}",
        "WANDB_RUN_ID": record["id"],
        "WANDB_NAME": record["name"],
        "WANDB_SWEEP_PARAM_PATH": str(parameters),
        # As in a sweep of W&B's, init() ignores id, project and entity. WANDB_SWEEP_ID does that, too, but then
        # `wandb sync` is refused by a server that does not know the sweep.
        "WANDB_LAUNCH": "true",
        # seconds; by default 15, and a run that is killed loses what it logged in them
        "WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL": "1",
    }


def _written(sweep, record, as_planned):
    """Fill the record with what wandb wrote; returns that, None if there is no such file."""
    folder = sweep.folder.parents[2]
    path = wandb_file.find(folder, record["id"])
    if path is None and as_planned:  # opened with a `dir` of its own
        path = wandb_file.find(Path.cwd(), record["id"], deep=True)
    if path is None:
        return None
    written = wandb_file.read(path)
    end = time.monotonic() + (WRITE_SECONDS if as_planned else SECONDS_AFTER_ERROR)
    while written.exit_code is None and time.monotonic() < end:
        time.sleep(0.005)
        written = wandb_file.read(path)
    record["name"] = written.name or record["name"]
    record["config"] = _with_nan(written.config, record["config"])
    record["rows"], record["summary"] = written.rows, written.summary
    return written


def _with_nan(written, given):
    """What was written of a configuration: not-a-number is written as null, and here it is what was given."""
    if isinstance(written, dict) and isinstance(given, dict):
        return {name: _with_nan(value, given.get(name)) for name, value in written.items()}
    return given if written is None and given != given else written


def _in_words(error):
    told = isinstance(error, StoppedEarly | SweepError)  # by this package, in a sentence
    return str(error) if told else f"{type(error).__name__}: {error}"


def _outcome(error, written):
    """The state of a run that has ended, and the error that says why; None if it has finished."""
    if isinstance(error, StoppedEarly):
        return "stopped", error
    if in_process.is_interrupt(error):
        return "killed", error  # to be run again when the sweep goes on
    exited = in_process.is_good_exit(error)
    if error and not exited:
        return "killed" if in_process.lost_wandb(error) else "failed", error
    if written is None:
        advice = "call wandb.init() in it, without dir=... and mode=..."
        return "failed", SweepError(f"it opened no W&B run in this folder: {advice}")
    if written.exit_code is None:
        return "failed", SweepError("it left its W&B run without an end: call run.finish()")
    if written.exit_code and not exited:  # inside `with`, wandb counts each exit as a failure
        return "failed", SweepError(f"its W&B run was finished with exit code {written.exit_code}")
    return "finished", None
