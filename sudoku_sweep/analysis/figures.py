"""Figures of runs, made with matplotlib from the tables of ``tables`` and ``results``; each returns its axes."""

import math
from numbers import Number

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from . import tables

# Okabe and Ito's colours, told apart by everyone: jfly.uni-koeln.de/color
BLUE, VERMILION, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#E69F00", "#009E73", "#CC79A7"
LINE, FADED = "0.2", "0.75"  # greys
MOST_LABELS = 10  # per axis
SHARES = ("train_accuracy", "val_accuracy", "val_solved")  # metrics from 0 to 1
MANY = 50  # more lines than this are drawn thin, without smooth edges: the picture takes a third of the space


def _axis_label(metric):
    """A metric as people write it, with its unit."""
    return metric.replace("_", " ") + (" (share)" if metric in SHARES else "")


def _value_labels(values):
    """Values of a setting as text, numbers without needless digits; of many values, only some are named."""
    every = math.ceil(len(values) / MOST_LABELS)
    texts = [
        f"{value:.4g}" if isinstance(value, Number) and not isinstance(value, bool) else str(value)
        for value in values
    ]
    return [text if at % every == 0 else "" for at, text in enumerate(texts)]


def _numbers_first(value):
    """A key that sorts numbers by size and puts everything else after them, by its text."""
    return (0, value, "") if isinstance(value, Number) else (1, 0, str(value))


def plot_curves(history, metric, best_id=None, color_by=None):
    """Learning curves of all runs over epochs, the best one in blue, the others grey or in the colours of a setting.

    Parameters
    ----------
    history : DataFrame
        From ``tables.history_frame``, or the ``history`` of ``results.load``, where rows without the metric are
        passed over.
    metric : str
    best_id : str, optional
        The ``id`` of the run to be marked.
    color_by : Series, optional
        A value for each ``id``, with a name, such as ``frame.set_index("id")["config.learning_rate"]``.
    """
    values = pd.to_numeric(history[metric], errors="coerce")  # W&B writes not-a-number as text
    logged = history.assign(**{metric: values}).dropna(subset=["epoch", metric])
    figure, axes = plt.subplots(figsize=(7, 3.5))
    many = logged["id"].nunique() > MANY
    shades, best_label = {}, "best run"
    if color_by is not None:
        color_by = color_by.dropna()
        shades = _shades(axes, color_by)
        if best_id in color_by:
            best_label += f" ({_value_labels([color_by[best_id]])[0]})"
    for run_id, rows in logged.groupby("id", sort=False):
        best = run_id == best_id
        axes.plot(
            rows["epoch"],
            rows[metric],
            color=BLUE if best else shades.get(run_id, FADED),
            linewidth=2.5 if best else 0.7 if many else 1.2,
            antialiased=best or not many,
            zorder=3 if best else 2,
            label=best_label if best else None,
        )
    axes.set(xlabel="epoch", ylabel=_axis_label(metric))
    axes.grid(alpha=0.3)
    if best_id is not None or shades:
        axes.legend()
    figure.tight_layout()
    return axes


def _shades(axes, color_by):
    """A colour for each run, the darker the larger its value, and a line in the legend for each value."""
    values = {str(value): value for value in sorted(color_by, key=_numbers_first)}
    colors = plt.cm.inferno(np.linspace(0.85, 0.1, len(values)))  # no blue: the best run is
    for text, color in zip(_value_labels(values.values()), colors, strict=True):
        if text:
            axes.plot([], color=color, label=f"{tables.short_name(color_by.name)} {text}")
    return color_by.astype(str).map(dict(zip(values, colors, strict=True))).to_dict()


def plot_parallel_coordinates(frame, metric="val_accuracy", goal="maximize"):
    """One line per scored run through the values of what varies, coloured by its score.

    Each axis shows the values that were tried, evenly spaced, smallest below: a learning rate of 1e-4 is as
    far from 5e-4 as that is from 1e-3.
    """
    columns = tables.varied(frame)
    score = tables.scores(frame, metric).dropna()
    score = score.sort_values(ascending=goal != "minimize")  # the best runs are drawn last, on top
    color = plt.matplotlib.colors.Normalize(score.min(), score.max())
    height = np.empty((len(score), len(columns) + 1))  # [run, axis], 0 below, 1 above
    figure, axes = plt.subplots(figsize=(8, 3.8))
    label = dict(xytext=(-6, 0), textcoords="offset points", ha="right", va="center", zorder=4)
    label["bbox"] = dict(facecolor="white", edgecolor="none", pad=1)
    for at, column in enumerate(columns):
        values = {str(value): value for value in sorted(frame[column].dropna(), key=_numbers_first)}
        position = {text: (i + 0.5) / len(values) for i, text in enumerate(values)}
        height[:, at] = frame.loc[score.index, column].astype(str).map(position)
        for text, place in zip(_value_labels(values.values()), position.values(), strict=True):
            if text:
                axes.annotate(text, (at, place), **label)
    height[:, -1] = 0.05 + 0.9 * color(score)
    for value in (score.min(), score.max()):
        axes.annotate(f"{value:.2f}", (len(columns), 0.05 + 0.9 * color(value)), **label)
    for line, value in zip(height, score, strict=True):
        shade = plt.cm.viridis(color(value))
        axes.plot(range(len(line)), line, color=shade, linewidth=2, antialiased=len(score) <= MANY)
    for at in range(len(columns) + 1):
        axes.axvline(at, color=LINE, linewidth=0.8)
    names = [tables.short_name(column) for column in columns]
    axes.set(xticks=range(len(columns) + 1), xticklabels=[*names, metric], yticks=[], ylim=(0, 1))
    axes.set_xlim(-0.35, len(columns) + 0.1)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(plt.cm.ScalarMappable(color, "viridis"), ax=axes, pad=0.02)
    bar.set_label(_axis_label(metric))
    figure.tight_layout()
    return axes


def plot_importance(panels):
    """Bars of ``tables.importance`` tables, a panel each: {title: table}. The hatched bars lower the score."""
    figure, row = plt.subplots(1, len(panels), figsize=(4 * len(panels), 2.6), squeeze=False)
    for axes, (title, table) in zip(row[0], panels.items(), strict=True):
        table = table[::-1]
        hatches = ["///" if correlation < 0 else "" for correlation in table["correlation"]]
        axes.barh(table.index, table["importance"], color=FADED, edgecolor=BLUE, hatch=hatches)
        axes.set(title=title, xlabel="importance (share)", xlim=(0, 1))
    figure.tight_layout()
    return row[0]


def plot_main_effects(effects, metric="val_accuracy"):
    """A panel per setting of ``tables.main_effects``: median and middle half of the runs, and the best one."""
    settings = effects["setting"].unique()
    n = max(len(settings), 1)  # an empty panel says that nothing was varied
    figure, row = plt.subplots(1, n, figsize=(2.7 * n, 3), sharey=True, squeeze=False)
    for axes, setting in zip(row[0], settings, strict=False):
        part = effects[effects["setting"] == setting]
        places = range(len(part))
        spread = [part["median"] - part["lower"], part["upper"] - part["median"]]
        style = dict(fmt="o", color=LINE, capsize=4, label="median, quartiles")
        axes.errorbar(places, part["median"], spread, **style)
        axes.plot(places, part["best"], "x", color=BLUE, label="best run")
        axes.set(xticks=places, xticklabels=_value_labels(part["value"]), xlabel=setting)
        axes.tick_params(axis="x", rotation=45 if len(part) > 4 else 0)
        axes.margins(x=0.15)
        axes.grid(axis="y", alpha=0.3)
    row[0][0].set_ylabel(_axis_label(metric))
    # above it the legend, which would hide a bar elsewhere
    figure.tight_layout(rect=(0, 0, 1, 0.92))
    figure.legend(*row[0][0].get_legend_handles_labels(), loc="upper center", ncols=2)
    return row[0]


def plot_heat_map(frame, down, across, metric="val_accuracy"):
    """The mean score for each pair of values of two settings, written into the cells.

    Raises
    ------
    ValueError
        No run has finished with a number for the metric.
    """
    scored = frame.assign(score=tables.scores(frame, metric)).dropna(subset="score")
    if scored.empty:
        raise ValueError(
            f"no run has finished with a number for {metric}: there is nothing to draw"
        )
    means = scored.pivot_table("score", f"config.{down}", f"config.{across}")
    figure, axes = plt.subplots(figsize=(1.1 * means.shape[1] + 1.8, 0.7 * means.shape[0] + 1.2))
    image = axes.imshow(means, cmap="viridis", aspect="auto")
    middle = np.nanmean(image.get_clim())
    for (i, j), value in np.ndenumerate(means.to_numpy()):
        color = "white" if value < middle else "black"
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", color=color)
    axes.set_xticks(range(means.shape[1]), _value_labels(means.columns))
    axes.set_yticks(range(means.shape[0]), _value_labels(means.index))
    axes.set(xlabel=across, ylabel=down)
    figure.colorbar(image, label=f"mean {_axis_label(metric)}")
    figure.tight_layout()
    return axes


def plot_replay(rows):
    """What search methods found in a replay, a line each with its quartiles: the table in ``data/replay.csv``."""
    figure, axes = plt.subplots(figsize=(7, 3.8))
    styles = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PURPLE, ":"))
    methods = rows.groupby("method", sort=False)
    for (color, style), (method, part) in zip(styles, methods, strict=False):
        epochs = part["epochs"]
        axes.plot(epochs, part["median"], style, color=color, linewidth=2, label=method)
        axes.fill_between(epochs, part["lower"], part["upper"], color=color, alpha=0.15)
    axes.set(xlabel="epochs spent, all runs together", ylabel="best val accuracy found (share)")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    return axes


def plot_best_so_far(panels):
    """The best score after every run, over the epochs spent by then: ``tables.best_so_far`` tables, {title: table}."""
    figure, row = plt.subplots(1, len(panels), figsize=(4.2 * len(panels), 2.8), squeeze=False)
    for axes, (title, table) in zip(row[0], panels.items(), strict=True):
        axes.step(table["cost"], table["best"], where="post", color=BLUE, linewidth=2)
        axes.set(title=title, xlabel="epochs spent, all runs together")
        axes.grid(alpha=0.3)
    row[0, 0].set_ylabel("best val accuracy so far (share)")
    figure.tight_layout()
    return row[0]


def plot_seeds(repeats, metric="val_accuracy", goal="maximize"):
    """Scores of runs that differ only in their seed, one column per configuration, best mean first.

    Seed 0 is the run by which the configuration was chosen; the others were made afterwards.
    """
    score = tables.scores(repeats, metric)
    rank = {row: at for at, row in enumerate(tables.seed_spread(repeats, metric, goal).index)}
    place = repeats["config.row"].map(rank)
    figure, axes = plt.subplots(figsize=(7, 3.4))
    ends = score.groupby(place)
    axes.vlines(range(len(rank)), ends.min(), ends.max(), color=FADED, zorder=1)
    for chosen, color, marker, label in (
        (repeats["config.seed"] == 0, BLUE, "D", "seed 0: the sweep"),
        (repeats["config.seed"] != 0, VERMILION, "o", "other seeds: afterwards"),
    ):
        axes.scatter(place[chosen], score[chosen], color=color, marker=marker, s=22, label=label)
    axes.set(xlabel="configuration (its index in the grid), best mean first")
    axes.set_xticks(range(len(rank)), rank, fontsize=8, rotation=60)
    axes.set_ylabel(_axis_label(metric))
    axes.grid(axis="y", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    return axes
