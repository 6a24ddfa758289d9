"""From runs to tables: the best runs, and what made them good.

Runs are read by the attributes that those of W&B's ``Api`` have, wherever they come from: ``id``, ``name``, ``state``,
``config``, ``summary`` and ``scan_history``.
"""

from numbers import Number

import numpy as np
import pandas as pd

from ..errors import SudokuError
from ..values import flatten, is_number, metric_number, shortened

REACHED = ("finished", "stopped", "killed")  # W&B says killed of runs that were stopped early
NOT_FINITE = ("NaN", "Infinity", "-Infinity")  # W&B's texts for numbers that JSON has not
FEW = 5  # runs with a score: from fewer, importance is a matter of chance


def runs_frame(runs):
    """One row per run, whatever its state: DataFrame with ``id``, ``name``, ``state``, ``seconds``, ``last_step``,
    ``error``, ``config.*``, ``summary.*``.

    Settings and results are prefixed because a name can be both. Nested values get dotted names. W&B's own bookkeeping
    (names with ``_``) is left out. What a local run has logged and its summary lacks has its last value.
    """
    rows = []
    for run in runs:
        row = {"id": run.id, "name": run.name, "state": run.state}
        # W&B's runs have no `seconds`, `error` and `rows`
        row["seconds"] = getattr(run, "seconds", run.summary.get("_runtime", 0.0))
        row["last_step"] = run.summary.get("_step", float("nan"))
        row["error"] = getattr(run, "error", None)
        settings = dotted("config", run.config)
        # None is a setting like others, which pandas would call missing
        settings |= {name: "None" for name, value in settings.items() if value is None}
        logged = {}
        for values in getattr(run, "rows", ()):
            logged |= values
        rows.append(row | settings | dotted("summary", logged | dict(run.summary)))
    facts = ["id", "name", "state", "seconds", "last_step", "error"]
    frame = pd.DataFrame(rows, columns=None if rows else facts)
    return frame[[column for column in frame if "._" not in column]]


def dotted(prefix, values):
    """A nested mapping as one dict with dotted names: ``{"a": {"max": 1}}`` -> ``{"prefix.a.max": 1}``.

    A name that has the dots itself wins: beside a default ``{"a": {"max": 1}}``, what a sweep over ``"a.max"`` set.
    """
    flat = flatten(values)
    names = {path: ".".join(path) for path in flat}
    return {f"{prefix}.{name}": flat.get((name,), flat[path]) for path, name in names.items()}


def history_frame(runs, *metrics):
    """The logged values of some metrics, one row per run and epoch that has them all; or per step, without epochs.

    Raises
    ------
    SudokuError
        Runs have finished, and none has logged one of the metrics.
    """
    runs = list(runs)
    for axis in ("epoch", "_step"):
        rows = [
            {"id": run.id, "name": run.name} | row
            for run in runs
            for row in run.scan_history(keys=[axis, *metrics])
            # W&B writes not-a-number as a string
            if all(isinstance(value, Number) for value in row.values())
        ]
        if rows:
            break
    else:
        for metric in metrics:
            _check_logged(runs_frame(runs), metric)
    return pd.DataFrame(rows, columns=["id", "name", axis, *metrics])


def varied(frame):
    """The ``config.*`` columns in which runs differ; one that some runs do not have is such a column."""
    settings = frame[[name for name in frame if name.startswith("config.")]].dropna(how="all")
    return [name for name in settings if settings[name].astype(str).nunique(dropna=False) > 1]


def metric_values(frame, metric):
    """The number that each run has reached of a metric: its summary's, in which the last logged value stands.

    It is not-a-number for runs that failed or go on. A run that was stopped has what it had reached by then.

    Parameters
    ----------
    frame : DataFrame
        From ``runs_frame``, or several of them one below the other.
    metric : dict
        The sweep's, as W&B has it: ``name``, and ``goal``, by default ``minimize``.

    Raises
    ------
    SudokuError
        Runs have finished, and none has logged the metric as a number.
    """
    _check_logged(frame, metric["name"])
    column, goal = f"summary.{metric['name']}", metric.get("goal", "minimize")
    names = [name for name in frame if f"{name}.".startswith(f"{column}.")]
    entries = frame[names].set_axis([name[len(column) + 1 :] for name in names], axis=1)

    def number(entry):
        kinds = {kind: value for kind, value in entry.items() if value == value}  # none is missing
        return metric_number(kinds.get("", kinds), goal)

    numbers = pd.Series(list(map(number, entries.to_dict("records"))), frame.index, dtype=float)
    return numbers.where(frame["state"].isin(REACHED))


def _check_logged(frame, name):
    """Raise an error if runs have finished, and none has logged a number under a name."""
    summary = [column for column in frame if column.startswith("summary.")]
    logged = [short_name(column) for column in summary if _has_numbers(frame[column])]
    if "finished" in frame["state"].tolist() and not any(
        f"{one}.".startswith(f"{name}.") for one in logged
    ):
        names = ", ".join(sorted(logged)) or "no other number either"
        advice = f"Give the name of one that was logged, or log {name!r}"
        raise SudokuError(f"no run has logged {name!r} as a number, but {names}. {advice}")


def _has_numbers(column):
    """Whether a run has a number there, even one that is not finite, which W&B writes as text."""
    values = column.dropna()
    return values.empty or any(is_number(one) or one in NOT_FINITE for one in values)


def leaderboard(frame, metric):
    """The runs, best first: what varies, the scores, how long each took, and why one failed.

    Runs that were stopped before their end stand below the others, and runs without a score last; none is dropped.
    Long texts are cut.

    Parameters
    ----------
    frame : DataFrame
        From ``runs_frame``.
    metric : dict, list of dict, or None
        As for ``metric_values``. Several: best by the first, and ``front`` says who is on their Pareto front. None: in
        the order of the frame, with all that was logged.
    """
    metrics = metric if isinstance(metric, list) else [metric] if metric else []
    others, chosen = {name for name in frame if name.startswith("summary.")}, []
    if metrics:
        chosen = [f"summary.{one['name']}" for one in metrics]
        others = {name for name in others if name.startswith("summary.val_")}.difference(chosen)
        scores = [metric_values(frame, one) for one in metrics]
        ranked = frame.assign(**dict(zip(chosen, scores, strict=True))).reset_index(drop=True)
        if len(metrics) > 1:
            ranked["front"] = pareto_front(ranked, metrics)
            chosen.append("front")
        frame = ranked.loc[_best_first(ranked, metrics[0]).index]
    columns = ["name", "state", *varied(frame), *chosen, *sorted(others), "seconds"]
    columns += ["error"] if frame["error"].notna().any() else []
    short = [short_name(column) for column in columns]
    names = {one: name for one, name in zip(columns, short, strict=True) if short.count(name) == 1}
    return frame[columns].rename(columns=names).map(cut).reset_index(drop=True)


def pareto_front(frame, metrics):
    """Which of the finished runs none of the others beats: as good in every metric, and better in one. A bool each."""
    signs = [-1 if metric.get("goal") == "maximize" else 1 for metric in metrics]
    columns = [sign * metric_values(frame, one) for sign, one in zip(signs, metrics, strict=True)]
    losses = np.stack(columns, axis=1)  # [run, metric]
    losses[frame["state"] != "finished"] = np.nan
    as_good, better = (compare(losses[:, None], losses) for compare in (np.less_equal, np.less))
    beaten = (as_good.all(2) & better.any(2)).any(0)
    return pd.Series(~beaten & ~np.isnan(losses).any(1), index=frame.index)


def by_configuration(frame, metric, seed="seed"):
    """What each configuration reached over its seeds: ``mean``, ``std`` and number of scored ``runs``, best mean first.

    Parameters
    ----------
    frame, metric
        As for ``metric_values``.
    seed : str
        The setting that is not part of a configuration.
    """
    scored = frame.assign(score=metric_values(frame, metric))
    settings = [name for name in varied(frame) if name != f"config.{seed}"]
    keys = [scored[name].map(str) for name in settings] or [scored["state"].map(lambda _: "all")]
    grouped = scored.groupby(keys, sort=False)
    table = grouped[settings].first().reset_index(drop=True)
    spread = grouped["score"].agg(mean="mean", std="std", runs="count").reset_index(drop=True)
    table = pd.concat([table, spread], axis=1).rename(columns=short_name)
    return table.sort_values("mean", ascending=metric.get("goal") != "maximize", ignore_index=True)


def _best_first(frame, metric):
    """The rows with their ``score``, best first; below, those of stopped runs, and last, those without a score."""
    score, finished = metric_values(frame, metric), frame["state"] == "finished"
    # stopped at its very last logging, a run had done as much as one that finished
    whole = frame["last_step"] >= frame["last_step"][finished].max()
    keys = {"unscored": score.isna(), "unfinished": ~(finished | whole), "score": score}
    ascending = [True, True, metric.get("goal") != "maximize"]
    return frame.assign(**keys).sort_values([*keys], ascending=ascending)


def cut(value, length=40):
    """A value as a table shows it: text ends with its first line, or where that is long; numbers stay."""
    if isinstance(value, Number) or value is None:
        return value
    return shortened(str(value).partition("\n")[0], length)


def best_row(frame, metric):
    """The row of the complete run with the best ``score``, by a ``metric`` as ``metric_values`` takes it, or None.

    A run that was stopped can be the best only if it had logged as many steps as the longest run that finished: what
    another one would have reached is not known.
    """
    found = _best_first(frame, metric)
    found = found[~found["unscored"] & ~found["unfinished"]]
    return None if found.empty else found.iloc[0]


def best_run(runs, metric):
    """The complete run with the best score, by a ``metric`` as ``metric_values`` takes it; None if no run has one."""
    runs = list(runs)
    row = best_row(runs_frame(runs), metric)
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
        One number per run, such as ``metric_values(frame, metric)`` or ``frame["summary.cpu_seconds"]``; runs without
        one are left out.
    trees : int

    Raises
    ------
    SudokuError
        There is nothing to compare: fewer than two runs with a score, or no setting that differs among them.
    """
    from sklearn.ensemble import RandomForestRegressor  # a second to import, and only here

    scored = frame.assign(score=score).dropna(subset="score").reset_index(drop=True)
    names, n_scored = varied(scored), len(scored)
    if n_scored < 2 or not names:
        what = "no setting differs among them" if n_scored > 1 else f"{n_scored} have one"
        raise SudokuError(f"importance compares runs that have a score, and here {what}")
    if n_scored < FEW:
        print(f"note: only {n_scored} runs have a score, from which importance says little")
    if same := sorted({*varied(frame)} - {*names}):
        listed = ", ".join(map(short_name, same))
        print(f"note: left out, since all runs that have a score have the same: {listed}")
    settings = scored[names].apply(_as_numbers).rename(columns=short_name)
    forest = RandomForestRegressor(trees, random_state=0).fit(settings, scored["score"])
    table = {
        "importance": forest.feature_importances_,
        "correlation": settings.corrwith(scored["score"]).to_numpy(),
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
