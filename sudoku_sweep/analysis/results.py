"""Runs as files, curves included: written from any runs, read back as tables and as runs.

``NAME.csv`` is a table to look at, with a row for each run. ``NAME.jsonl`` is what ``load`` reads; each of its lines is
JSON, the first what belongs to all runs, the others a run each.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from ..errors import SudokuError
from ..files import write_atomically
from . import tables

# what is noted of all runs together, and where each run has it
SHARED = {"devices": "summary.device", "commits": "summary.commit", "seeds": "config.seed"}


@dataclass
class Results:
    """What ``load`` read.

    frame : DataFrame; as ``tables.runs_frame`` gives it, and ``index``
    history : DataFrame; a row for each logged row: ``id`` and ``name`` of the run, then what it logged
    metadata : dict; ``sweep`` is the sweep's configuration, ``runs`` their number; and what they ran on
    runs : list; whole, W&B's own bookkeeping included: ``index``, ``id``, ``name``, ``state``, ``config``, ``summary``,
        ``error`` (None or text), ``seconds`` (wall time), and ``rows``, a dict for each time that the run logged
    """

    frame: pd.DataFrame
    history: pd.DataFrame = field(repr=False)
    metadata: dict
    runs: list = field(repr=False)


def export(path, runs, metadata):
    """Write runs to files; what was there under the same name is replaced. Returns the path of ``NAME.csv``.

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
    SudokuError
        No runs.
    StorageError
        A file cannot be written.
    """
    table, whole = _paths(path)
    lines = [_as_dict(run, position) for position, run in enumerate(runs)]
    if not lines:
        raise SudokuError("no runs: there is nothing to write")
    shared = {"runs": len(lines)}
    for fact, column in SHARED.items():
        kind, name = column.split(".")
        shared[fact] = list(dict.fromkeys(run[kind][name] for run in lines if name in run[kind]))
    # what is nested in a summary of W&B's is no dict
    texts = [json.dumps(line, default=dict) for line in (metadata | shared, *lines)]
    write_atomically(whole, "".join(f"{text}\n" for text in texts).encode())
    frame = _frame([SimpleNamespace(**run) for run in lines])
    if formulas := [name for name in frame if frame[name].map(_is_formula).any()]:
        advice = "if you open it in a spreadsheet, import them as text"
        where = f"{table.name} has text that may be run as a formula, in {', '.join(formulas)}"
        print(f"note: {where}; {advice}")
    # as RFC 4180 has it; with "\n" alone, a "\r" in a text would not be quoted
    rows = frame.to_csv(index=False, lineterminator="\r\n")
    write_atomically(table, rows.encode(errors="backslashreplace"))
    return table


def _is_formula(cell):
    return isinstance(cell, str) and cell.startswith(("=", "+", "-", "@"))


def _paths(path):
    """Both files of one name."""
    name = str(path).removesuffix(".csv")
    return Path(f"{name}.csv"), Path(f"{name}.jsonl")


def _as_dict(run, position):
    """All of a run. W&B's have no ``index``, ``seconds`` or ``error``."""
    return {
        "index": getattr(run, "index", position),
        "id": run.id,
        "name": run.name,
        "state": run.state,
        "config": dict(run.config),
        "summary": dict(run.summary),
        "error": getattr(run, "error", None),
        "seconds": getattr(run, "seconds", run.summary.get("_runtime", 0.0)),
        "rows": list(run.scan_history()),
    }


def _frame(runs):
    frame = tables.runs_frame(runs)
    frame.insert(0, "index", [run.index for run in runs])
    return frame


def load(path, make_run=SimpleNamespace):
    """Read what ``export`` wrote, given as ``NAME`` or ``NAME.csv``. Returns ``Results``.

    Parameters
    ----------
    path : path
    make_run : callable
        Makes a run of what its line holds, given as keyword arguments; ``local.Run`` makes one that a sweep can go on
        with.

    Raises
    ------
    SudokuError
        No such file, or one that holds something else.
    """
    _, whole = _paths(path)
    try:
        with open(whole, encoding="utf-8") as lines:
            metadata, *runs = map(json.loads, lines)
        if not isinstance(metadata.get("sweep", {}), dict):
            raise TypeError(f"sweep is {metadata['sweep']!r}")
        if len(runs) != metadata["runs"]:
            raise ValueError(f"{len(runs)} runs, not {metadata['runs']}")
        runs = [make_run(**run) for run in runs]
        for run in runs:
            if type(run.index) is not int or run.index < 0:
                raise ValueError(f"index {run.index!r}: give a whole number of at least 0")
        curves = [row | {"id": run.id, "name": run.name} for run in runs for row in run.rows]
        names = dict.fromkeys(["id", "name", *(name for row in curves for name in row)])
        history = pd.DataFrame(curves, columns=list(names))
        return Results(_frame(runs), history, metadata, runs)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        what = f"{whole} holds no results that can be read ({type(error).__name__}: {error})"
        raise SudokuError(f"{what}. `python -m sudoku_sweep export` writes such files") from error
