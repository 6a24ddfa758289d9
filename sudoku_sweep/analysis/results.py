"""Runs as plain tables, curves included: written from any runs, read back as tables and as runs.

``NAME.csv`` has a row for each run, ``NAME_history.csv`` one for each time that a run logged, and ``NAME.json`` what
belongs to the whole. A cell holds JSON, so that 1, "1" and true come back as they were; text stands as it is where it
cannot be taken for something else. An empty cell: this run has no such value.
"""

import csv
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from ..errors import StorageError
from ..files import write_atomically
from . import tables

COLUMNS = ("index", "id", "name", "state", "config", "summary", "seconds", "error")  # in this order
TIMES = (
    "_runtime",
    "_timestamp",
)  # of each logged row; the file is the same whenever its runs were made
SHARED = {"devices": "summary.device", "commits": "summary.commit", "seeds": "config.seed"}


@dataclass
class Results:
    """What ``load`` read.

    frame : DataFrame; as ``tables.runs_frame`` gives it, and ``index``, ``seconds``, ``error``
    history : DataFrame; a row for each logged row: ``id`` and ``name`` of the run, then what it logged
    metadata : dict; ``sweep`` is the sweep's configuration, ``runs`` their number; and what they ran on
    runs : list of dict; whole, W&B's own bookkeeping included: keyword arguments of ``local.Run``
    """

    frame: pd.DataFrame
    history: pd.DataFrame = field(repr=False)
    metadata: dict
    runs: list = field(repr=False)


def export(path, runs, metadata):
    """Write runs as plain tables; what was there under the same name is replaced. Returns the path of ``NAME.csv``.

    Parameters
    ----------
    path : path
        ``NAME`` or ``NAME.csv``.
    runs : list
        Local runs, or those of W&B's ``Api``.
    metadata : dict
        What belongs to the whole, in kinds that JSON has; ``sweep`` is the sweep's configuration. The number of
        ``runs``, and the ``devices``, ``commits`` and ``seeds`` that they note, are added.

    Raises
    ------
    ValueError
        No runs.
    StorageError
        A file cannot be written.
    """
    rows, logged = [], []
    for position, run in enumerate(runs):
        index = getattr(run, "index", position)  # W&B's runs have none, nor the last two of a row
        row = {"index": index, "id": run.id, "name": run.name, "state": run.state}
        for kind, values in (("config", run.config), ("summary", run.summary)):
            row |= {f"{kind}.{name}": values[name] for name in values.keys()}  # noqa: SIM118  (W&B's)
        last = {name: getattr(run, name, None) for name in ("seconds", "error")}
        rows.append(row | {name: value for name, value in last.items() if value is not None})
        for values in run.scan_history():
            logged.append((index, {key: values[key] for key in values if key not in TIMES}))
    if not rows:
        raise ValueError("no runs: there is nothing to write")
    shared = {
        fact: list(dict.fromkeys(row[column] for row in rows if column in row))
        for fact, column in SHARED.items()
    }
    about = json.dumps(metadata | {"runs": len(rows)} | shared, indent=1)
    columns = sorted({"seconds", "error"}.union(*rows), key=_place)
    names = list(dict.fromkeys(name for _, values in logged for name in values))
    table, history, whole = _paths(path)
    write_atomically(table, _csv([map(_written, columns), *(_cells(row, columns) for row in rows)]))
    lines = [[index, *_cells(values, names)] for index, values in logged]
    write_atomically(history, _csv([["index", *map(_written, names)], *lines]))
    write_atomically(whole, f"{about}\n".encode())
    return table


def _paths(path):
    """The three files of one name."""
    path = Path(path)
    if not path.name:
        raise StorageError(f"{str(path)!r} is no name of a file: give one such as runs.csv")
    stem = path.with_suffix("") if path.suffix == ".csv" else path
    return [stem.with_name(stem.name + ending) for ending in (".csv", "_history.csv", ".json")]


def _place(column):
    """Where a column stands: what was set, then what came of it."""
    return COLUMNS.index(column.partition(".")[0]), column


def _csv(lines):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode()


def _cells(values, names):
    """What stands under some names, written; nothing where there is no such value."""
    return [_written(values[name]) if name in values else "" for name in names]


def _written(value):
    """A value as JSON; text as it is, if it is printable and cannot be read as anything else."""
    if isinstance(value, str) and value and value.isprintable() and _read(value) == value:
        return value
    return json.dumps(value, default=dict)  # what is nested in a summary of W&B's is no dict


def _read(cell):
    """What ``_written`` made a cell of."""
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell


def load(path):
    """Read what ``export`` wrote, given as ``NAME`` or ``NAME.csv``. Returns ``Results``.

    Raises
    ------
    ValueError
        No such files, or some that hold something else.
    """
    table, history, whole = _paths(path)
    try:
        metadata = json.loads(whole.read_text("utf-8"))
        if not isinstance(metadata.get("sweep", {}), dict):
            raise TypeError(f"sweep is {metadata['sweep']!r}")
        runs = [_run(dict(row)) for row in _rows(table)]
        if len(runs) != metadata["runs"]:
            raise ValueError(
                f"{metadata['runs']} runs in {whole.name}, {len(runs)} in {table.name}"
            )
        by_index = {run["index"]: run for run in runs}
        for (_, index), *logged in _rows(history):
            by_index[index]["rows"].append(dict(logged))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{table}, with {history.name} and {whole.name} beside it, holds no results that can be read "
            f"({type(error).__name__}: {error}). `python -m sudoku_sweep export` writes such files, and so does "
            "results.export"
        ) from error
    frame = tables.runs_frame([SimpleNamespace(**run) for run in runs])
    frame = frame.assign(
        **{name: [run[name] for run in runs] for name in ("index", "seconds", "error")}
    )
    curves = [row | {"id": run["id"], "name": run["name"]} for run in runs for row in run["rows"]]
    names = dict.fromkeys(["id", "name", *(name for row in curves for name in row)])
    return Results(frame, pd.DataFrame(curves, columns=list(names)), metadata, runs)


def _rows(path):
    """The rows of a table, each a list of (name, value) without its empty cells."""
    cells = pd.read_csv(path, header=None, dtype=str, keep_default_na=False).to_numpy()
    names = [_read(cell) for cell in cells[0]]
    return [
        [(name, _read(cell)) for name, cell in zip(names, row, strict=True) if cell != ""]
        for row in cells[1:]
    ]


def _run(row):
    """A row as a run."""
    if not isinstance(row["index"], int) or row["index"] < 0:
        raise ValueError(f"index {row['index']!r}: give a whole number of at least 0")
    run = {name: row[name] for name in ("index", "id", "name", "state")}
    run |= {name: row.get(name) for name in ("seconds", "error")}
    run |= {"config": {}, "summary": {}, "rows": []}
    for column, value in row.items():
        kind, dot, name = column.partition(".")
        if dot:
            run[kind][name] = value
    return run
