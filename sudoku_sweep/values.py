"""What W&B's configs, summaries and rows hold: plain values, in dicts that may be nested."""

import json
import math
from numbers import Real

# what define_metric(summary=...) may keep of a metric, in the order in which one of several is taken
SUMMARY_KINDS = ("best", "last", "mean", "min", "max", "first")


def plain(value):
    """A number of numpy's or PyTorch's as Python's own; anything else as it is."""
    return value.item() if getattr(value, "ndim", None) == 0 else value


def is_number(value):
    """Whether a value is a finite number; ``True`` and ``False`` are none."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number larger than any float
        return False


def metric_number(value, goal):
    """The finite number that a summary has for a metric, or None.

    ``run.define_metric("loss", summary="min,max")`` makes the summary's entry ``{"min": 1, "max": 3}``: of several, the
    one that the sweep's goal (``minimize`` or ``maximize``) asks for.
    """
    if _entries(value) is not None:
        wanted = "max" if goal == "maximize" else "min"
        kinds = [kind for kind in (wanted, *SUMMARY_KINDS) if kind in value.keys()]  # noqa: SIM118
        value = value[kinds[0]] if kinds else None
    value = plain(value)
    return value if is_number(value) else None


def duration(seconds):
    """A time as people say it: ``25 s``, ``12 min``, ``3.4 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def as_json(value):
    """A value as JSON, the same for dicts that differ only in the order of their keys."""
    return json.dumps(value, sort_keys=True, default=plain)


def shortened(value, length=60):
    """A value as text for a line: a number with four digits, of a dict the values, a long text cut."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    if isinstance(value, dict):
        text = f"({', '.join(map(shortened, value.values()))})"
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _entries(value):
    """The value itself if it is a mapping, such as the summary of a run from ``wandb.Api``."""
    return value if hasattr(type(value), "keys") else None


def flatten(values, inside=_entries):
    """Nested values as ``{path: value}``, where a path is a tuple of names; the inverse of ``nest``.

    ``inside(value)`` gives the mapping that a value holds, and None for one that holds none.
    """
    flat = {}
    for name in values.keys():  # noqa: SIM118  (a summary of wandb.Api is not iterable)
        nested = inside(values[name])
        if nested is None:
            flat[name,] = values[name]
        else:
            flat |= {(name, *path): value for path, value in flatten(nested, inside).items()}
    return flat


def nest(flat):
    """``{path: value}`` as nested dicts: ``{("a", "b"): 1}`` -> ``{"a": {"b": 1}}``."""
    nested = {}
    for path, value in flat.items():
        put(nested, path, value)
    return nested


def put(values, path, value):
    """Set the value at a path of nested dicts; those above it are made if they are missing."""
    *above, name = path
    for part in above:
        if not isinstance(values.get(part), dict):
            values[part] = {}
        values = values[part]
    values[name] = value
