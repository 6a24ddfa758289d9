"""The folder of a sweep, ``wandb/local-sweeps/<id>/``: its configuration, and one JSON file a run."""

import contextlib
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import filelock
import pandas as pd

from ..files import StorageError, cannot_write, write_atomically
from . import search
from .errors import SweepError

DONE = ("finished", "failed", "stopped")  # states in which a configuration is not run again


@dataclass
class LocalRun:
    """One run of a local sweep: the attributes that W&B's ``Api`` runs have, and ``index``, ``error``, ``seconds``.

    ``state`` is running, finished, failed, stopped (early), killed (interrupted), or crashed (its process is gone).
    ``error`` says why a run failed or was stopped.
    """

    index: int
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


def runs(sweep_id):
    """The runs of a sweep so far, in the shape of ``wandb.Api().sweep(...).runs``: a list of ``LocalRun``."""
    folder, _ = _open_sweep(sweep_id)
    names = LocalRun.__dataclass_fields__
    return [LocalRun(**{name: record[name] for name in names}) for record in _records(folder)]


def sweep_config(sweep_id):
    """The configuration that a sweep was set up with."""
    return _open_sweep(sweep_id)[1]["config"]


def latest_sweep():
    """The id of the sweep made last in this folder."""
    sweeps = sorted(_store().glob("*/sweep.json"), key=lambda path: path.stat().st_mtime)
    if not sweeps:
        raise SweepError(
            f"no local sweep in {os.path.relpath(_store())} yet: run the notebook's Cell 10, or "
            "`python -m sudoku_sweep sweep`"
        )
    return sweeps[-1].parent.name


def _store():
    return Path(os.environ.get("WANDB_DIR", ".")).resolve() / "wandb" / "local-sweeps"


def _open_sweep(sweep_id):
    name = str(sweep_id).rpartition("/")[2]  # W&B also takes entity/project/id
    folder = _store() / name
    if not re.fullmatch(r"[0-9a-f]{8}", name) or not (folder / "sweep.json").is_file():
        raise SweepError(
            f"no local sweep {sweep_id!r} in {os.path.relpath(_store())}. To set one up, "
            "`python -m sudoku_sweep sweep`, or in the notebook `del made_for` and Cell 10"
        )
    return folder, _read(folder / "sweep.json", _sweep_of)


def _read(path, understand):
    """A file of the store, understood. Files are written whole, so one that cannot be was changed since."""
    try:
        return understand(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise SweepError(
            f"{os.path.relpath(path)} cannot be read ({type(error).__name__}: {error}). If it is damaged, delete it: "
            "a run that is not there is run again, a sweep has to be set up again"
        ) from error


def _sweep_of(content):
    about = _typed(content, id=str, project=str, seed=int, config=dict)
    search.check(about["config"])
    return about


def _run_of(content):
    kinds = {"index": int, "id": str, "name": str, "state": str, "config": dict, "summary": dict}
    kinds |= {"error": str | None, "seconds": float | int, "rows": list, "point": object}
    record = _typed(content, **kinds)
    return record | {"rows": [dict(row) for row in record["rows"]]}


def _typed(content, **kinds):
    """The named values of a dict, if each is of its kind."""
    for name, kind in kinds.items():
        if not isinstance(content[name], kind):
            raise TypeError(f"{name} is {content[name]!r}")
    return {name: content[name] for name in kinds}


def _records(folder, besides=None):
    """What is known of the sweep's runs, all but the one of index ``besides``, in order."""
    records = []
    for path in sorted((folder / "runs").glob("*.json")):
        if besides is not None and path == _run_file(folder, besides):
            continue
        record = _read(path, _run_of)
        if record["state"] == "running":
            # no lock: another agent has it, or in this folder nobody may write
            with contextlib.suppress(filelock.Timeout, StorageError), _locked(path, timeout=0):
                record = _read(path, _run_of)  # it may have ended since
                if record["state"] == "running":
                    record["state"] = "crashed"  # nobody holds its lock
        records.append(record)
    return records


def _run_file(folder, index):
    return folder / "runs" / f"{index:05}.json"


def _locked(path, timeout=-1):
    """The lock that belongs to a file of the store, acquired; ``filelock.Timeout`` if another process has it."""
    path = path.with_suffix(".lock")
    try:
        return filelock.FileLock(path).acquire(timeout=timeout)
    except filelock.Timeout:  # an OSError, too
        raise
    except OSError as error:
        raise cannot_write(path, error) from error


def _save(folder, record):
    write_atomically(_run_file(folder, record["index"]), _to_json(record))


def _to_json(content):
    return json.dumps(content, indent=1, default=lambda number: number.item()).encode()  # numpy's
