"""What one entry of a sweep's ``parameters`` means: the distributions of W&B's sweep configurations.

Source: docs.wandb.ai, "Sweep configuration options"; held against W&B's own engine by the tests.
"""

import inspect
import math
import re
from numbers import Integral, Real

import numpy as np
from scipy import special

from .errors import SweepError

LARGEST_GRID = 100_000  # points; far more than anybody trains


def quantile(name, entry, u):
    """The value of parameter ``name`` at quantile ``u`` in [0, 1) of its distribution."""
    kind, arguments = read(name, entry)
    q = arguments.pop("q", None)
    value = QUANTILES[kind.removeprefix("q_") if q else kind](u, **arguments)
    return round(value / q) * q if q else value


def choices(name, entry):
    """The values of a parameter in a grid, each once, in order; ``SweepError`` for a continuous range."""
    kind, arguments = read(name, entry)
    if kind == "constant":
        return [arguments["value"]]
    if kind == "categorical":
        return list(
            {repr(as_wandb_compares(value)): value for value in arguments["values"]}.values()
        )
    if kind in ("int_uniform", "q_uniform"):
        step = arguments.get("q", 1)
        n_steps = (arguments["max"] - arguments["min"]) / step
        if n_steps >= LARGEST_GRID:
            raise SweepError(
                f"parameter {name}: its range holds more than {LARGEST_GRID:,} values, too many for a grid; give "
                "'values', or use method: random"
            )
    if kind == "int_uniform":
        return list(range(int(arguments["min"]), int(arguments["max"]) + 1))
    if kind == "q_uniform":  # like W&B, without the upper end
        return np.arange(arguments["min"], arguments["max"], step).tolist()
    raise SweepError(
        f"parameter {name}: a grid needs 'values', whole numbers or steps, not a {kind} range; or use method: random"
    )


def bucket_centre(name, entry, u):
    """The middle of all quantiles that give the same value as ``u``; ``u`` itself where values are continuous."""
    kind, arguments = read(name, entry)
    if kind == "categorical_w_probabilities":
        edges = np.cumsum([0, *arguments["probabilities"]])
        at = _bucket(u, arguments["probabilities"])
        return float(edges[at] + edges[at + 1]) / 2
    if kind == "categorical":
        size = len(arguments["values"])
    elif kind == "int_uniform":
        size = arguments["max"] - arguments["min"] + 1
    else:
        return u
    return (_nth(u, size) + 0.5) / size


def read(name, entry):
    """The distribution that an entry names or implies, and its arguments with W&B's defaults filled in.

    Raises
    ------
    SweepError
        Naming the parameter, and saying what to write instead.
    """
    arguments = {key: value for key, value in entry.items() if key != "distribution"}
    kind = str(entry.get("distribution") or _implied(name, entry))
    base = kind.removeprefix("q_") if kind in QUANTIZED else kind
    if base not in QUANTILES:
        known = ", ".join([*QUANTILES, *sorted(QUANTIZED)])
        raise SweepError(f"parameter {name}: no distribution {kind!r}; there are {known}")
    takes = dict(list(inspect.signature(QUANTILES[base]).parameters.items())[1:])  # all but u
    defaults = {key: spec.default for key, spec in takes.items() if spec.default is not spec.empty}
    if kind in QUANTIZED:
        defaults["q"] = 1.0
    for key in arguments:
        if key not in takes | defaults:
            raise SweepError(
                f"parameter {name}: {kind} takes {', '.join(takes | defaults)}; not {key!r}"
            )
    for key in takes:
        if key not in arguments | defaults:
            raise SweepError(f"parameter {name}: {kind} needs {key!r}")
    arguments = defaults | arguments
    _check(name, kind, arguments)
    return kind, arguments


def _implied(name, entry):
    if "value" in entry:
        return "constant"
    if "values" in entry:
        return "categorical_w_probabilities" if "probabilities" in entry else "categorical"
    if "min" not in entry or "max" not in entry:
        raise SweepError(f"parameter {name}: give 'value', 'values', or both 'min' and 'max'")
    whole = {isinstance(entry[end], Integral) for end in ("min", "max")}
    if len(whole) == 2 and all(is_number(entry[end]) for end in ("min", "max")):
        raise SweepError(
            f"parameter {name}: of min {entry['min']} and max {entry['max']} one is a whole number and one is "
            "not; write both without a point for whole numbers, both with one (0.0, 1.0) for a range"
        )
    return "int_uniform" if whole == {True} else "uniform"


def _check(name, kind, arguments):
    """Refuse arguments that describe no distribution."""

    def refuse(reason):
        raise SweepError(f"parameter {name}: {reason}")

    values = arguments.get("values", [None])
    if not isinstance(values, list | tuple) or not values:
        refuse(f"'values' is {values!r}; give a list of at least one value")
    for value in [arguments.get("value"), *values]:
        if isinstance(value, str) and NUMBER_AS_TEXT.fullmatch(value):
            refuse(
                f"{value!r} is text, not a number; in YAML, write it with a point, such as 1.0e-5"
            )
    numbers = {key: arguments[key] for key in NUMERIC if key in arguments}
    for key, value in numbers.items():
        if not is_number(value):
            refuse(
                f"{key} is {value!r}; give a number (in YAML 1.0e-5, since 1e-5 is read as text)"
            )
    if "min" in numbers:
        if numbers["min"] >= numbers["max"]:
            refuse(f"min {numbers['min']} is not below max {numbers['max']}")
        if kind.endswith("_values") and numbers["min"] <= 0:
            refuse(f"min {numbers['min']}: {kind} needs min above 0")
        if kind == "int_uniform" and any(value != int(value) for value in numbers.values()):
            refuse(f"min {numbers['min']} and max {numbers['max']} are not whole numbers")
    if kind == "categorical_w_probabilities":
        weights = arguments["probabilities"]
        fair = isinstance(weights, list | tuple) and all(map(is_number, weights))
        if not fair or len(weights) != len(arguments["values"]) or min(weights) < 0:
            refuse("give one probability per value, none below 0")
        if not math.isclose(math.fsum(weights), 1, rel_tol=1e-5):
            refuse(f"the probabilities add up to {math.fsum(weights):.6g}, not to 1")
    for key in ("a", "b", "q"):
        if numbers.get(key, 1) <= 0:
            refuse(f"{key} {numbers[key]} is not above 0")
    if numbers.get("sigma", 0) < 0:
        refuse(f"sigma {numbers['sigma']} is below 0")


TINY = 1e-12
NUMERIC = ("min", "max", "mu", "sigma", "a", "b", "q")
NUMBER_AS_TEXT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+")


def is_number(value):
    """Whether a value is a finite number; ``True`` and ``False`` are none."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number larger than any float
        return False


def as_wandb_compares(value):
    """W&B takes 3 and 3.0 for the same value of a grid."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# --- quantile functions: u in [0, 1), and the arguments that an entry gives --------------------------------


def _constant(u, value):
    return value


def _categorical(u, values):
    return values[_nth(u, len(values))]


def _categorical_w_probabilities(u, values, probabilities):
    return values[_bucket(u, probabilities)]


def _int_uniform(u, min, max):
    return int(min) + _nth(u, int(max) - int(min) + 1)


def _nth(u, size):
    """Which of ``size`` equal parts of (0, 1] holds ``u``."""
    return max(math.ceil(u * size) - 1, 0)


def _bucket(u, probabilities):
    at = int(np.searchsorted(np.cumsum(probabilities), u, "right"))
    return min(at, len(probabilities) - 1)  # the sum may fall short of 1 by rounding


def _uniform(u, min, max):
    return min + u * (max - min)


def _log_uniform(u, min, max):
    return math.exp(_uniform(u, min, max))


def _inv_log_uniform(u, min, max):
    return math.exp(-_uniform(1 - u, min, max))


def _log_uniform_values(u, min, max):
    return math.exp(_uniform(u, math.log(min), math.log(max)))


def _normal(u, mu=0.0, sigma=1.0):
    return mu + sigma * float(special.ndtri(max(u, TINY)))  # u = 0 would be minus infinity


def _log_normal(u, mu=0.0, sigma=1.0):
    return math.exp(_normal(u, mu, sigma))


def _beta(u, a=1, b=1):
    return float(special.betaincinv(a, b, max(u, TINY)))


QUANTILES = {
    "constant": _constant,
    "categorical": _categorical,
    "categorical_w_probabilities": _categorical_w_probabilities,
    "int_uniform": _int_uniform,
    "uniform": _uniform,
    "log_uniform": _log_uniform,  # min and max are the natural logarithms of the ends
    "log_uniform_values": _log_uniform_values,
    "inv_log_uniform": _inv_log_uniform,  # min and max are the negative logarithms of the ends, swapped
    "inv_log_uniform_values": _log_uniform_values,  # the same distribution, as W&B's engine has it
    "normal": _normal,
    "log_normal": _log_normal,
    "beta": _beta,
}
QUANTIZED = {f"q_{kind}" for kind in ("uniform", "log_uniform", "log_uniform_values")} | {
    f"q_{kind}" for kind in ("normal", "log_normal", "beta")
}
