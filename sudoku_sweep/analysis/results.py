"""The runs of a sweep in one CSV file, curves included: written from a local sweep, read back as its runs."""

import csv
import io
import itertools
import json
import operator
from pathlib import Path

from .. import local, sweeps
from ..files import write_atomically
from ..local import SweepError, search

REPEATED = 10  # how many runs from either end are trained again
N_SEEDS = 2  # and with how many other seeds each
TEXT = ("state", "preset", "summary.device", "summary.commit")  # columns that hold no JSON
LONGEST = 2**31 - 1  # characters of a cell: curves are longer than what csv takes by itself


def save(path, sweep_id):
    """Write the ended runs of a local sweep, a row each; returns how many.

    Above them, lines that begin with ``#`` say which sweep it is, and what it ran on. Columns: ``index`` in the
    sweep, ``preset``, ``state``, ``config.*``, ``summary.*``, ``seconds`` of wall time, ``error``, and ``curve``: the
    logged rows. All but the columns of ``TEXT`` are in JSON. A summary holds the last value of what was logged, and
    what the run noted besides: here ``device``, ``commit``, and ``seconds`` and ``cpu_seconds`` of training.
    """
    config = local.sweep_config(sweep_id)
    rows = [
        {"index": run.index, "preset": config.get("name", ""), "state": run.state}
        | {f"config.{name}": value for name, value in run.config.items()}
        | {f"summary.{name}": value for name, value in sorted(run.summary.items())}
        | {"seconds": run.seconds, "curve": run.rows}
        | ({"error": run.error} if run.error else {})
        for run in local.runs(sweep_id)
        if run.state in local.DONE
    ]
    if not rows:
        raise SweepError(f"no run of sweep {sweep_id} has ended yet: there is nothing to write")
    columns = sorted({"error"}.union(*rows), key=_place)
    text = io.StringIO()
    text.write(
        f"# {len(rows)} runs of this sweep, {local.n_runs(config) or 'any number'} in all:\n"
    )
    text.write(f"# {json.dumps(config)}\n")
    facts = ("summary.device", "summary.commit", "config.seed")
    found = [sorted({str(row[fact]) for row in rows if fact in row}) for fact in facts]
    text.write("# device: {}; commit: {}; seed: {}\n".format(*map(", ".join, found)))
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(name, value) for name, value in row.items()} for row in rows)
    write_atomically(path, text.getvalue().encode())
    return len(rows)


def _cell(column, value):
    return value if column in TEXT else json.dumps(value, separators=(",", ":"))


def _place(column):
    """Where a column stands: what was set, what came of it, the curve last."""
    order = ("index", "preset", "state", "config", "summary", "seconds", "error", "curve")
    return order.index(column.partition(".")[0]), column


# What json, csv and the lines of `load` and `_run` raise on files that hold something else.
_NO_RESULTS = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
    csv.Error,
)


def load(path):
    """Read what ``save`` wrote: ``(sweep_config, runs)``, the runs as ``local.runs`` gives them.

    Raises
    ------
    SweepError
        No such file, or one that holds something else.
    """
    try:
        # io's lines, not splitlines(), which breaks a text at form feeds and the like, too
        lines = list(io.StringIO(Path(path).read_text("utf-8")))
        config = json.loads(lines[1].removeprefix("# "))
        search.check(config)
        table = itertools.dropwhile(lambda line: line.startswith("#"), lines)
        csv.field_size_limit(LONGEST)
        runs = [_run(row) for row in csv.DictReader(table)]
    except _NO_RESULTS as error:
        raise SweepError(
            f"{path} is no file of results that can be read ({type(error).__name__}: {error}): "
            "`python -m sudoku_sweep export` writes one"
        ) from error
    return config, runs


def _run(row):
    row = {name: text if name in TEXT else json.loads(text) for name, text in row.items() if text}
    part = {
        kind: {name.removeprefix(kind): row[name] for name in row if name.startswith(kind)}
        for kind in ("config.", "summary.")
    }
    name = f"run-{row['index'] + 1}"
    for column, kind in (("index", int), ("seconds", float | int), ("curve", list)):
        if not isinstance(row[column], kind) or isinstance(row[column], bool):
            raise TypeError(f"{name}: {column} is {row[column]!r}")
    if row["index"] < 0 or row["state"] not in local.DONE:
        raise ValueError(f"{name}: {row['state']!r} is no state of a run that has ended")
    return local.LocalRun(
        index=row["index"],
        id=f"row-{row['index'] + 1}",
        name=name,
        state=row["state"],
        config=part["config."],
        summary=part["summary."],
        error=row.get("error"),
        seconds=row["seconds"],
        rows=[dict(logged) for logged in row["curve"]],
    )


def resume(path):
    """Set up a local grid sweep in which the runs of a file are done already; returns its id."""
    config, runs = load(path)
    sweep_id = local.import_runs(config, runs, project=config.get("project", sweeps.PROJECT))
    print(f"{len(runs)} of them are done already")
    return sweep_id


def repeat(path):
    """Set up a local sweep that trains the best and the worst runs of a file again, with other seeds; returns its id.

    Best is by the metric of the file's sweep; of runs that differ in their seed alone, the best one counts. The seeds
    are the smallest from 1 on that no run of the file has. Of the new sweep's two parameters one is the ``seed``, the
    other holds all ``settings`` of a run, and its ``row`` in the file.
    """
    config, runs = load(path)
    metric = config.get("metric") or sweeps.FULL["metric"]
    finished = [run for run in runs if run.state == "finished"]
    known = [(search.known(metric["name"], vars(run)), run) for run in finished]
    scores = [(values[-1], run) for values, run in known if values]
    if not scores:
        raise SweepError(f"{path}: no run has finished with a number for {metric['name']!r}")
    if any("row" in run.config for run in finished):
        raise SweepError(f"{path} holds repeats; give the file that they were made from")
    scores.sort(key=operator.itemgetter(0), reverse=search.goal({"metric": metric}) == "maximize")
    ranked = {}
    for _, run in scores:
        settings = {name: value for name, value in run.config.items() if name != "seed"}
        ranked.setdefault(json.dumps(settings, sort_keys=True), {"row": run.index} | settings)
    ranked = list(ranked.values())
    settings = ranked[:REPEATED] + ranked[REPEATED:][-REPEATED:]
    used = {run.config.get("seed", 0) for run in runs}
    seeds = itertools.islice((seed for seed in itertools.count(1) if seed not in used), N_SEEDS)
    parameters = {"settings": {"values": settings}, "seed": {"values": list(seeds)}}
    again = {"method": "grid", "metric": metric, "parameters": parameters}
    again |= {"name": config.get("name", ""), "description": f"runs of {Path(path).name} again"}
    return local.sweep(again, project=sweeps.PROJECT)
