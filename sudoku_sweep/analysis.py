"""From runs, local or of W&B's ``Api``, to tables: the best runs, and what made them good."""

from numbers import Number

import numpy as np
import pandas as pd


def runs_frame(runs):
    """One row per run, whatever its state: DataFrame with ``id``, ``name``, ``state``, ``config.*``, ``summary.*``.

    Settings and results are prefixed because a name can be both: ``learning_rate`` is set once (the peak) and
    logged every epoch (the schedule, near 0 at the end). Nested values get dotted names. W&B's own bookkeeping
    (names with ``_``) is left out.
    """
    rows = []
    for run in runs:
        row = {"id": run.id, "name": run.name, "state": run.state}
        for kind in ("config", "summary"):
            row |= _flat(kind, getattr(run, kind))
        rows.append(row)
    return pd.DataFrame(rows, columns=None if rows else ["id", "name", "state"])


def _flat(prefix, values):
    """A nested mapping as one dict with dotted names: ``{"a": {"max": 1}}`` -> ``{"prefix.a.max": 1}``."""
    flat = {}
    for name in values.keys():  # noqa: SIM118  (W&B's summaries are no iterables)
        if name.startswith("_"):
            continue
        value = values[name]
        if hasattr(type(value), "keys"):
            flat |= _flat(f"{prefix}.{name}", value)
        else:
            flat[f"{prefix}.{name}"] = value
    return flat


def history_frame(runs, *metrics):
    """The logged values of some metrics, one row per run and epoch that has them all."""
    rows = [
        {"id": run.id, "name": run.name} | row
        for run in runs
        for row in run.scan_history(keys=["epoch", *metrics])
        # W&B writes not-a-number as a string
        if all(isinstance(value, Number) for value in row.values())
    ]
    return pd.DataFrame(rows, columns=["id", "name", "epoch", *metrics])


def varied(frame):
    """The ``config.*`` columns in which runs differ."""
    settings = [name for name in frame if name.startswith("config.")]
    return [name for name in settings if frame[name].astype(str).nunique() > 1]


def scores(frame, metric="val_accuracy"):
    """The last logged ``metric`` of every run, not-a-number unless the run finished with a finite number.

    Failed runs may hold a half-way value, and W&B reports not-a-number as the string ``"NaN"``: neither counts.
    """
    logged = frame.get(f"summary.{metric}", pd.Series(index=frame.index, dtype=float))
    numbers = pd.to_numeric(logged, errors="coerce").astype(float)
    return numbers.where((frame["state"] == "finished") & np.isfinite(numbers))


def leaderboard(frame, metric="val_accuracy", goal="maximize"):
    """The runs, best first: what varies, and the scores. Runs without a score stand last; none is dropped."""
    ascending = goal == "minimize"
    order = scores(frame, metric).sort_values(ascending=ascending, kind="stable").index
    chosen = [f"summary.{metric}"] if f"summary.{metric}" in frame else []
    others = {name for name in frame if name.startswith("summary.val_")}.difference(chosen)
    columns = ["name", "state", *varied(frame), *chosen, *sorted(others)]
    return frame.loc[order, columns].rename(columns=short_name).reset_index(drop=True)


def best_run(runs, metric="val_accuracy", goal="maximize"):
    """The run with the highest (or, to ``minimize``, lowest) score; ``None`` if no run has one."""
    found = scores(runs_frame(runs), metric).dropna()
    if found.empty:
        return None
    return runs[found.idxmin() if goal == "minimize" else found.idxmax()]


def short_name(column):
    """A column's name without ``config.`` or ``summary.``."""
    return column.removeprefix("config.").removeprefix("summary.")


def numbers_first(value):
    """A key that sorts numbers by size and puts everything else after them, by its text."""
    return (0, value, "") if isinstance(value, Number) else (1, 0, str(value))
