"""``agent``: runs of a sweep, one after the other, by as many agents as share its folder."""

import itertools
import math
import threading
import time
from contextlib import closing

import wandb

from ..errors import SweepError
from ..signals import interruptible
from . import claims, configuration, execution, store, wandb_internals

EARLY_FAILURES, EARLY_SECONDS = 3, 60  # like W&B's agent: three failures in the first minute end it

# wandb has one set of settings in a process, so there is one agent at a time
_at_work = threading.Lock()


def agent(
    sweep_id,
    function=None,
    entity=None,
    project=None,
    count=None,
    forward_signals=False,
    term_timeout=None,
    max_consecutive_failed_runs=None,
    retry_failed=False,
):
    """Run configurations of a sweep one after the other, as ``wandb.agent`` does.

    ``function`` takes no arguments and calls ``wandb.init()``, whose ``run.config`` is then the configuration.
    Without one, the sweep's ``program`` or ``command`` is started for each run. ``wandb.init`` ignores ``id``,
    ``project`` and ``entity`` in both, as in a sweep of W&B's. What wandb writes about the run is kept.

    A run that fails is recorded with its error, and the sweep goes on. Three failures in the first minute end it,
    like W&B's agent; that agent's other limits are not copied. With ``early_terminate``, ``run.log`` raises
    ``StoppedEarly`` in a run that is to be stopped; a program is ended by SIGTERM. SIGTERM and SIGHUP interrupt an
    agent, as Ctrl-C does, and with it the run.

    Before and after, wandb is shut down, so that it reads its settings anew: runs opened outside the agent with
    ``reinit="create_new"`` must be finished before.

    Parameters
    ----------
    sweep_id : str
        From ``sweep``; a sweep that was interrupted goes on.
    function : callable, optional
    entity, project, forward_signals, term_timeout : optional
        Without effect, for the sake of the same signature.
    count : int, optional
        At most so many runs now; default: until the sweep is done. Other methods than grid need it, or a
        ``run_cap``.
    max_consecutive_failed_runs : int, optional
        Stop after so many failures in a row.
    retry_failed : bool, optional
        Run configurations again whose run has failed. Default: they are left out.

    Raises
    ------
    SweepError
        No such sweep, nothing to run, a sweep without an end, another agent at work in this process, every run of
        this call failed, or the first one that finished had not logged the sweep's metric.
    """
    sweep = store.open_sweep(sweep_id)
    if not (callable(function) or (function is None and configuration.names_program(sweep.space))):
        raise SweepError(
            f"sweep {sweep.id} names no program: give agent(sweep_id, function=...) the function that trains one run"
        )
    if wandb.run is not None and not wandb.run.disabled:
        raise SweepError("a W&B run is still open: call run.finish(), or use `with`, before agent")
    if configuration.n_runs(sweep.space, count) is None:
        raise SweepError("this sweep never ends: give count=..., or run_cap in its configuration")
    if not _at_work.acquire(blocking=False):
        raise SweepError("an agent is at work in this process: start the next one in another")
    try:
        with interruptible():
            _work(sweep, function, count, max_consecutive_failed_runs or math.inf, retry_failed)
    finally:
        _at_work.release()


def _work(sweep, function, count, most_in_a_row, retry_failed):
    start, errors, unchecked = time.monotonic(), [], sweep.space.metric
    if not retry_failed:
        _print_failed(sweep)
    # closing: lets go of the last lock at once
    with wandb_internals.restored(), closing(claims.claims(sweep, retry_failed)) as claimed:
        for run in itertools.islice(claimed, count):
            errors.append(execution.execute(sweep, run, function))
            print(_progress_line(sweep, run), flush=True)
            if unchecked and run.state == "finished":
                _check_logged(unchecked, run)
                unchecked = None  # later runs may lack it
            if reason := _why_stop(errors, time.monotonic() - start, most_in_a_row):
                print(f"stopping: {reason}")
                break
    if any(errors):
        _print_failed(sweep)
    if not errors:
        print(f"nothing left to run in sweep {sweep.id}")
    elif all(errors):
        raise SweepError(f"all {len(errors)} runs failed; the last one: {run.error}") from errors[
            -1
        ]


def _print_failed(sweep):
    if failed := [run.state for run in sweep.runs()].count("failed"):
        advice = "retry_failed=True (in a terminal: --retry-failed) runs them again"
        print(f"left out: {failed} that failed; {advice}")


def _why_stop(errors, seconds, most_in_a_row):
    """Why an agent makes no more runs after those that ended with these errors, or None; None if it goes on."""
    n_failed = sum(map(bool, errors))
    in_a_row = len(list(itertools.takewhile(bool, reversed(errors))))
    if n_failed >= EARLY_FAILURES and seconds < EARLY_SECONDS:
        return f"{n_failed} failed runs in {EARLY_SECONDS} seconds, as W&B's agent does"
    return f"{in_a_row} failed runs in a row" if in_a_row >= most_in_a_row else None


def _check_logged(metric, run):
    """Say so at once if the sweep is judged by a metric that the training function does not log."""
    logged = map(metric.value, [*run.rows, run.summary])
    # not-a-number is a bad result, not a wrong name
    if not any(isinstance(value, int | float) for value in logged):
        names = sorted({name for row in run.rows for name in row if not name.startswith("_")})
        what = f"run {run.index + 1} has not logged the sweep's metric {metric.name!r} as a number"
        advice = f"Name one of these in the sweep configuration, or log {metric.name!r}"
        raise SweepError(f"{what}, but {', '.join(names) or 'nothing'}. {advice}")


def _progress_line(sweep, run):
    """One run in one line: which, how it ended, the metric, and the values that vary between runs."""
    space = sweep.space
    of = f"/{space.n_runs}" if space.n_runs else ""
    parts = [f"run {run.index + 1}{of} {run.state}"]
    if run.error:
        parts.append(run.error.partition("\n")[0])
    elif space.metric and (value := space.metric.value(run.summary)) is not None:
        parts.append(f"{space.metric.name} {_short(value)}")
    varied = [name for name, one in sweep.config["parameters"].items() if "value" not in one]
    parts.append(", ".join(f"{name} {_short(run.config.get(name))}" for name in varied))
    return " | ".join(filter(None, [*parts, f"{run.seconds:.0f} s"]))


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)
