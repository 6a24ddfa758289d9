"""``sweep`` and ``agent`` as in wandb, for people without an account: nothing leaves this machine.

Runs are real offline W&B runs, which ``wandb sync`` can upload later. A sweep is a folder of JSON files,
``wandb/local-sweeps/<id>/``: the configuration, and one file per run. A run is claimed by a lock that the
operating system drops when its process ends, so that several agents can share a sweep and an interrupted one
goes on where it stopped.
"""

import contextlib
import itertools
import json
import math
import os
import re
import secrets
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import filelock
import numpy as np
import pandas as pd
import wandb
import yaml

from .errors import SweepError
from .files import write_atomically
from .sweeps import grid_points, n_runs, parameters_of

DONE = ("finished", "failed")  # states in which a configuration is not run again
EARLY_FAILURES, EARLY_SECONDS = 3, 60  # like W&B's agent: three failures in the first minute end it


def sweep(sweep, entity=None, project=None, prior_runs=None):
    """Set up a sweep, as ``wandb.sweep`` does. Returns its id.

    Parameters
    ----------
    sweep : dict
        W&B's sweep configuration, with method ``grid`` or ``random``.
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
    size = _check(sweep)
    sweep_id = secrets.token_hex(4)
    folder = _store() / sweep_id
    about = {
        "id": sweep_id,
        "project": project or sweep.get("project", "uncategorized"),
        "seed": secrets.randbits(32),
        "config": sweep,
    }
    write_atomically(folder / "sweep.json", _to_json(about))
    runs_planned = "no limit" if size is None else f"{size} runs"
    print(
        f"Local sweep {sweep_id}: {sweep['method']}, {runs_planned}, kept in {os.path.relpath(folder)}"
    )
    return sweep_id


def agent(
    sweep_id, function=None, entity=None, project=None, count=None, max_consecutive_failed_runs=None
):
    """Run configurations of a sweep one after the other, as ``wandb.agent`` does.

    ``function`` takes no arguments and calls ``wandb.init()``, whose ``run.config`` is then the configuration.
    A run that fails is recorded with its error, and the sweep goes on. Three failures in the first minute end
    it, like W&B's agent.

    Parameters
    ----------
    sweep_id : str
        From ``sweep``; a sweep that was interrupted goes on.
    function : callable
    entity, project : str, optional
        Accepted for the sake of the same signature.
    count : int, optional
        At most so many runs now; default: until the sweep is done. A random sweep needs it, or a ``run_cap``.
    max_consecutive_failed_runs : int, optional
        Stop after so many failures in a row.

    Raises
    ------
    SweepError
        No such sweep, no function, a random sweep without an end, or every run of this call failed.
    """
    folder, about = _open_sweep(sweep_id)
    if not callable(function):
        raise SweepError("give agent(sweep_id, function=...) the function that trains one run")
    if wandb.run is not None:
        raise SweepError(
            "a W&B run is still open: call run.finish() first, or use `with wandb.init() as run:`"
        )
    size = n_runs(about["config"])
    if size is None and count is None:
        raise SweepError(
            "a random sweep never ends by itself: give count=..., or a run_cap in its configuration"
        )
    start, outcomes = time.monotonic(), []
    with contextlib.closing(
        _claims(folder, about, size)
    ) as claims:  # lets go of the lock, whatever happens
        for record in itertools.islice(claims, count):
            _run_one(folder, about, record, function)
            print(_progress_line(record, about["config"], size), flush=True)
            outcomes.append(record["state"])
            failures, in_a_row = outcomes.count("failed"), _failed_at_the_end(outcomes)
            if in_a_row and failures >= EARLY_FAILURES and time.monotonic() - start < EARLY_SECONDS:
                print(
                    f"{failures} failed runs in the first {EARLY_SECONDS} seconds: stopping, like W&B's agent"
                )
                break
            if in_a_row >= (max_consecutive_failed_runs or math.inf):
                print(f"{in_a_row} failed runs in a row: stopping")
                break
    if outcomes and set(outcomes) == {"failed"}:
        raise SweepError(f"all {len(outcomes)} runs failed; the last one: {record['error']}")


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _failed_at_the_end(outcomes):
    return len(list(itertools.takewhile(lambda state: state == "failed", reversed(outcomes))))


def _progress_line(record, sweep_config, size):
    """One run in one line: which, how it ended, the metric, and the values that vary between runs."""
    metric = sweep_config.get("metric", {}).get("name")
    varied = [name for name, spec in sweep_config["parameters"].items() if "value" not in spec]
    of = "" if size is None else f"/{size}"
    parts = [f"run {record['index'] + 1}{of} {record['state']}"]
    if record["error"]:
        parts.append(record["error"].partition("\n")[0])
    elif metric in record["summary"]:
        parts.append(f"{metric} {_short(record['summary'][metric])}")
    parts.append(", ".join(f"{name} {_short(record['config'][name])}" for name in varied))
    return " | ".join([*parts, f"{record['seconds']:.0f} s"])


def runs(sweep_id):
    """The runs of a sweep so far, in the shape of ``wandb.Api().sweep(...).runs``: a list of ``LocalRun``."""
    folder, _ = _open_sweep(sweep_id)
    records = []
    for path in sorted((folder / "runs").glob("*.json")):
        record = json.loads(path.read_text())
        if record["state"] == "running":
            with contextlib.suppress(filelock.Timeout), _lock(path).acquire(blocking=False):
                record["state"] = "crashed"  # nobody holds its lock
        records.append(LocalRun(**{name: record[name] for name in LocalRun.__dataclass_fields__}))
    return records


def latest_sweep():
    """The id of the sweep made last in this folder."""
    sweeps = sorted(_store().glob("*/sweep.json"), key=lambda path: path.stat().st_mtime)
    if not sweeps:
        raise SweepError("no local sweep here yet: run the notebook's Cell 10 first")
    return sweeps[-1].parent.name


@dataclass
class LocalRun:
    """One run of a local sweep; the attributes that W&B's ``Api`` runs have, plus ``error`` and ``seconds``."""

    id: str
    name: str
    state: str
    config: dict
    summary: dict
    error: str | None
    seconds: float
    rows: list = field(repr=False)

    def scan_history(self, keys=None):
        """The logged rows as dicts; with ``keys``, those names only, of the rows that have them all."""
        for row in self.rows:
            if keys is None:
                yield dict(row)
            elif all(key in row for key in keys):
                yield {key: row[key] for key in keys}

    def history(self, keys=None):
        """The rows of ``scan_history`` as a DataFrame: all of them, where W&B's ``run.history`` takes a sample."""
        return pd.DataFrame(self.scan_history(keys))


# --- the store --------------------------------------------------------------------------------------------


def _store():
    return Path(os.environ.get("WANDB_DIR", ".")) / "wandb" / "local-sweeps"


def _open_sweep(sweep_id):
    name = str(sweep_id).rpartition("/")[2]  # W&B also takes entity/project/id
    folder = _store() / name
    if not re.fullmatch(r"[0-9a-f]{8}", name) or not (folder / "sweep.json").is_file():
        raise SweepError(f"no local sweep {sweep_id!r} in {os.path.relpath(_store())}")
    return folder, json.loads((folder / "sweep.json").read_text())


def _claims(folder, about, size):
    """Yield records of configurations that nobody ran or runs, each locked until the next one is asked for."""
    (folder / "runs").mkdir(exist_ok=True)
    for index in itertools.count() if size is None else range(size):
        path = folder / "runs" / f"{index:05}.json"
        with contextlib.suppress(filelock.Timeout), _lock(path).acquire(blocking=False):
            if path.exists() and json.loads(path.read_text())["state"] in DONE:
                continue
            yield {
                "index": index,
                "id": secrets.token_hex(4),
                "name": f"run-{index + 1}",
                "state": "running",
                "config": _configuration(about, index),
                "summary": {},
                "error": None,
                "seconds": 0.0,
                "rows": [],
            }


def _lock(path):
    return filelock.FileLock(path.with_suffix(".lock"))


def _save(folder, record):
    write_atomically(folder / "runs" / f"{record['index']:05}.json", _to_json(record))


def _to_json(content):
    return json.dumps(content, indent=1).encode()


# --- one run ----------------------------------------------------------------------------------------------


def _run_one(folder, about, record, function):
    """Call ``function`` with the record's configuration; fill the record with what it logged, and save it."""
    _save(folder, record)
    start = time.monotonic()
    parameters = folder / "runs" / f"{record['index']:05}.yaml"
    content = {name: {"value": value} for name, value in record["config"].items()}
    write_atomically(parameters, yaml.safe_dump({"wandb_version": 1} | content).encode())
    environment = {
        "WANDB_SWEEP_PARAM_PATH": str(parameters.resolve()),
        "WANDB_RUN_ID": record["id"],
        "WANDB_NAME": record["name"],
        "WANDB_RUN_GROUP": f"sweep-{about['id']}",
        "WANDB_PROJECT": about["project"],
        "WANDB_MODE": "offline",
    }
    try:
        with _environment(environment), _recording(record) as closed:
            function()
        if not closed:
            raise SweepError("the training function never called wandb.init()")
        record["state"] = "finished"
    except KeyboardInterrupt:
        record["state"] = "killed"  # to be run again when the sweep goes on
        raise
    except Exception as error:  # whatever goes wrong in the reader's function is one failed run
        record["state"] = "failed"
        record["error"] = f"{type(error).__name__}: {error}"
    finally:
        record["seconds"] = round(time.monotonic() - start, 3)
        _save(folder, record)


@contextlib.contextmanager
def _environment(values):
    """Set environment variables for a while, and make wandb, which reads them once, read them again."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    wandb.teardown()
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        wandb.teardown()


@contextlib.contextmanager
def _recording(record):
    """Note in ``record`` what is logged, and config and summary just before a run closes, while it has them.

    Yields the list of run ids closed so far. A run that the function leaves open is closed here.
    """
    closed, rows = [], {}
    real = {name: getattr(wandb.Run, name) for name in ("log", "finish", "__exit__")}

    def log(run, data, step=None, commit=None):
        at = run.step if step is None else step
        if at >= run.step:  # wandb drops what is logged for a step that is over
            rows.setdefault(at, {"_step": at}).update(_plain(data))
        return real["log"](run, data, step, commit)

    def close(how):
        def closing(run, *args, **kwargs):
            if run.id not in closed:
                closed.append(run.id)
                record["config"], record["summary"] = (
                    _plain(dict(run.config)),
                    _plain(dict(run.summary)),
                )
                record["rows"] = [rows[at] for at in sorted(rows)]
            return real[how](run, *args, **kwargs)

        return closing

    wandb.Run.log, wandb.Run.finish, wandb.Run.__exit__ = log, close("finish"), close("__exit__")
    try:
        yield closed
        wandb.finish()
    except BaseException:
        wandb.finish(exit_code=1)
        raise
    finally:
        for name, method in real.items():
            setattr(wandb.Run, name, method)


def _plain(values):
    """The part of a dict that JSON can hold: numbers, strings, booleans, and lists and dicts of them."""
    plain = {}
    for name, value in values.items():
        if isinstance(value, np.generic):
            value = value.item()
        elif hasattr(type(value), "keys"):  # a dict, or what stands for one in a summary
            value = _plain({key: value[key] for key in value.keys()})  # noqa: SIM118
        try:
            json.dumps(value)
        except TypeError:
            continue  # an image, a histogram: it is in the run's own file
        plain[name] = value
    return plain


# --- the search -------------------------------------------------------------------------------------------


def _check(config):
    """How many runs a sweep has, None if it has no end; a ``SweepError`` if it cannot be run here."""
    method = config.get("method") if isinstance(config, dict) else None
    if method not in ("grid", "random"):
        raise SweepError(f"method {method!r}: a local sweep searches by 'grid' or 'random'")
    if config.get("early_terminate"):
        raise SweepError("early_terminate: a local sweep does not stop runs early; leave it out")
    if method == "random":
        for name, parameter in parameters_of(config).items():
            quantile(name, parameter, 0.5)
    return n_runs(config)


def _configuration(about, index):
    """The ``index``-th configuration of a sweep; a random one depends on the sweep's seed and the index alone."""
    if about["config"]["method"] == "grid":
        return grid_points(about["config"])[index]
    parameters = about["config"]["parameters"]
    draws = np.random.default_rng([about["seed"], index]).random(len(parameters)).tolist()
    return {
        name: quantile(name, parameters[name], u)
        for name, u in zip(sorted(parameters), draws, strict=True)
    }


def quantile(name, parameter, u):
    """The value of one parameter at quantile ``u`` in [0, 1) of its distribution, as W&B defines them.

    Understood: ``value``, ``values`` (with ``probabilities``), ``min``/``max`` (whole numbers: ``int_uniform``,
    else ``uniform``), ``q_uniform``, ``log_uniform_values``, ``normal``.
    Source: docs.wandb.ai, "Sweep configuration options".
    """
    kind = parameter.get("distribution") or _implied_distribution(parameter)
    if kind not in QUANTILES:
        raise SweepError(
            f"parameter {name}: a local sweep knows no distribution {kind!r}; there are {', '.join(QUANTILES)}"
        )
    try:
        return QUANTILES[kind](
            u, **{key: value for key, value in parameter.items() if key != "distribution"}
        )
    except (TypeError, ValueError, ZeroDivisionError, IndexError) as error:
        raise SweepError(
            f"parameter {name}: {parameter} does not describe a {kind} distribution: {error}"
        ) from error


def _categorical(u, values, probabilities=None):
    weights = probabilities or [1 / len(values)] * len(values)
    if len(weights) != len(values) or not math.isclose(math.fsum(weights), 1):
        raise ValueError("probabilities are one number per value, adding up to 1")
    return values[min(int(np.searchsorted(np.cumsum(weights), u, "right")), len(values) - 1)]


def _uniform(u, min, max):
    if min > max:
        raise ValueError(f"min {min} is above max {max}")
    return min + u * (max - min)


def _int_uniform(u, min, max):
    _uniform(u, min, max)  # refuses bounds that are the wrong way round
    return min + math.floor(u * (max - min + 1))  # max itself is as likely as the others


def _q_uniform(u, min, max, q=1):
    return round(_uniform(u, min, max) / q) * q


def _log_uniform_values(u, min, max):
    return math.exp(_uniform(u, math.log(min), math.log(max)))


def _normal(u, mu=0, sigma=1):
    return statistics.NormalDist(mu, sigma).inv_cdf(max(u, 1e-12))  # u = 0 would be minus infinity


QUANTILES = {
    "constant": lambda u, value: value,
    "categorical": _categorical,
    "int_uniform": _int_uniform,
    "uniform": _uniform,
    "q_uniform": _q_uniform,
    "log_uniform_values": _log_uniform_values,
    "normal": _normal,
}


def _implied_distribution(spec):
    """The distribution W&B takes a parameter to have if none is named."""
    if "value" in spec:
        return "constant"
    if "values" in spec:
        return "categorical"
    return (
        "int_uniform"
        if isinstance(spec.get("min"), int) and isinstance(spec.get("max"), int)
        else "uniform"
    )
