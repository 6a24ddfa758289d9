"""One run of a sweep: the training function is called with a configuration, and what became of it is noted."""

import time
import traceback

import wandb
import yaml

from ..files import write_atomically
from . import search
from .errors import SweepError
from .recording import StoppedEarly, recording, shut_down
from .store import run_file, save


def run_one(sweep, record, function):
    """Call ``function`` with the record's configuration; fill the record with what it logged, and save it.

    Parameters
    ----------
    sweep : Sweep
    record : dict
        A run that is claimed by this process.
    function : callable

    Returns
    -------
    Exception or None
        The error if the run failed.
    """
    start, failure, shown = time.monotonic(), None, []
    try:
        wandb.setup(_settings(sweep, record))  # what wandb.init() starts from
        with recording(record, shown, after_log=early_stopper(sweep, record)) as closed:
            function()
        if not closed:
            advice = "call wandb.init() in it, without id=... and reinit=..."
            raise SweepError(f"the function opened no W&B run, or one of another id: {advice}")
        record["state"] = "finished"
    except StoppedEarly as stop:
        record["state"], record["error"] = "stopped", str(stop)
    except BaseException as error:  # whatever goes wrong in the reader's function
        causes = _causes(error)
        if any(isinstance(cause, KeyboardInterrupt) for cause in causes):
            record["state"] = "killed"  # to be run again when the sweep goes on
            raise KeyboardInterrupt from error
        record["state"] = "killed" if _lost_wandb(error) and not record["rows"] else "failed"
        record["error"] = f"{type(error).__name__}: {error}"
        if error not in shown:  # wandb prints what passes through `with wandb.init()`
            traceback.print_exc()
        shut_down()  # wandb's background process may be what failed: the next run gets a new one
        # What their functions held, such as a net that was too large, must not outlive the run.
        for cause in causes:
            traceback.clear_frames(cause.__traceback__)
        failure = error
    finally:
        record["seconds"] = round(time.monotonic() - start, 3)
        save(sweep.folder, record)
    return failure


def _settings(sweep, record):
    """What makes ``wandb.init()`` open the record's run, offline."""
    parameters = run_file(sweep.folder, record["index"]).with_suffix(".yaml")
    content = {name: {"value": value} for name, value in record["config"].items()}
    write_atomically(parameters, yaml.safe_dump({"wandb_version": 1} | content).encode())
    disabled = wandb.setup().settings.mode == "disabled"
    return wandb.Settings(
        sweep_param_path=str(parameters),
        run_id=record["id"],
        run_name=record["name"],
        run_group=f"sweep-{sweep.id}",
        project=sweep.project,
        mode="disabled" if disabled else "offline",
    )


def early_stopper(sweep, record):
    """What is called after each ``log`` of a run that may be stopped early; None if the sweep stops no runs."""
    rules, metric = sweep.plan.early_terminate, sweep.plan.metric
    if rules is None:
        return None

    def stop_if_hopeless(data):
        mine = search.logged(metric.name, record["rows"])
        bands = rules.bands(len(mine))
        if search.value(metric.name, data) is None or not bands:
            return
        if len(mine) == bands[-1]:
            save(sweep.folder, record)  # the sweep's other agents compare their runs with it
        others = sweep.records(besides=record["index"])
        curves = [search.logged(metric.name, other["rows"]) for other in others]
        if reason := rules.stop_reason(metric.goal, mine, curves):
            raise StoppedEarly(f"{metric.name} {reason}")

    return stop_if_hopeless


def _causes(error):
    """An error, what it came from, and so on; only once each, for ``raise error from error`` makes a ring."""
    causes = []
    while error is not None and error not in causes:
        causes.append(error)
        error = error.__cause__ or error.__context__
    return causes


def _lost_wandb(error):
    """Whether wandb's background process is gone, which is no fault of a run's configuration."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    in_wandb = any(frame.f_globals.get("__name__", "").startswith("wandb.") for frame in frames)
    lost = isinstance(error, ConnectionError) and in_wandb  # else it is the reader's own connection
    return lost or type(error).__module__.startswith("wandb.sdk.mailbox")
