"""The folder of a sweep, ``wandb/local-sweeps/<id>/``: its configuration, and one JSON file a run."""

import contextlib
import json
import os
import re
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Any

import filelock
from pydantic.dataclasses import dataclass

from ..errors import StorageError, SweepError
from ..files import cannot_write, write_atomically
from . import configuration

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
    rows: list[dict] = field(repr=False)

    def scan_history(self, keys=None):
        """The logged rows as dicts; with ``keys``, those names only, of the rows that have them all."""
        for row in self.rows:
            if all(key in row for key in keys or ()):
                yield {key: row[key] for key in keys or row}

    def history(self, keys=None):
        """The rows of ``scan_history`` as a DataFrame: all of them, where W&B's ``run.history`` takes a sample."""
        import pandas as pd  # only here: takes 0.2 s to import

        return pd.DataFrame(self.scan_history(keys))


@dataclass
class RunFile(LocalRun):
    """What is kept of a run: also the point that the search method proposed."""

    point: Any


@dataclass
class Sweep:
    """A sweep as it is kept, and its runs; their files are read again only when they were written anew."""

    id: str
    project: str
    seed: int
    config: dict
    folder: Path = None
    known: dict = field(default_factory=dict)  # {path: (which file it was, record)}

    @cached_property
    def plan(self):
        """Its configuration, understood: a ``SweepConfiguration``."""
        return configuration.read(self.config)

    def records(self, besides=None):
        """All runs in order, as dicts; but for that of index ``besides``."""
        left_out = besides is not None and run_file(self.folder, besides)
        paths = sorted((self.folder / "runs").glob("*.json"))
        return [record for path in paths if path != left_out and (record := self._current(path))]

    def runs(self):
        """The same as a list of ``LocalRun``."""
        return [LocalRun(**record) for record in self.records()]

    def record(self, path):
        """The run in a file, None if there is no such file. It may say running though its process is gone."""
        try:
            status = path.stat()
        except FileNotFoundError:
            return None
        version = (status.st_mtime_ns, status.st_ino)  # each writing makes a new file
        if self.known.get(path, (None,))[0] != version:
            self.known[path] = version, vars(_read(path, RunFile))
        return self.known[path][1]

    def _current(self, path):
        record = self.record(path)
        if record and record["state"] == "running":
            # no lock: another agent has it, or in this folder nobody may write
            with contextlib.suppress(filelock.Timeout, StorageError), locked(path, timeout=0):
                record = self.record(path)  # it may have ended since
                if record["state"] == "running":
                    return record | {"state": "crashed"}  # nobody holds its lock
        return record


def open_sweep(sweep_id):
    """The ``Sweep`` of an id; a ``SweepError`` if there is none."""
    name = str(sweep_id).rpartition("/")[2]  # W&B also takes entity/project/id
    path = store() / name / "sweep.json"
    if not re.fullmatch(r"[0-9a-f]{8}", name) or not path.is_file():
        where = os.path.relpath(store())
        raise SweepError(f"no local sweep {sweep_id!r} in {where}: make one with `sweep`")
    sweep = _read(path, Sweep)
    sweep.folder = path.parent
    return sweep


def _read(path, kind):
    """A file of the store, as a ``kind``. Files are written whole, so one that cannot be was changed since."""
    try:
        return kind(**json.loads(path.read_text("utf-8")))
    except (OSError, TypeError, ValueError, RecursionError) as error:
        advice = "if it is damaged, delete it: a run is run again, a sweep must be set up again"
        what = f"{os.path.relpath(path)} cannot be read; {advice}"
        raise SweepError(f"{what} ({type(error).__name__}: {error})") from error


def runs(sweep_id):
    """The runs of a sweep so far, in the shape of ``wandb.Api().sweep(...).runs``: a list of ``LocalRun``."""
    return open_sweep(sweep_id).runs()


def latest_sweep():
    """The id of the sweep made last in this folder."""
    if not (made := sweeps()):
        raise SweepError(f"no local sweep in {os.path.relpath(store())} yet: make one with `sweep`")
    return made[-1]


def sweeps():
    """The ids of all sweeps made in this folder, the oldest first."""
    made = sorted(store().glob("*/sweep.json"), key=lambda path: path.stat().st_mtime)
    return [path.parent.name for path in made]


def store():
    """The folder of all local sweeps."""
    return Path(os.environ.get("WANDB_DIR", ".")).resolve() / "wandb" / "local-sweeps"


def run_file(folder, index):
    """Where the record of a run is kept."""
    return folder / "runs" / f"{index:05}.json"


def locked(path, timeout=-1):
    """The lock that belongs to a file of the store, acquired; ``filelock.Timeout`` if another process has it."""
    path = path.with_suffix(".lock")
    try:
        path.parent.mkdir(exist_ok=True)
        return filelock.FileLock(path).acquire(timeout=timeout)
    except filelock.Timeout:  # an OSError, too
        raise
    except OSError as error:
        raise cannot_write(path, error) from error


def save(folder, record):
    """Write the record of a run, so that whoever reads it has the old one or the new one, whole."""
    write_json(run_file(folder, record["index"]), record)


def write_json(path, content):
    """Write a file of the store; numbers may be numpy's."""
    text = json.dumps(content, indent=1, default=lambda number: number.item())
    write_atomically(path, text.encode())
