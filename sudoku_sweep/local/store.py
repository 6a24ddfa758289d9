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
import wandb
from pydantic.dataclasses import dataclass

from ..errors import StorageError, SweepError, in_words
from ..files import cannot_write, escape_output, write_atomically
from ..values import plain
from . import configuration, prior, run_program
from .engines import Engine
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
    curves: dict = dataclasses.field(default_factory=dict, repr=False)  # {index: (version, values)}

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

    def curve(self, run):
        """The values of the metric in one of ``runs()``, in order; looked for once in each version of its file."""
        version = self.cache[self.path(run.index)][0]
        if self.curves.get(run.index, (None,))[0] != version:
            self.curves[run.index] = version, self.space.metric.values(run.rows)
        return self.curves[run.index][1]

    def path(self, index, suffix=".json"):
        """Where a run is kept; with another suffix, what belongs to it."""
        return self.folder / "runs" / f"{index:05}{suffix}"

    def save(self, run):
        """Write a run, so that whoever reads it has the old state or the new one, whole."""
        write_json(self.path(run.index), vars(run))


def sweep(sweep, entity=None, project=None, prior_runs=None, seed=None):
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
        Runs of other local sweeps, by their ids, or each a ``Run``, such as those of an export. They become runs of
        this one: a grid leaves them out, ``bayes`` and the engines learn from them.
    seed : int, optional
        Of the search method: the same seed draws the same random configurations on any machine. Default: another one
        for each sweep.

    Raises
    ------
    SweepError
        A configuration that cannot be run; nothing has been started or written then.
    StorageError
        The sweep cannot be written.
    """
    space = configuration.read_config(sweep)
    sweep_id, project = secrets.token_hex(4), project or space.project
    try:
        wandb.Settings(project=project)
    except wandb.errors.UsageError as error:  # as in each of its runs
        raise SweepError(f"W&B refuses the project's name: {error}") from error
    seed = secrets.randbits(32) if seed is None else seed
    content = {"id": sweep_id, "project": project, "seed": seed, "config": sweep}
    content["created_at"] = _iso(time.time())
    created = Sweep(**content, folder=store() / sweep_id)
    created.space = space  # it is not read again
    if space.engine:
        Engine(created)  # what is wrong with it is said here, not by each agent
    earlier = _as_runs(prior_runs or [])
    taken = prior.placed(space, earlier)
    write_json(created.folder / "sweep.json", content)
    for run in taken:
        created.save(run)
    escape_output()
    length = f"{space.n_runs:,} runs" if space.n_runs else "no limit"
    where = f"kept in {os.path.relpath(created.folder)}"
    print(f"Local sweep {sweep_id}: {space.engine or space.method}, {length}, {where}")
    if earlier:
        print(f"{len(taken)} of {len(earlier)} prior runs are part of it, and not made again")
    for line in configuration.warnings(space):
        print(f"note: {line}")
    if configuration.names_program(space) and (name := run_program.missing(space)):
        print(f"note: there is no {name!r} here: start the agents where it is")
    return sweep_id


def _as_runs(prior_runs):
    """Prior runs, given as runs or by their ids, as runs."""
    ids = {given for given in prior_runs if isinstance(given, str)}
    found = {run.id: run for made in sweeps() for run in runs(made)} if ids else {}
    if unknown := sorted(ids - found.keys()):
        raise SweepError(f"no local sweep has a run {', '.join(unknown)}: `report` lists the runs")
    return [found[given] if isinstance(given, str) else given for given in prior_runs]


def open_sweep(sweep_id):
    """The ``Sweep`` of an id; a ``SweepError`` if there is none."""
    name = str(sweep_id).rpartition("/")[2]  # W&B also takes entity/project/id
    path = store() / name / "sweep.json"
    if not re.fullmatch(r"[0-9a-f]{8}", name) or not path.is_file():
        where = os.path.relpath(store())
        raise SweepError(f"no local sweep {sweep_id!r} in {where}: make one with `sweep`")
    sweep = _read(path, partial(Sweep, folder=path.parent))
    sweep.created_at = sweep.created_at or _created_at(path)
    return sweep


def _read(path, make):
    """What ``make`` makes of a file of the store. Files are written whole, so one that cannot be read was changed."""
    try:
        return make(**json.loads(path.read_text("utf-8")))
    except (OSError, TypeError, ValueError, RecursionError) as error:
        advice = "if it is damaged, delete it: a run is run again, a sweep must be set up again"
        what = f"{os.path.relpath(path)} cannot be read; {advice}"
        raise SweepError(f"{what} ({in_words(error)})") from error


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
