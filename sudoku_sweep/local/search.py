"""What a sweep tries next: grid, random and bayes, over W&B's distributions."""

import numpy as np

from ..values import nest


def propose(space, seed, index, runs):
    """The ``params`` of run ``index`` of a sweep: its place in the grid, else a quantile per searched parameter.

    Random ones depend on ``seed`` and ``index`` alone, those of bayes also on the other ``runs`` so far.
    """
    if space.method == "grid":
        return index
    if space.method == "random":
        return np.random.default_rng([seed, index]).random(len(space.searched)).tolist()
    from . import bayes  # only here: scikit-learn takes a second to import

    return bayes.propose(space, seed, index, runs)


def to_config(space, params):
    """The configuration that ``params`` stand for, nested as the sweep's parameters are."""
    if space.engine:
        return dict(params)
    if space.method == "grid":
        return space.grid[params]
    quantiles = dict(zip(space.searched, params, strict=True))
    values = {path: one.quantile(quantiles.get(path, 0)) for path, one in space.parameters.items()}
    return nest(values)
