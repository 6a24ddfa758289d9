"""What a sweep tries next: grid, random and bayes, over W&B's distributions."""

import numpy as np

from .configuration import read, unflatten
from .validation import is_number


def goal(config):
    """``minimize``, which is W&B's default, or ``maximize``."""
    return config.get("metric", {}).get("goal", "minimize")


def propose(config, seed, number, records):
    """The point that run ``number`` of a sweep stands for: its place in the grid, else a quantile per parameter.

    A random one depends on ``seed`` and ``number`` alone, one of bayes also on the ``records`` of the other runs:
    dicts with ``point``, ``state``, ``rows`` and ``summary``.
    """
    if config["method"] == "grid":
        return number
    searched = read(config).searched().values()
    if config["method"] == "random":
        return np.random.default_rng([seed, number]).random(len(searched)).tolist()
    from . import bayes  # only here: scikit-learn takes a second to import

    def quantize(points):  # [n, parameter]
        columns = zip(searched, points.T, strict=True)
        return np.array(
            [[entry.bucket_centre(u) for u in column.tolist()] for entry, column in columns]
        ).T

    done = [record for record in records if record["state"] != "running"]
    running = [record["point"] for record in records if record["state"] == "running"]
    shape = (-1, len(searched))
    return bayes.suggest(
        points=np.reshape([record["point"] for record in done], shape),
        scores=np.array(objectives(config, done)),
        pending=np.reshape(running, shape),
        seed=seed,
        number=number,
        quantize=quantize,
    ).tolist()


def configuration(config, point):
    """The values at a point that ``propose`` gave, nested as the sweep's parameters are."""
    sweep = read(config)
    if sweep.method == "grid":
        return sweep.grid()[point]
    quantiles = dict(zip(sweep.searched(), point, strict=True))
    return unflatten(
        {path: entry.quantile(quantiles.get(path, 0)) for path, entry in sweep.parameters.items()}
    )


def value(name, values):
    """What stands under a name; ``val.acc`` also finds ``{"val": {"acc": ...}}``, as in W&B. None if nothing does."""
    if name in values:
        return values[name]
    for part in name.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values


def logged(name, record):
    """The finite numbers that a run logged under a name, in order."""
    return list(filter(is_number, (value(name, row) for row in record["rows"])))


def known(name, record):
    """The same, and the one in the run's summary."""
    return logged(name, record) + list(filter(is_number, [value(name, record["summary"])]))


def objectives(config, records):
    """How each run did, as W&B's bayes counts it: its best value, with the sign turned so that less is better.

    Runs that did not finish, or logged no number, get what ``metric.impute`` says, by default the worst value
    that any run logged.
    """
    metric = config["metric"]
    sign = -1 if goal(config) == "maximize" else 1
    seen = [[sign * value for value in known(metric["name"], record)] for record in records]
    worst = max((max(values) for values in seen if values), default=0.0)
    stand_in = {
        "worst": lambda values: worst,
        "best": lambda values: min(values, default=worst),
        "latest": lambda values: values[-1] if values else worst,
    }[metric.get("impute", "worst")]
    return [
        min(values) if values and record["state"] == "finished" else stand_in(values)
        for values, record in zip(seen, records, strict=True)
    ]


def reached_target(config, records):
    """Whether a run has logged the ``target`` of the sweep's metric, or better, which ends the sweep."""
    metric = config.get("metric", {})
    if "target" not in metric:
        return False
    sign = -1 if goal(config) == "maximize" else 1
    seen = (value for record in records for value in known(metric["name"], record))
    return any(sign * value <= sign * metric["target"] for value in seen)
