"""``agent``: runs of a sweep, one after the other, by as many agents as share its folder."""

import itertools
import math
import os
import threading
import time
from contextlib import closing

import wandb

from ..errors import SweepError
from ..files import escape_output
from ..signals import interruptible
from ..values import duration, shortened
from . import claims, configuration, engines, execution, run_program, store, wandb_internals
from .progress import Progress

# like W&B's agent: three failures in the first minute end it, unless this variable is "true"
EARLY_FAILURES, EARLY_SECONDS, NO_EARLY_END = 3, 60, "WANDB_AGENT_DISABLE_FLAPPING"
LINE = 300  # letters of an error in a line

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
        No such sweep, nothing to run, no such program, a sweep without an end, another agent at work in this process,
        every run of this call failed, or the first one that finished had not logged the sweep's metric.
    """
    sweep = store.open_sweep(sweep_id)
    if not (callable(function) or (function is None and configuration.names_program(sweep.space))):
        raise SweepError(f"sweep {sweep.id} names no program: give agent(sweep_id, function=...)")
    if wandb.run is not None and not wandb.run.disabled:
        raise SweepError("a W&B run is still open: call run.finish(), or use `with`, before agent")
    # what the reader's own function sets up may come to an end
    may_end = sweep.space.engine and sweep.space.scheduler.optimizer
    if configuration.n_runs(sweep.space, count) is None and not may_end:
        raise SweepError("this sweep never ends: give count=..., or run_cap in its configuration")
    if not function and (name := run_program.missing(sweep.space)):
        raise SweepError(f"there is no {name!r} here: start the agent where it is, or put it there")
    if not _at_work.acquire(blocking=False):
        raise SweepError("an agent is at work in this process: start the next one in another")
    escape_output()
    try:
        with interruptible():
            _work(sweep, function, count, max_consecutive_failed_runs or math.inf, retry_failed)
    finally:
        _at_work.release()


def _work(sweep, function, count, most_in_a_row, retry_failed):
    start, errors, unchecked = time.monotonic(), [], sweep.space.objectives
    if not retry_failed:
        _print_failed(sweep)
    progress = Progress(sweep, count, retry_failed)
    if sweep.space.method == "bayes":
        _print_if_too_short(sweep.space, count and len(progress.done) + count)
    engine = engines.Engine(sweep) if sweep.space.engine else None
    # closing: lets go of the last lock at once
    with wandb_internals.restored(), closing(claims.claims(sweep, retry_failed, engine)) as claimed:
        for run in itertools.islice(claimed, count):
            with progress.showing(run):
                errors.append(execution.execute(sweep, run, function, engine))
            print(_progress_line(sweep, run, progress.seconds_left(run.index)), flush=True)
            if run.state == "finished" and all(_has_logged(metric, run) for metric in unchecked):
                unchecked = []  # later runs may lack one
            if reason := _why_stop(errors, time.monotonic() - start, most_in_a_row):
                print(f"stopping: {reason}")
                break
    if any(errors):
        _print_failed(sweep)
    if not errors:
        print(f"nothing left to run in sweep {sweep.id}")
    elif all(errors):
        what = f"all {len(errors)} runs failed; the last one: {run.error}"
        raise SweepError(what) from errors[-1]


def _print_failed(sweep):
    if failed := [run.state for run in sweep.runs()].count("failed"):
        again = "retry_failed=True (in a terminal: --retry-failed) runs them again"
        print(f"left out: {failed} that failed; {again}")


def _print_if_too_short(space, count):
    from .bayes import STARTS  # only here: takes a second to import

    if (last := configuration.n_runs(space, count)) <= STARTS:
        learns = f"bayes spreads its first {STARTS} runs evenly, and learns from results after them"
        print(f"note: {learns}; this call ends with run {last}")


def _why_stop(errors, seconds, most_in_a_row):
    """Why an agent makes no more runs after those that ended with these errors, or None; None if it goes on."""
    n_failed = sum(map(bool, errors))
    in_a_row = len(list(itertools.takewhile(bool, reversed(errors))))
    if len(errors) == 1 and isinstance(errors[0], execution.NoRunError):
        return "the first run opened no W&B run, so the others would not either"
    is_early = seconds < EARLY_SECONDS and os.environ.get(NO_EARLY_END) != "true"
    if is_early and n_failed >= EARLY_FAILURES:
        return f"{n_failed} failed runs in {EARLY_SECONDS} seconds, as W&B's agent does"
    return f"{in_a_row} failed runs in a row" if in_a_row >= most_in_a_row else None


def _has_logged(metric, run):
    """Whether a run has logged the sweep's metric; False, with a word, if it has skipped its configuration.

    Raises
    ------
    SweepError
        It has logged others instead, so it seems that the sweep is judged by a metric that is never logged.
    """
    if metric.is_logged(run):
        return True
    rows = [*run.rows, run.summary]
    logged = {name: value for row in rows for name, value in row.items() if name[0] != "_"}
    if not logged:
        print(f"note: run {run.index + 1} has logged nothing")
        return False
    listed = ", ".join(f"{name} {shortened(repr(value))}" for name, value in sorted(logged.items()))
    what = f"run {run.index + 1} has not logged the sweep's metric {metric.name!r} as a number"
    advice = f"Name one of these in the sweep configuration, or log {metric.name!r}"
    raise SweepError(f"{what}, but {listed}. {advice}")


def _progress_line(sweep, run, seconds_left):
    """One run in one line: which, how it ended, the metric, the values that vary between runs, and times."""
    space = sweep.space
    of = f"/{space.n_runs}" if space.n_runs else ""
    parts = [f"run {run.index + 1}{of} {run.state}"]
    if run.error:
        parts.append(shortened(" ".join(run.error.split()), LINE))
    else:
        scores = [(metric.name, metric.score(run)) for metric in space.objectives]
        parts += [f"{name} {shortened(score)}" for name, score in scores if score is not None]
    parameters = sweep.config.get("parameters", {})
    varied = [name for name, one in parameters.items() if "value" not in one]
    if not parameters:  # an engine's function has named some
        varied = list(run.params)
    parts.append(", ".join(f"{name} {shortened(run.config.get(name))}" for name in varied))
    left = f"about {duration(seconds_left)} left" if seconds_left > 0 else ""
    return " | ".join(filter(None, [*parts, duration(run.seconds), left]))
