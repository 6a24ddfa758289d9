"""``sweep`` and ``import_runs``: a sweep is set up, and none of its runs is started."""

import os
import secrets

from ..errors import SweepError
from ..values import as_json
from .configuration import grid, read_config, warnings
from .store import open_sweep, store, write_json


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
    return _create(sweep, read_config(sweep), project)


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
    space = read_config(config)
    configs = grid(space)
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
    content = {"id": sweep_id, "project": project, "seed": seed, "config": config}
    write_json(folder / "sweep.json", content)
    length = f"{space.n_runs:,} runs" if space.n_runs else "no limit"
    print(f"Local sweep {sweep_id}: {space.method}, {length}, kept in {os.path.relpath(folder)}")
    for line in warnings(space):
        print(f"note: {line}")
    return sweep_id


def _contains(config, part):
    """Whether a run's configuration has all that the sweep gave it; a dict inside may have more, too."""
    if isinstance(config, dict) and isinstance(part, dict):
        return all(name in config and _contains(config[name], part[name]) for name in part)
    return config == part or as_json(config) == as_json(part)  # not-a-number equals nothing
