"""The sweeps of this folder: set up, listed, opened, with the runs that are kept of each.

A sweep has a folder, ``wandb/local-sweeps/<id>/``: in it are its configuration, and one JSON file a run.
"""

import contextlib
import dataclasses
import json
import os
import re
import secrets
import time
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path

import filelock
from pydantic.dataclasses import dataclass

from ..errors import StorageError, SweepError
from ..files import cannot_write, write_atomically
from ..values import as_json, plain
from . import configuration
from .run import Run


@dataclass
class Sweep:
    """A sweep as it is kept, and its runs. Their files are read again only when they were written anew.

    ``config`` is the sweep configuration as the user wrote it, ``space`` the same, understood. ``seed`` is that of the
    search method. ``created_at`` is when it was set up.
    """

    id: str
    project: str
    seed: int
    config: dict
    folder: Path
    created_at: str = ""
    cache: dict = dataclasses.field(default_factory=dict, repr=False)  # {path: (its version, run)}

    @cached_property
    def space(self):
        """``config``, understood: a ``SweepConfig``."""
        return configuration.read_config(self.config)

    def runs(self):
        """The runs so far, in order, each a ``Run``.

        Raises
        ------
        SweepError
            A file of a run is damaged.
        """
        paths = sorted((self.folder / "runs").glob("*.json"))
        return [run for path in paths if (run := self._current(path))]

    def _current(self, path):
        run = self.saved(path)
        if run and run.state == "running":
            # no lock: another agent has it, or in this folder nobody may write
            with contextlib.suppress(filelock.Timeout, StorageError), locked(path, timeout=0):
                run = self.saved(path)  # it may have ended since
                if run.state == "running":
                    return dataclasses.replace(run, state="crashed")  # nobody holds its lock
        return run

    def saved(self, path):
        """The run in a file, None if there is no such file. It may say running though its process is gone."""
        try:
            status = path.stat()
        except FileNotFoundError:
            return None
        version = (status.st_mtime_ns, status.st_ino)  # each writing makes a new file
        if self.cache.get(path, (None,))[0] != version:
            self.cache[path] = version, _read(path, Run)
        return self.cache[path][1]

    def path(self, index, suffix=".json"):
        """Where a run is kept; with another suffix, what belongs to it."""
        return self.folder / "runs" / f"{index:05}{suffix}"

    def save(self, run):
        """Write a run, so that whoever reads it has the old state or the new one, whole."""
        write_json(self.path(run.index), dataclasses.asdict(run))


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
    return _create(sweep, configuration.read_config(sweep), project)


def import_runs(config, runs, project=None):
    """Set up a grid sweep some of whose runs ended elsewhere and are not made again. Returns its id.

    Parameters
    ----------
    config : dict
        W&B's sweep configuration.
    runs : list of Run
        Each with the configuration that the grid has at its ``index``.
    project : str, optional
        As for ``sweep``.

    Raises
    ------
    SweepError
        As ``sweep`` does; also a sweep that is no grid, or a run whose config is not that of its index.
    """
    space = configuration.read_config(config)
    configs = configuration.grid(space)
    for run in runs:
        if run.index >= configs.size or not _contains(run.config, configs[run.index]):
            raise SweepError(f"run {run.index + 1} has another config than the sweep has there")
    created = open_sweep(_create(config, space, project))
    for run in runs:
        created.save(run)
    return created.id


def _create(config, space, project):
    """Write a new sweep and say so; returns its id."""
    sweep_id, seed = secrets.token_hex(4), secrets.randbits(32)
    folder, project = store() / sweep_id, project or space.project
    content = {"id": sweep_id, "project": project, "seed": seed, "created_at": _iso(time.time())}
    content["config"] = config
    write_json(folder / "sweep.json", content)
    length = f"{space.n_runs:,} runs" if space.n_runs else "no limit"
    print(f"Local sweep {sweep_id}: {space.method}, {length}, kept in {os.path.relpath(folder)}")
    for line in configuration.warnings(space):
        print(f"note: {line}")
    return sweep_id


def _contains(config, part):
    """Whether a run's configuration has all that the sweep gave it; a dict inside may have more, too."""
    if isinstance(config, dict) and isinstance(part, dict):
        return all(name in config and _contains(config[name], part[name]) for name in part)
    return config == part or as_json(config) == as_json(part)  # not-a-number equals nothing


def open_sweep(sweep_id):
    """The ``Sweep`` of an id; a ``SweepError`` if there is none."""
    name = str(sweep_id).rpartition("/")[2]  # W&B also takes entity/project/id
    path = store() / name / "sweep.json"
    if not re.fullmatch(r"[0-9a-f]{8}", name) or not path.is_file():
        where = os.path.relpath(store())
        raise SweepError(f"no local sweep {sweep_id!r} in {where}: make one with `sweep`")
    sweep = _read(path, partial(Sweep, folder=path.parent))
    sweep.created_at = _created_at(path)
    return sweep


def _read(path, make):
    """What ``make`` makes of a file of the store. Files are written whole, so one that cannot be read was changed."""
    try:
        content = json.loads(path.read_text("utf-8"))
        if "point" in content:  # the name of ``params`` in files of older releases
            content["params"] = content.pop("point")
        return make(**content)
    except (OSError, TypeError, ValueError, RecursionError) as error:
        advice = "if it is damaged, delete it: a run is run again, a sweep must be set up again"
        what = f"{os.path.relpath(path)} cannot be read; {advice}"
        raise SweepError(f"{what} ({type(error).__name__}: {error})") from error


def runs(sweep_id):
    """The runs of a sweep so far, to be read as those of ``wandb.Api().sweep(...).runs``: a list of ``Run``."""
    return open_sweep(sweep_id).runs()


def latest_sweep():
    """The id of the sweep made last in this folder."""
    if not (made := sweeps()):
        raise SweepError(f"no local sweep in {os.path.relpath(store())} yet: make one with `sweep`")
    return made[-1]


def sweeps():
    """The ids of all sweeps made in this folder, the oldest first."""
    made = sorted(store().glob("*/sweep.json"), key=_created_at)
    return [path.parent.name for path in made]


def _created_at(path):
    """When a sweep was set up; of one from an older release, or a damaged one, when its file was written."""
    noted = re.search(r'"created_at": "([^"]+)"', path.read_text("utf-8", "replace"))
    return noted[1] if noted else _iso(path.stat().st_mtime)


def _iso(seconds):
    """A time since 1970 as text; later ones are larger."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def store():
    """The folder of all local sweeps."""
    return Path(os.environ.get("WANDB_DIR", ".")).resolve() / "wandb" / "local-sweeps"


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


def write_json(path, content):
    """Write a file of the store; numbers may be numpy's."""
    write_atomically(path, json.dumps(content, indent=1, default=plain).encode())
