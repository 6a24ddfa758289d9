"""From runs to tables: the best runs, and what made them good.

Runs are read by the attributes that those of W&B's ``Api`` have, wherever they come from: ``id``, ``name``, ``state``,
``config``, ``summary`` and ``scan_history``.
"""

from numbers import Number

import numpy as np
import pandas as pd

from ..values import flatten


def runs_frame(runs):
    """One row per run, whatever its state: DataFrame with ``id``, ``name``, ``state``, ``config.*``, ``summary.*``.

    Settings and results are prefixed because a name can be both. Nested values get dotted names. W&B's own bookkeeping
    (names with ``_``) is left out.
    """
    rows = []
    for run in runs:
        settings = dotted("config", run.config)
        # None is a setting like others, which pandas would call missing
        settings |= {name: "None" for name, value in settings.items() if value is None}
        row = {"id": run.id, "name": run.name, "state": run.state}
        rows.append(row | settings | dotted("summary", run.summary))
    frame = pd.DataFrame(rows, columns=None if rows else ["id", "name", "state"])
    return frame[[column for column in frame if "._" not in column]]


def dotted(prefix, values):
    """A nested mapping as one dict with dotted names: ``{"a": {"max": 1}}`` -> ``{"prefix.a.max": 1}``.

    A name that has the dots itself wins: beside a default ``{"a": {"max": 1}}``, what a sweep over ``"a.max"`` set.
    """
    flat = flatten(values)
    names = {path: ".".join(path) for path in flat}
    return {f"{prefix}.{name}": flat.get((name,), flat[path]) for path, name in names.items()}


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


def metric_values(frame, metric="val_accuracy"):
    """The last logged ``metric`` of every run, not-a-number unless the run finished with a finite number.

    Failed runs may hold a half-way value, and W&B reports not-a-number as the string ``"NaN"``: neither counts.
    """
    logged = frame.get(f"summary.{metric}", pd.Series(index=frame.index, dtype=float))
    numbers = pd.to_numeric(logged, errors="coerce").astype(float)
    return numbers.where((frame["state"] == "finished") & np.isfinite(numbers))


def leaderboard(frame, metric="val_accuracy", goal="maximize"):
    """The runs, best first: what varies, and the scores. Runs without a score stand last; none is dropped."""
    ascending = goal == "minimize"
    order = metric_values(frame, metric).sort_values(ascending=ascending, kind="stable").index
    chosen = [f"summary.{metric}"] if f"summary.{metric}" in frame else []
    others = {name for name in frame if name.startswith("summary.val_")}.difference(chosen)
    columns = ["name", "state", *varied(frame), *chosen, *sorted(others)]
    return frame.loc[order, columns].rename(columns=short_name).reset_index(drop=True)


def best_row(frame, metric="val_accuracy", goal="maximize"):
    """The row of the run with the highest (or, to ``minimize``, lowest) score; ``None`` if no run has one."""
    found = metric_values(frame, metric).dropna()
    if found.empty:
        return None
    return frame.loc[found.idxmin() if goal == "minimize" else found.idxmax()]


def best_run(runs, metric="val_accuracy", goal="maximize"):
    """The run with the highest (or, to ``minimize``, lowest) score; ``None`` if no run has one."""
    runs = list(runs)
    row = best_row(runs_frame(runs), metric, goal)
    return None if row is None else runs[row.name]


def importance(frame, score, trees=100):
    """How much each setting says about a score, as W&B's "parameter importance" panel computes it.

    A random forest is fitted from the settings to the score; ``importance`` is its feature importance, which adds up
    to 1, ``correlation`` the linear one, from -1 to 1. Source: docs.coreweave.com, "Parameter importance".

    Parameters
    ----------
    frame : DataFrame
        From ``runs_frame``.
    score : Series
        One number per run, such as ``metric_values(frame)`` or ``frame["summary.cpu_seconds"]``; runs without one are
        left out. With fewer than two of them, or settings that never differ, the table is empty.
    trees : int
    """
    from sklearn.ensemble import RandomForestRegressor  # a second to import, and only here

    settings = frame.loc[score.notna(), varied(frame)]
    if len(settings) < 2 or settings.empty:
        return pd.DataFrame(columns=["importance", "correlation"], dtype=float)
    settings = settings.apply(_as_numbers).rename(columns=short_name)
    score = score.dropna()
    forest = RandomForestRegressor(trees, random_state=0).fit(settings, score)
    table = {
        "importance": forest.feature_importances_,
        "correlation": settings.corrwith(score).to_numpy(),
    }
    return pd.DataFrame(table, index=settings.columns).sort_values("importance", ascending=False)


def _as_numbers(column):
    """Numbers as they are, anything else as the place of its text in the alphabet."""
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(float)
    return column.astype(str).rank(method="dense")


def short_name(column):
    """A column's name without ``config.`` or ``summary.``."""
    return column.removeprefix("config.").removeprefix("summary.")
