"""What only ``grid_240.ipynb`` draws and counts: it has a whole grid, and runs that were repeated with other seeds."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sudoku_sweep import sweeps
from sudoku_sweep.analysis import tables
from sudoku_sweep.analysis.figures import (
    BLUE,
    FADED,
    GREEN,
    ORANGE,
    PURPLE,
    VERMILION,
    axis_label,
    value_labels,
)

METRIC = sweeps.FULL["metric"]


def main_effects(frame, score):
    """How the score is spread among the runs with one value of one setting, all others varying.

    A row per setting and value: ``runs`` with a score, ``lower`` quartile, ``median``, ``upper`` quartile, ``best``.
    """
    rows = []
    for column in tables.varied(frame):
        for value, group in score.dropna().groupby(frame[column]):
            lower, median, upper = group.quantile([0.25, 0.5, 0.75])
            row = {"setting": tables.short_name(column), "value": value, "runs": len(group)}
            rows.append(row | dict(lower=lower, median=median, upper=upper, best=group.max()))
    return pd.DataFrame(rows)


def plot_main_effects(effects):
    """A panel per setting of ``main_effects``: the best run in blue, median and middle half of all of them in grey."""
    settings = effects["setting"].unique()
    n = len(settings)
    figure, row = plt.subplots(1, n, figsize=(2.7 * n, 3), sharey=True, squeeze=False)
    for axes, setting in zip(row[0], settings, strict=True):
        part = effects[effects["setting"] == setting]
        positions = range(len(part))
        spread = [part["median"] - part["lower"], part["upper"] - part["median"]]
        style = dict(fmt="s", color=FADED, capsize=4, label="all runs: median, quartiles")
        axes.errorbar(positions, part["median"], spread, **style)
        axes.plot(positions, part["best"], "o-", color=BLUE, label="best run")
        axes.set(xticks=positions, xticklabels=value_labels(part["value"]), xlabel=setting)
        axes.tick_params(axis="x", rotation=45 if len(part) > 4 else 0)
        axes.margins(x=0.15)
        axes.grid(axis="y", alpha=0.3)
    row[0][0].set_ylabel(axis_label(METRIC["name"]))
    # above it the legend, which would hide a bar elsewhere
    figure.tight_layout(rect=(0, 0, 1, 0.92))
    figure.legend(*row[0][0].get_legend_handles_labels(), loc="upper center", ncols=2)
    return row[0]


def best_over_rates(frame):
    """Of runs that differ in their learning rate alone, the best: a row each, with its ``score``."""
    scored = frame.assign(score=tables.metric_values(frame, METRIC))
    settings = [name for name in tables.varied(frame) if name != "config.learning_rate"]
    return scored.loc[scored.groupby(settings)["score"].idxmax()]


def plot_heat_map(scored, down, across):
    """The mean ``score`` for each pair of values of two settings, written into the cells."""
    means = scored.pivot_table("score", f"config.{down}", f"config.{across}")
    figure, axes = plt.subplots(figsize=(1.1 * means.shape[1] + 1.8, 0.7 * means.shape[0] + 1.2))
    image = axes.imshow(means, cmap="viridis", aspect="auto")
    middle = np.nanmean(image.get_clim())
    for (i, j), value in np.ndenumerate(means.to_numpy()):
        color = "white" if value < middle else "black"
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", color=color)
    axes.set_xticks(range(means.shape[1]), value_labels(means.columns))
    axes.set_yticks(range(means.shape[0]), value_labels(means.index))
    axes.set(xlabel=across, ylabel=down)
    figure.colorbar(image, label=f"mean {axis_label(METRIC['name'])}")
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


def best_so_far(score, cost):
    """What the best score was after each run, in the order of the frame: DataFrame with ``cost`` in all, ``best``."""
    return pd.DataFrame({"cost": cost.cumsum(), "best": score.cummax().ffill()})


def plot_best_so_far(progress):
    """The best score after every run, over the epochs spent by then: a table of ``best_so_far``."""
    figure, axes = plt.subplots(figsize=(4.2, 2.8))
    axes.step(progress["cost"], progress["best"], where="post", color=BLUE, linewidth=2)
    axes.set(xlabel="epochs spent, all runs together", ylabel="best val accuracy so far (share)")
    axes.grid(alpha=0.3)
    figure.tight_layout()
    return axes


def plot_seeds(runs):
    """Scores of runs that differ only in their seed, a column for each ``name``, best mean first.

    Seed 0 is the run by which the configuration was chosen; the others were made afterwards.
    """
    score = tables.metric_values(runs, METRIC)
    means = score.groupby(runs["name"]).mean().sort_values(ascending=False)
    rank = {name: at for at, name in enumerate(means.index)}
    position = runs["name"].map(rank)
    figure, axes = plt.subplots(figsize=(7, 3.4))
    columns = score.groupby(position)
    axes.vlines(range(len(rank)), columns.min(), columns.max(), color=FADED, zorder=1)
    for chosen, color, marker, label in (
        (runs["config.seed"] == 0, BLUE, "D", "seed 0: the sweep"),
        (runs["config.seed"] != 0, VERMILION, "o", "other seeds: afterwards"),
    ):
        style = dict(color=color, marker=marker, s=22, label=label)
        axes.scatter(position[chosen], score[chosen], **style)
    axes.set(xlabel="configuration (its run in the grid), best mean first")
    axes.set_xticks(range(len(rank)), rank, fontsize=8, rotation=60)
    axes.set_ylabel(axis_label(METRIC["name"]))
    axes.grid(axis="y", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    return axes


def plot_budgets(by_budget):
    """The score over the learning rate, a line per number of steps; bars are the standard deviation over seeds.

    Parameters
    ----------
    by_budget : DataFrame
        Indexed by ``steps`` and ``config.learning_rate``, with the score's ``mean`` and ``std``.
    """
    figure, axes = plt.subplots(figsize=(7, 3.4))
    styles = ((BLUE, "o-"), (ORANGE, "s--"), (GREEN, "^-."))
    for (color, style), (steps, part) in zip(styles, by_budget.groupby("steps"), strict=True):
        rates = part.index.get_level_values("config.learning_rate")
        looks = dict(fmt=style, color=color, capsize=4, label=f"{steps:,} steps")
        axes.errorbar(rates, part["mean"], part["std"], **looks)
    axes.set_xscale("log")
    axes.set_xticks(rates, value_labels(rates))
    axes.minorticks_off()
    axes.set(xlabel="learning_rate (peak)", ylabel=f"{axis_label(METRIC['name'])}, three seeds")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    return axes
