"""Runs that ended before a sweep began, as runs of this sweep: what they have shown is not tried again."""

import dataclasses

from ..values import nest
from .distributions import find
from .run import DONE

MISSING = object()


def placed(space, runs):
    """Those of ``runs`` that a sweep takes over, with the index and the params that they have in it.

    In a grid the index is the place of a run's configuration, elsewhere the next number. Left out are runs that have
    not ended, runs whose configuration the sweep never tries, and in a grid all but the first of one place.
    """
    taken = {}
    for run in runs:
        params = _params(space, run.config) if run.state in DONE else None
        index = params if space.is_grid else len(taken)
        if params is not None and index not in taken:
            taken[index] = dataclasses.replace(run, index=index, params=params)
    return list(taken.values())


def given(space, config):
    """What a sweep has given to a run with this configuration, as ``{path: value}``."""
    values = {path: _at(config, path) for path in space.parameters}
    return {path: value for path, value in values.items() if value is not MISSING}


def _at(config, path):
    for name in path:
        config = config.get(name, MISSING) if isinstance(config, dict) else MISSING
    return config


def _params(space, config):
    """What the search would have proposed to get a configuration; None if it never gives it."""
    if not space.parameters:  # an engine's function alone knows what it proposes
        return config
    values = given(space, config)
    if space.configurations:
        return find(space.configurations, nest(values))
    if values.keys() != space.parameters.keys():
        return None
    if space.is_grid:
        return _grid_index(space, values)
    quantiles = {path: one.quantile_of(values[path]) for path, one in space.parameters.items()}
    if None in quantiles.values():
        return None
    if space.engine:
        return {name: value for (name,), value in values.items()}
    return [quantiles[path] for path in space.searched]


def _grid_index(space, values):
    index = 0
    for path, parameter in space.parameters.items():
        choices = parameter.choices()
        if (at := find(choices, values[path])) is None:
            return None
        index = index * len(choices) + at
    return index
