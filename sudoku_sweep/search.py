"""What a local sweep tries: grid search, and random search over W&B's distributions."""

import math
import statistics

import numpy as np

from .errors import SweepError
from .sweeps import grid_points, n_runs, parameters_of


def check(config):
    """How many runs a sweep has, None if it has no end; a ``SweepError`` if it cannot be run here."""
    parameters = parameters_of(config)
    method, metric = config.get("method"), config.get("metric", {"name": ""})
    if method not in ("grid", "random"):
        raise SweepError(f"method {method!r}: a local sweep searches by 'grid' or 'random'")
    if config.get("early_terminate"):
        raise SweepError("early_terminate: a local sweep does not stop runs early; leave it out")
    if not isinstance(metric, dict) or not isinstance(metric.get("name"), str):
        raise SweepError(f"metric {metric!r}: write {{'name': 'val_accuracy', 'goal': 'maximize'}}")
    if method == "random":
        for name, parameter in parameters.items():
            quantile(name, parameter, 0.5)
    return n_runs(config)


def configuration(config, seed, index):
    """The ``index``-th configuration of a sweep; a random one depends on ``seed`` and ``index`` alone."""
    if config["method"] == "grid":
        return grid_points(config)[index]
    parameters = config["parameters"]
    draws = np.random.default_rng([seed, index]).random(len(parameters)).tolist()
    return {
        name: quantile(name, parameters[name], u)
        for name, u in zip(sorted(parameters), draws, strict=True)
    }


def quantile(name, parameter, u):
    """The value of one parameter at quantile ``u`` in [0, 1) of its distribution, as W&B defines them.

    Understood: ``value``, ``values`` (with ``probabilities``), ``min``/``max`` (whole numbers: ``int_uniform``,
    else ``uniform``), ``q_uniform``, ``log_uniform_values``, ``normal``.
    Source: docs.wandb.ai, "Sweep configuration options".
    """
    kind = parameter.get("distribution") or _implied_distribution(parameter)
    if kind not in QUANTILES:
        raise SweepError(
            f"parameter {name}: a local sweep knows no distribution {kind!r}; there are {', '.join(QUANTILES)}"
        )
    try:
        return QUANTILES[kind](
            u, **{key: value for key, value in parameter.items() if key != "distribution"}
        )
    except (TypeError, ValueError, ZeroDivisionError, IndexError) as error:
        raise SweepError(
            f"parameter {name}: {parameter} does not describe a {kind} distribution: {error}"
        ) from error


def _categorical(u, values, probabilities=None):
    weights = probabilities or [1 / len(values)] * len(values)
    fair = len(weights) == len(values) and min(weights) >= 0
    if not fair or not math.isclose(math.fsum(weights), 1):
        raise ValueError("probabilities are one number per value, none below 0, adding up to 1")
    return values[min(int(np.searchsorted(np.cumsum(weights), u, "right")), len(values) - 1)]


def _uniform(u, min, max):
    if min > max:
        raise ValueError(f"min {min} is above max {max}")
    return min + u * (max - min)


def _int_uniform(u, min, max):
    _uniform(u, min, max)  # refuses bounds that are the wrong way round
    if min != int(min) or max != int(max):
        raise ValueError(f"min {min} and max {max} are not whole numbers")
    return min + math.floor(u * (max - min + 1))  # max itself is as likely as the others


def _q_uniform(u, min, max, q=1):
    return round(_uniform(u, min, max) / q) * q


def _log_uniform_values(u, min, max):
    return math.exp(_uniform(u, math.log(min), math.log(max)))


def _normal(u, mu=0, sigma=1):
    return statistics.NormalDist(mu, sigma).inv_cdf(max(u, 1e-12))  # u = 0 would be minus infinity


QUANTILES = {
    "constant": lambda u, value: value,
    "categorical": _categorical,
    "int_uniform": _int_uniform,
    "uniform": _uniform,
    "q_uniform": _q_uniform,
    "log_uniform_values": _log_uniform_values,
    "normal": _normal,
}


def _implied_distribution(spec):
    """The distribution W&B takes a parameter to have if none is named."""
    if "value" in spec:
        return "constant"
    if "values" in spec:
        return "categorical"
    return (
        "int_uniform"
        if isinstance(spec.get("min"), int) and isinstance(spec.get("max"), int)
        else "uniform"
    )
