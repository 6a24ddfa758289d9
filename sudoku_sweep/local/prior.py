"""Runs that ended before a sweep began, as runs of this sweep: what they have shown is not tried again."""

import dataclasses

from ..values import as_json, nest
from .run import DONE
from .validation import whole

MANY = 100_000  # of a larger grid, runs are looked for among so many configurations at its start
MISSING = object()


def placed(space, runs):
    """Those of ``runs`` that a sweep takes over, with the index and the params that they have in it.

    In a grid the index is the place of a run's configuration, elsewhere the next number. Left out are runs that have
    not ended, finished runs that logged another metric, runs whose configuration the sweep never tries, and in a grid
    all but the first of one place.
    """
    places = {}
    if runs and space.method == "grid":
        places = {_text(space, config): at for at, config in enumerate(space.grid[:MANY])}
    taken = {}
    for run in runs:
        unjudged = [metric for metric in space.objectives if not metric.is_logged(run)]
        if run.state not in DONE or (run.state == "finished" and unjudged):
            continue
        if space.method == "grid":
            index = params = places.get(_text(space, run.config), _own_index(space, run))
        else:
            index, params = len(taken), _params(space, run.config)
        if params is not None and index not in taken:
            taken[index] = dataclasses.replace(run, index=index, params=params)
    return list(taken.values())


def _own_index(space, run):
    """The index of a run that has more in its configuration than its own grid gave it; None if it is another grid."""
    if run.index < space.grid.size and _contains(run.config, space.grid[run.index]):
        return run.index
    return None


def _contains(config, part):
    """Whether a configuration has all that a grid gave it; a function may have added to a dict in it."""
    if isinstance(config, dict) and isinstance(part, dict):
        return all(name in config and _contains(config[name], part[name]) for name in part)
    return as_json(whole(config)) == as_json(whole(part))


def given(space, config):
    """What a sweep has given to a run with this configuration, as ``{path: value}``."""
    values = {path: _at(config, path) for path in space.parameters}
    return {path: value for path, value in values.items() if value is not MISSING}


def _at(config, path):
    for name in path:
        config = config.get(name, MISSING) if isinstance(config, dict) else MISSING
    return config


def _text(space, config):
    """What a sweep has given to a run, as text, in which 3.0 is 3."""
    return as_json([[path, whole(value)] for path, value in given(space, config).items()])


def _params(space, config):
    """What the search would have proposed to get a configuration; None if it never gives it."""
    if not space.parameters:  # an engine's function alone knows what it proposes
        return config
    values = given(space, config)
    quantiles = {path: space.parameters[path].quantile_of(values[path]) for path in values}
    if None in quantiles.values() or quantiles.keys() != space.parameters.keys():
        return None
    if space.engine:
        return nest(values)
    return [quantiles[path] for path in space.searched]
