"""What a sweep tries next: grid, random and bayes, over W&B's distributions."""

import numpy as np

from . import hyperband
from .configuration import grid_points, leaves, n_runs, nest
from .distributions import bucket_centre, is_number, quantile, read
from .errors import SweepError

GOALS = ("minimize", "maximize")
IMPUTE = ("worst", "best", "latest")
KEYS = ("method", "metric", "parameters", "run_cap", "early_terminate", "name", "description")
ONLY_THERE = ("program", "command", "entity", "project")  # for `wandb sweep`: accepted


def check(config):
    """How many runs a sweep has, None if it has no end; a ``SweepError`` if it cannot be run here."""
    entries = leaves(config)
    for key in config:
        if key not in KEYS + ONLY_THERE:
            raise SweepError(f"a sweep configuration has no {key!r} here; it has {', '.join(KEYS)}")
    for key in ("name", "description", "project"):
        if not isinstance(config.get(key, ""), str):
            raise SweepError(f"the sweep's {key} is {config[key]!r}: give text, in YAML in quotes")
    method = config.get("method")
    if method not in ("grid", "random", "bayes"):
        raise SweepError(f"method {method!r}: choose 'grid', 'random' or 'bayes'")
    for path, entry in entries.items():
        _check_range(".".join(path), entry)
    if "metric" in config:
        _check_metric(config["metric"])
    elif method == "bayes" or "early_terminate" in config:
        what = "method bayes" if method == "bayes" else "early_terminate"
        raise SweepError(
            f"{what} needs a metric: {{'name': 'val_accuracy', 'goal': 'maximize'}}, a name that your code logs"
        )
    if method == "bayes" and not _searched(config):
        raise SweepError(
            "method bayes: every parameter has one fixed value; there is nothing to search"
        )
    if "early_terminate" in config:
        hyperband.check(config["early_terminate"])
    return n_runs(config)


def _check_range(name, entry):
    kind, _ = read(name, entry)
    try:
        quantile(name, entry, 1 - 2**-53)
    except OverflowError:
        raise SweepError(
            f"parameter {name}: {kind} wants natural logarithms as min and max; for the values themselves "
            f"write {kind}_values"
        ) from None


def _check_metric(metric):
    if not isinstance(metric, dict) or not isinstance(metric.get("name"), str):
        raise SweepError(f"metric {metric!r}: write {{'name': 'val_accuracy', 'goal': 'maximize'}}")
    for key, value in metric.items():
        if key not in ("name", "goal", "target", "impute"):
            raise SweepError(f"metric has no {key!r} here; it has name, goal, target and impute")
        allowed = {"goal": GOALS, "impute": IMPUTE}.get(key, (value,))
        if value not in allowed:
            raise SweepError(
                f"metric: {key} is {value!r}; choose {' or '.join(map(repr, allowed))}"
            )
    if not is_number(metric.get("target", 0)):
        raise SweepError(f"metric: target is {metric['target']!r}; give a number")


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
    if config["method"] == "random":
        return np.random.default_rng([seed, number]).random(len(_searched(config))).tolist()
    from . import bayes  # only here: scikit-learn takes a second to import

    entries = _searched(config)

    def snap(points):  # [n, parameter]
        columns = zip(entries.items(), points.T, strict=True)
        return np.array([_snapped(path, entry, column) for (path, entry), column in columns]).T

    done = [record for record in records if record["state"] != "running"]
    running = [record["point"] for record in records if record["state"] == "running"]
    shape = (-1, len(entries))
    return bayes.suggest(
        points=np.reshape([record["point"] for record in done], shape),
        scores=np.array(scores(config, done)),
        pending=np.reshape(running, shape),
        seed=seed,
        number=number,
        snap=snap,
    ).tolist()


def _snapped(path, entry, column):
    return [bucket_centre(".".join(path), entry, u) for u in column.tolist()]


def configuration(config, point):
    """The values at a point that ``propose`` gave, nested as the sweep's parameters are."""
    if config["method"] == "grid":
        return grid_points(config)[point]
    searched = dict(zip(_searched(config), point, strict=True))
    return nest(
        {
            path: quantile(".".join(path), entry, searched.get(path, 0.5))
            for path, entry in leaves(config).items()
        }
    )


def _searched(config):
    return {path: entry for path, entry in leaves(config).items() if "value" not in entry}


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


def scores(config, records):
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
    return any(
        sign * value <= sign * metric["target"]
        for record in records
        for value in known(metric["name"], record)
    )
