"""What a sweep tries next: grid, random and bayes, over W&B's distributions.

``sweep`` is a ``SweepConfiguration`` everywhere. ``record`` is a dict with the ``point``, ``state``, ``rows`` and
``summary`` of a run.
"""

import numpy as np

from .configuration import unflatten
from .validation import is_number


def propose(sweep, seed, number, records):
    """The point that run ``number`` of a sweep stands for: its place in the grid, else a quantile per parameter.

    A random one depends on ``seed`` and ``number`` alone, one of bayes also on the ``records`` of the other runs.
    """
    if sweep.method == "grid":
        return number
    searched = sweep.searched.values()
    if sweep.method == "random":
        return np.random.default_rng([seed, number]).random(len(searched)).tolist()
    from . import bayes  # only here: scikit-learn takes a second to import

    def quantize(points):  # [n, parameter]
        columns = zip(searched, points.T.tolist(), strict=True)
        return np.array([[one.bucket_centre(u) for u in column] for one, column in columns]).T

    done = [record for record in records if record["state"] != "running"]
    running = [record for record in records if record["state"] == "running"]
    shape = (-1, len(searched))
    points = np.reshape([record["point"] for record in done], shape)
    pending = np.reshape([record["point"] for record in running], shape)
    scores = np.array(objectives(sweep.metric, done))
    return bayes.suggest(points, scores, pending, seed, number, quantize).tolist()


def configuration(sweep, point):
    """The values at a point that ``propose`` gave, nested as the sweep's parameters are."""
    if sweep.method == "grid":
        return sweep.grid[point]
    quantiles = dict(zip(sweep.searched, point, strict=True))
    values = {path: one.quantile(quantiles.get(path, 0)) for path, one in sweep.parameters.items()}
    return unflatten(values)


def value(name, values):
    """What stands under a name; ``val.acc`` also finds ``{"val": {"acc": ...}}``, as in W&B. None if nothing does."""
    if name in values:
        return values[name]
    for part in name.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values


def logged(name, rows):
    """The finite numbers that stand under a name in the rows of a run, in order."""
    return list(filter(is_number, (value(name, row) for row in rows)))


def losses(metric, record):
    """All values of the metric that a run has shown, its summary's first, turned so that less is better."""
    sign = -1 if metric.goal == "maximize" else 1
    return [sign * value for value in logged(metric.name, [record["summary"], *record["rows"]])]


def objectives(metric, records):
    """How each run did, as W&B's bayes counts it: its best value, turned so that less is better.

    Runs that did not finish, or logged no number, get what ``metric.impute`` says, by default the worst value
    that any run logged.
    """
    seen = [losses(metric, record) for record in records]
    worst = max((max(values) for values in seen if values), default=0.0)

    def score(state, values):
        if values and (state == "finished" or metric.impute == "best"):
            return min(values)
        return values[-1] if values and metric.impute == "latest" else worst

    states = [record["state"] for record in records]
    return list(map(score, states, seen))


def reached_target(metric, records):
    """Whether a run has logged the metric's ``target``, or better, which ends the sweep."""
    target = -metric.target if metric.goal == "maximize" else metric.target
    return any(loss <= target for record in records for loss in losses(metric, record))
