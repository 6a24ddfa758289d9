"""``sweep`` and ``agent``: a sweep's configurations, run one after the other by as many agents as share its folder.

A run is claimed by a lock that the operating system drops when its process ends, so that an interrupted sweep goes
on where it stopped.
"""

import contextlib
import itertools
import math
import os
import secrets
import threading
import time
from dataclasses import asdict

import filelock
import wandb

from ..errors import SweepError
from . import search
from .configuration import grid, holds, n_runs, read, remarks
from .in_process import session
from .program import names_program
from .run import run_one
from .store import DONE, locked, open_sweep, run_file, save, store, write_json

EARLY_FAILURES, EARLY_SECONDS = 3, 60  # like W&B's agent: three failures in the first minute end it
# Whoever holds a lock for longer is running that configuration; ``runs`` takes much less.
LOCK_SECONDS = 0.1

# wandb has one set of settings in a process, so there is one agent at a time
_at_work = threading.Lock()


def sweep(sweep, entity=None, project=None, prior_runs=None):
    """Set up a sweep, as ``wandb.sweep`` does. Returns its id.

    Parameters
    ----------
    sweep : dict
        W&B's sweep configuration.
    entity : str, optional
        Accepted for the sake of the same signature; there is no account here.
    project : str, optional
        The project its runs are filed under; default: the configuration's own, else "uncategorized".
    prior_runs : list, optional
        Refused: runs can be added to a sweep on W&B's server only.

    Raises
    ------
    SweepError
        A configuration that cannot be run; nothing has been started or written then.
    StorageError
        The sweep cannot be written.
    """
    if prior_runs:
        raise SweepError("prior_runs need W&B's server: sync the runs, then use wandb.sweep")
    plan, sweep_id, seed = read(sweep), secrets.token_hex(4), secrets.randbits(32)
    folder, project = store() / sweep_id, project or plan.project
    content = {"id": sweep_id, "project": project, "seed": seed, "config": sweep}
    write_json(folder / "sweep.json", content)
    length = f"{plan.n_runs:,} runs" if plan.n_runs else "no limit"
    print(f"Local sweep {sweep_id}: {plan.method}, {length}, kept in {os.path.relpath(folder)}")
    for line in remarks(plan):
        print(f"note: {line}")
    return sweep_id


def import_runs(config, runs, project=None):
    """Set up a grid sweep some of whose runs ended elsewhere and are not made again. Returns its id.

    Parameters
    ----------
    config : dict
        W&B's sweep configuration.
    runs : list of LocalRun
        Each with the configuration that the grid has at its ``index``.
    project : str, optional
        As for ``sweep``.

    Raises
    ------
    SweepError
        As ``sweep`` does; also a sweep that is no grid, or a run whose config is not that of its index.
    """
    points = grid(config)
    for run in runs:
        if run.index >= points.size or not holds(run.config, points[run.index]):
            raise SweepError(f"run {run.index + 1} has another config than the sweep has there")
    sweep_id = sweep(config, project=project)
    for run in runs:
        save(store() / sweep_id, asdict(run) | {"point": run.index})
    return sweep_id


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
    ``StoppedEarly`` in a run that is to be stopped; a program is ended by SIGTERM.

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
    sweep = open_sweep(sweep_id)
    if not (callable(function) or (function is None and names_program(sweep.config))):
        raise SweepError(
            f"sweep {sweep.id} names no program: give agent(sweep_id, function=...) the function that trains one run"
        )
    if wandb.run is not None and not wandb.run.disabled:
        raise SweepError("a W&B run is still open: call run.finish(), or use `with`, before agent")
    if n_runs(sweep.config, count) is None:
        raise SweepError("this sweep never ends: give count=..., or run_cap in its configuration")
    if not _at_work.acquire(blocking=False):
        raise SweepError("an agent is at work in this process: start the next one in another")
    try:
        _work(sweep, function, count, max_consecutive_failed_runs or math.inf, retry_failed)
    finally:
        _at_work.release()


def _work(sweep, function, count, most_in_a_row, retry_failed):
    start, failures, checked = time.monotonic(), [], False
    again = _failed(sweep) if retry_failed else ()
    if not retry_failed:
        _tell_failed(sweep)
    # closing: lets go of the last lock at once
    with session(), contextlib.closing(_claims(sweep, again)) as claims:
        for record in itertools.islice(claims, count):
            failures.append(run_one(sweep, record, function))
            print(_progress_line(sweep, record), flush=True)
            if record["state"] == "finished" and sweep.plan.metric and not checked:
                _check_logged(sweep.plan.metric.name, record)
                checked = True
            early = time.monotonic() - start < EARLY_SECONDS
            if reason := _why_stop(failures, early, most_in_a_row):
                print(f"stopping: {reason}")
                break
    if any(failures):
        _tell_failed(sweep)
    if not failures:
        print(f"nothing left to run in sweep {sweep.id}")
    elif all(failures):
        message = f"all {len(failures)} runs failed; the last one: {record['error']}"
        raise SweepError(message) from failures[-1]


def _failed(sweep):
    """The ids of the runs that have failed so far."""
    return {record["id"] for record in sweep.records() if record["state"] == "failed"}


def _tell_failed(sweep):
    if failed := len(_failed(sweep)):
        advice = "retry_failed=True (in a terminal: --retry-failed) runs them again"
        print(f"left out: {failed} that failed; {advice}")


def _why_stop(failures, early, most_in_a_row):
    """Why an agent makes no more runs after those that ended with these errors, or None; None if it goes on."""
    n_failed = sum(map(bool, failures))
    in_a_row = len(list(itertools.takewhile(bool, reversed(failures))))
    if n_failed >= EARLY_FAILURES and early:
        return f"{n_failed} failed runs in {EARLY_SECONDS} seconds, as W&B's agent does"
    return f"{in_a_row} failed runs in a row" if in_a_row >= most_in_a_row else None


def _check_logged(metric, record):
    """Say so at once if the sweep is judged by a metric that the training function does not log."""
    seen = [search.value(metric, values) for values in (*record["rows"], record["summary"])]
    # not-a-number is a bad result, not a wrong name
    if not any(isinstance(value, int | float) for value in seen):
        names = sorted({name for row in record["rows"] for name in row} - {"_step"})
        what = f"run {record['index'] + 1} has not logged the sweep's metric {metric!r} as a number"
        advice = f"Name one of these in the sweep configuration, or log {metric!r}"
        raise SweepError(f"{what}, but {', '.join(names) or 'nothing'}. {advice}")


def _progress_line(sweep, record):
    """One run in one line: which, how it ended, the metric, and the values that vary between runs."""
    plan = sweep.plan
    of = f"/{plan.n_runs}" if plan.n_runs else ""
    parts = [f"run {record['index'] + 1}{of} {record['state']}"]
    if record["error"]:
        parts.append(record["error"].partition("\n")[0])
    elif plan.metric and (score := search.value(plan.metric.name, record["summary"])) is not None:
        parts.append(f"{plan.metric.name} {_short(score)}")
    varied = [name for name, one in sweep.config["parameters"].items() if "value" not in one]
    parts.append(", ".join(f"{name} {_short(record['config'].get(name))}" for name in varied))
    return " | ".join(filter(None, [*parts, f"{record['seconds']:.0f} s"]))


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _claims(sweep, again):
    """Yield records of configurations to be run, each locked until the next one is asked for.

    That is those that nobody ran or runs, and those whose last run is one of the ids ``again``.
    """
    folder, size = sweep.folder, sweep.plan.n_runs
    for index in itertools.count() if size is None else range(size):
        if not (folder / "sweep.json").exists():
            raise SweepError(f"{os.path.relpath(folder)} was deleted while its sweep was running")
        path = run_file(folder, index)
        with contextlib.suppress(filelock.Timeout), locked(path, timeout=LOCK_SECONDS):
            before = sweep.record(path)
            if before and before["state"] in DONE and before["id"] not in again:
                continue
            # One agent at a time, so that each knows what the others try.
            with locked(folder / "sweep.json"):
                record = _new_record(sweep, index, before)
                if record is None:
                    return
                save(folder, record)
            yield record


def _new_record(sweep, index, before):
    """A run that is about to start; None if the sweep has reached its target.

    A configuration that was interrupted is tried again as it was.
    """
    plan = sweep.plan
    has_target = plan.metric and plan.metric.target is not None
    others = sweep.records(besides=index) if plan.method == "bayes" or has_target else []
    if has_target and search.reached_target(plan.metric, others):
        print(f"sweep {sweep.id} has reached its target")
        return None
    point = before["point"] if before else search.propose(plan, sweep.seed, index, others)
    config = search.configuration(plan, point)
    identity = {"index": index, "id": secrets.token_hex(4), "name": f"run-{index + 1}"}
    nothing_yet = {"rows": [], "summary": {}, "error": None, "seconds": 0.0}
    return identity | {"state": "running", "point": point, "config": config} | nothing_yet
