"""``sweep`` and ``agent`` as in wandb, for people without an account: nothing leaves this machine.

Runs are real offline W&B runs, which ``wandb sync`` can upload later. A sweep is a folder of JSON files,
``wandb/local-sweeps/<id>/``: the configuration, and one file per run. A run is claimed by a lock that the
operating system drops when its process ends, so that several agents can share a sweep and an interrupted one
goes on where it stopped.
"""

import contextlib
import itertools
import math
import os
import secrets
import time
import traceback
from dataclasses import asdict
from numbers import Number

import filelock
import wandb
import yaml

from ..files import write_atomically, writing
from . import hyperband, search
from .configuration import grid_points, n_runs
from .errors import SweepError
from .recording import StoppedEarly, recording, session, shut_down
from .store import (
    DONE,
    _locked,
    _open_sweep,
    _read,
    _records,
    _run_file,
    _run_of,
    _save,
    _store,
    _to_json,
)

EARLY_FAILURES, EARLY_SECONDS = 3, 60  # like W&B's agent: three failures in the first minute end it
GLANCE = 0.1  # seconds; ``runs`` holds a lock for much less


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
    """
    if prior_runs:
        raise SweepError(
            "prior_runs need W&B's server: sync the runs, then use wandb.sweep(..., prior_runs=...)"
        )
    size = search.check(sweep)
    project = project or sweep.get("project", "uncategorized")
    _check_project(project)
    sweep_id = secrets.token_hex(4)
    folder = _store() / sweep_id
    about = {
        "id": sweep_id,
        "project": project,
        "seed": secrets.randbits(32),
        "config": sweep,
    }
    write_atomically(folder / "sweep.json", _to_json(about))
    length = "no limit" if size is None else f"{size} runs"
    print(f"Local sweep {sweep_id}: {sweep['method']}, {length}, kept in {os.path.relpath(folder)}")
    return sweep_id


def import_runs(config, runs, project=None):
    """Set up a grid sweep some of whose runs ended elsewhere and are not made again. Returns its id.

    Raises
    ------
    SweepError
        As ``sweep`` does; also a sweep that is no grid, or a run whose config is not that of its index.
    """
    search.check(config)
    if config["method"] != "grid":
        raise SweepError("only a grid sweep can take over runs: its order is fixed")
    points = grid_points(config)
    for run in runs:
        if run.index >= len(points) or not points[run.index].items() <= run.config.items():
            raise SweepError(f"run {run.index + 1} has another config than the sweep has there")
    sweep_id = sweep(config, project=project)
    for run in runs:
        _save(_store() / sweep_id, asdict(run) | {"point": run.index})
    return sweep_id


def _check_project(project):
    if not isinstance(project, str):
        raise SweepError(f"project is {project!r}: give text")
    try:
        wandb.Settings(project=project)
    except wandb.errors.UsageError as error:
        raise SweepError(str(error)) from error


def agent(
    sweep_id,
    function=None,
    entity=None,
    project=None,
    count=None,
    forward_signals=False,
    term_timeout=None,
    max_consecutive_failed_runs=None,
):
    """Run configurations of a sweep one after the other, as ``wandb.agent`` does.

    ``function`` takes no arguments and calls ``wandb.init()``, whose ``run.config`` is then the configuration.
    A run that fails (``sys.exit()`` included) is recorded with its error, and the sweep goes on. Three
    failures in the first minute end it, like W&B's agent; that agent's other limits are not copied. With
    ``early_terminate``, ``run.log`` raises ``StoppedEarly`` in a run that is to be stopped.

    Before and after, wandb is shut down, so that it reads its settings anew: runs opened outside the agent with
    ``reinit="create_new"`` must be finished before. Unlike W&B's server, nothing here keeps ``function`` from
    filing a run under another project.

    Parameters
    ----------
    sweep_id : str
        From ``sweep``; a sweep that was interrupted goes on.
    function : callable
    entity, project, forward_signals, term_timeout : optional
        Without effect, for the sake of the same signature: there is no account, and no child process.
    count : int, optional
        At most so many runs now; default: until the sweep is done. Other methods than grid need it, or a
        ``run_cap``.
    max_consecutive_failed_runs : int, optional
        Stop after so many failures in a row.

    Raises
    ------
    SweepError
        No such sweep, no function, a sweep without an end, every run of this call failed, or the first one
        that finished had not logged the sweep's metric.
    """
    folder, about = _open_sweep(sweep_id)
    size = n_runs(about["config"])
    if not callable(function):
        raise SweepError("give agent(sweep_id, function=...) the function that trains one run")
    if wandb.run is not None:
        raise SweepError(
            "a W&B run is still open: call run.finish() first, or use `with wandb.init() as run:`"
        )
    if n_runs(about["config"], count) is None:
        raise SweepError(
            "this sweep never ends by itself: give count=..., or a run_cap in its configuration"
        )
    if max_consecutive_failed_runs is not None and max_consecutive_failed_runs < 1:
        raise SweepError("max_consecutive_failed_runs: give a whole number of at least 1")
    start, checked, failed = time.monotonic(), False, []  # whether each run of this call failed
    # closing: lets go of the last lock at once
    with session(), contextlib.closing(_claims(folder, about, size)) as claims:
        for record in itertools.islice(claims, count):
            error = _run_one(folder, about, record, function)
            print(_progress_line(record, about["config"], size), flush=True)
            if record["state"] == "finished" and not checked:
                _check_metric_logged(about["config"], record)
                checked = True
            failed.append(error is not None)
            in_a_row = len(list(itertools.takewhile(bool, reversed(failed))))
            if sum(failed) >= EARLY_FAILURES and time.monotonic() - start < EARLY_SECONDS:
                print(
                    f"{sum(failed)} failed runs in the first {EARLY_SECONDS} seconds: "
                    "stopping, like W&B's agent"
                )
                break
            if in_a_row >= (max_consecutive_failed_runs or math.inf):
                print(f"{in_a_row} failed runs in a row: stopping")
                break
    if not failed:
        print(f"nothing left to run in sweep {about['id']}; failed runs are not repeated")
    elif all(failed):
        message = f"all {len(failed)} runs failed; the last one: {record['error']}"
        raise SweepError(message) from error


def _check_metric_logged(sweep_config, record):
    """Say so at once if the sweep is judged by a metric that the training function does not log."""
    metric = sweep_config.get("metric", {}).get("name")
    if metric is None:
        return
    seen = [search.value(metric, values) for values in (*record["rows"], record["summary"])]
    # not-a-number is a bad result, not a wrong name; wandb's summary holds it as text
    if not any(
        isinstance(value, Number) or value in ("NaN", "Infinity", "-Infinity") for value in seen
    ):
        names = sorted({name for row in record["rows"] for name in row} - {"_step"})
        raise SweepError(
            f"the sweep's metric {metric!r} was not logged as a number by run {record['index'] + 1}, which logged: "
            f"{', '.join(names) or 'nothing'}. Name one of these in the sweep configuration, or log {metric!r}"
        )


def _progress_line(record, sweep_config, size):
    """One run in one line: which, how it ended, the metric, and the values that vary between runs."""
    metric = sweep_config.get("metric", {}).get("name")
    varied = [name for name, entry in sweep_config["parameters"].items() if "value" not in entry]
    of = "" if size is None else f"/{size}"
    parts = [f"run {record['index'] + 1}{of} {record['state']}"]
    if record["error"]:
        parts.append(record["error"].partition("\n")[0])
    elif metric and (score := search.value(metric, record["summary"])) is not None:
        parts.append(f"{metric} {_short(score)}")
    parts.append(", ".join(f"{name} {_short(record['config'].get(name))}" for name in varied))
    return " | ".join([*parts, f"{record['seconds']:.0f} s"])


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _claims(folder, about, size):
    """Yield records of configurations that nobody ran or runs, each locked until the next one is asked for."""
    with writing(folder / "runs"):
        (folder / "runs").mkdir(exist_ok=True)
    for index in itertools.count() if size is None else range(size):
        if not (folder / "sweep.json").exists():
            raise SweepError(f"{os.path.relpath(folder)} was deleted while its sweep was running")
        path = _run_file(folder, index)
        # Whoever holds the lock for longer than a glance is running this configuration.
        with contextlib.suppress(filelock.Timeout), _locked(path, timeout=GLANCE):
            before = _read(path, _run_of) if path.exists() else None
            if before and before["state"] in DONE:
                continue
            # One agent at a time, so that each knows what the others try.
            with _locked(folder / "sweep.json"):
                record = _new_record(folder, about, index, before)
                if record is None:
                    return
                _save(folder, record)
            yield record


def _new_record(folder, about, index, before):
    """A run that is about to start; None if the sweep has reached its target.

    A configuration that was interrupted is tried again as it was.
    """
    config = about["config"]
    looks_back = config["method"] == "bayes" or "target" in config.get("metric", {})
    others = _records(folder, besides=index) if looks_back else []
    if search.reached_target(config, others):
        print(f"sweep {about['id']} has reached its target")
        return None
    point = before["point"] if before else search.propose(config, about["seed"], index, others)
    return {
        "index": index,
        "point": point,
        "id": secrets.token_hex(4),
        "name": f"run-{index + 1}",
        "state": "running",
        "config": search.configuration(config, point),
        "summary": {},
        "error": None,
        "seconds": 0.0,
        "rows": [],
    }


# --- one run ----------------------------------------------------------------------------------------------


def _run_one(folder, about, record, function):
    """Call ``function`` with the record's configuration; fill the record with what it logged, and save it.

    Returns the error if the run failed, else None.
    """
    start = time.monotonic()
    parameters = _run_file(folder, record["index"]).with_suffix(".yaml")
    content = {name: {"value": value} for name, value in record["config"].items()}
    write_atomically(parameters, yaml.safe_dump({"wandb_version": 1} | content).encode())
    settings = wandb.Settings(
        sweep_param_path=str(parameters),
        run_id=record["id"],
        run_name=record["name"],
        run_group=f"sweep-{about['id']}",
        project=about["project"],
        mode="disabled" if os.environ.get("WANDB_MODE") == "disabled" else "offline",
    )
    failure, shown = None, []
    try:
        judge = _judge(folder, about["config"], record)
        wandb.setup(settings)  # what the function's wandb.init() starts from
        with recording(record, shown, after_log=judge) as closed:
            function()
        if not closed:
            raise SweepError(
                "the training function opened no W&B run, or one of another id: call wandb.init() in it, "
                "without id=... and reinit=..."
            )
        record["state"] = "finished"
    except StoppedEarly as stop:
        record["state"], record["error"] = "stopped", str(stop)
    except KeyboardInterrupt:
        record["state"] = "killed"  # to be run again when the sweep goes on
        raise
    except (Exception, SystemExit) as error:  # whatever goes wrong in the reader's function
        if _interrupted(error):
            record["state"] = "killed"
            raise KeyboardInterrupt from error
        record["state"] = "killed" if _lost_wandb(error) and not record["rows"] else "failed"
        record["error"] = f"{type(error).__name__}: {error}"
        if error not in shown:  # wandb prints what passes through `with wandb.init()`
            traceback.print_exc()
        shut_down()  # wandb's background process may be what failed: the next run gets a new one
        _let_go(error)
        failure = error
    finally:
        record["seconds"] = round(time.monotonic() - start, 3)
        _save(folder, record)
    return failure


def _chain(error):
    """An error, what it came from, and so on; only once each, for ``raise error from error`` makes a ring."""
    chain = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


def _let_go(error):
    """Free what the functions held in which an error came up: a net that was too large must not outlive its run."""
    for one in _chain(error):
        traceback.clear_frames(one.__traceback__)


def _lost_wandb(error):
    """Whether wandb's background process is gone, which is no fault of a run's configuration."""
    if isinstance(error, ConnectionError):  # of wandb, not of the reader's own code
        modules = [
            frame.f_globals.get("__name__", "")
            for frame, _ in traceback.walk_tb(error.__traceback__)
        ]
        return any(module.startswith("wandb.") for module in modules)
    return type(error).__module__.startswith("wandb.sdk.mailbox")


def _interrupted(error):
    """Whether an error came up while a KeyboardInterrupt was on its way."""
    return any(isinstance(one, KeyboardInterrupt) for one in _chain(error))


def _judge(folder, sweep_config, record):
    """What to do after each ``log`` of a run that may be stopped early; None if the sweep stops no runs."""
    if "early_terminate" not in sweep_config:
        return None
    name, rules = sweep_config["metric"]["name"], sweep_config["early_terminate"]

    def judge(data):
        mine = search.logged(name, record)
        if search.value(name, data) is None or not hyperband.bands(rules, len(mine)):
            return
        _save(folder, record)  # the sweep's other agents compare their runs with it
        reason = hyperband.verdict(
            rules,
            search.goal(sweep_config),
            mine,
            [search.logged(name, other) for other in _records(folder, besides=record["index"])],
        )
        if reason:
            raise StoppedEarly(f"{name} {reason}")

    return judge
