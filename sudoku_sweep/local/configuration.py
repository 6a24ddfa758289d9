"""What a sweep configuration holds: its parameters, nested or not, its grid, and how many runs it makes."""

import itertools
import math
import random

from .distributions import LARGEST_GRID, choices, quantile, read
from .errors import SweepError


def grid_points(sweep_config):
    """Every configuration of a grid sweep, in W&B's order: names sorted, the last one changing fastest.

    Raises
    ------
    SweepError
        No parameters, no values, a continuous range, which a grid cannot enumerate, or a grid beyond all measure.
    """
    return [
        nest(dict(zip(leaves(sweep_config), point, strict=True)))
        for point in itertools.product(*_grid_values(sweep_config))
    ]


def grid_size(sweep_config):
    """The number of configurations in a grid."""
    return math.prod(map(len, _grid_values(sweep_config)))


def _grid_values(sweep_config):
    values = [choices(".".join(path), entry) for path, entry in leaves(sweep_config).items()]
    size = math.prod(map(len, values))
    if size > LARGEST_GRID:
        raise SweepError(
            f"a grid of {size:,} configurations: at most {LARGEST_GRID:,} can be listed; leave values out, or use "
            "method: random"
        )
    return values


def leaves(sweep_config):
    """The parameters of a sweep as ``{path: entry}``, in W&B's order: names sorted, nested ones inside.

    A path is a tuple of names, of one name unless the parameter is nested. A ``SweepError`` says what is missing.
    """
    parameters = sweep_config.get("parameters") if isinstance(sweep_config, dict) else None
    return dict(_walk((), parameters))


def _walk(above, parameters):
    where = f"parameter {'.'.join(above)}" if above else "a sweep configuration"
    if not isinstance(parameters, dict) or not parameters:
        raise SweepError(f"{where}: 'parameters' must be a dict that names at least one parameter")
    for name, entry in sorted(parameters.items(), key=lambda item: str(item[0])):
        path = (*above, str(name))
        if not isinstance(entry, dict):
            raise SweepError(
                f"parameter {'.'.join(path)}: give a dict such as {{'values': [1, 2]}}, not {entry!r}"
            )
        if "parameters" in entry:
            if len(entry) > 1:
                raise SweepError(
                    f"parameter {'.'.join(path)}: beside nested 'parameters' nothing else can stand"
                )
            yield from _walk(path, entry["parameters"])
        else:
            yield path, entry


def nest(values):
    """``{path: value}`` as a configuration: a dict, with dicts inside for nested parameters."""
    nested = {}
    for path, value in values.items():
        inside = nested
        for name in path[:-1]:
            inside = inside.setdefault(name, {})
        inside[path[-1]] = value
    return nested


def n_runs(sweep_config, count=None):
    """How many runs a sweep makes: its grid, its ``run_cap`` and ``count``, whichever ends it first.

    ``None`` if nothing ends it: methods other than grid go on until they are stopped.
    """
    cap = sweep_config.get("run_cap")
    for name, limit in (("run_cap", cap), ("count", count)):
        if limit is not None and (
            not isinstance(limit, int) or isinstance(limit, bool) or limit < 1
        ):
            raise SweepError(
                f"{name}={limit!r}: give a whole number of at least 1, or leave it out"
            )
    size = grid_size(sweep_config) if sweep_config.get("method") == "grid" else None
    return min((limit for limit in (size, cap, count) if limit is not None), default=None)


def configurations(sweep_config):
    """What is worth checking before a sweep starts: all of a grid, else the ends of every range, combined.

    What lies between the ends is drawn later. So are most of the combinations where there are more than
    ``LARGEST_GRID`` of them.
    """
    if sweep_config.get("method") == "grid":
        return grid_points(sweep_config)
    entries = leaves(sweep_config)
    tried = {path: _to_try(".".join(path), entry) for path, entry in entries.items()}
    tried = {path: values for path, values in tried.items() if values is not None}
    return [nest(dict(zip(tried, point, strict=True))) for point in _combinations(tried)]


def _combinations(tried):
    """All combinations of one value per parameter; of very many, some at random."""
    if math.prod(map(len, tried.values())) <= LARGEST_GRID:
        return itertools.product(*tried.values())
    draw = random.Random(0)
    return ([draw.choice(values) for values in tried.values()] for _ in range(LARGEST_GRID))


def _to_try(name, entry):
    """The values of one parameter that are worth checking; None if its distribution has no ends."""
    kind, arguments = read(name, entry)
    if kind == "constant" or kind.startswith("categorical"):
        return [arguments["value"]] if kind == "constant" else arguments["values"]
    if "min" in arguments:
        return [quantile(name, entry, 0), quantile(name, entry, 1)]
    return None
