"""Figures of runs, from the tables of ``tables`` and ``results``, and of boards; made with matplotlib, each returns its
axes. And such a table itself, as a notebook shows it.
"""

import math
import zlib
from numbers import Number

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ..errors import SudokuError
from . import tables

# Okabe and Ito's colours, told apart by everyone: jfly.uni-koeln.de/color
BLUE, VERMILION, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#E69F00", "#009E73", "#CC79A7"
LINE, FADED = "0.2", "0.75"  # greys
BAR = "#56B4E980"  # light blue, seen on white and on black
CLUE, FILLED, WRONG = "black", BLUE, VERMILION  # digits of a board
MAX_LABELS = 10  # per axis
SHARES = ("train_accuracy", "val_accuracy", "val_solved")  # metrics from 0 to 1
MANY = 50  # more lines than this are drawn thin, without smooth edges: the picture takes a third of the space
TOP = 10  # of many runs, so many are in colour


def plot_curves(history, metric, best_id=None, color_by=None):
    """Learning curves of all runs over epochs, the best one in blue, the others grey or in the colours of a setting.

    Where no epochs were logged beside the metric, they are drawn over the steps.

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

    Raises
    ------
    SudokuError
        No run has logged the metric.
    """
    if metric not in history:
        logged = [name for name in history if name not in ("id", "name") and name[0] != "_"]
        raise SudokuError(f"no run has logged {metric!r}, but {', '.join(logged) or 'nothing'}")
    values = pd.to_numeric(history[metric], errors="coerce")  # W&B writes not-a-number as text
    epochs = history.get("epoch", pd.Series(index=history.index))
    axis = "epoch" if epochs[values.notna()].notna().any() else "_step"
    logged = history.assign(**{metric: values}).dropna(subset=[axis, metric])
    figure, axes = plt.subplots(figsize=(7, 3.5))
    colors, best_label = {}, "best run"
    if color_by is not None:
        colors = _setting_colors(axes, color_by.dropna())
        if best_id in colors:
            best_label += f" ({value_labels([color_by[best_id]])[0]})"
    many = logged["id"].nunique() > MANY
    best = dict(color=BLUE, linewidth=2.5, zorder=3, label=best_label)
    for run_id, rows in logged.groupby("id", sort=False):
        other = dict(color=colors.get(run_id, FADED), linewidth=0.7 if many else 1.2)
        style = best if run_id == best_id else other | dict(antialiased=not many)
        axes.plot(rows[axis], rows[metric], **style)
    axes.set(xlabel=axis.strip("_"), ylabel=axis_label(metric))
    axes.grid(alpha=0.3)
    if best_id is not None or colors:
        axes.legend()
    figure.tight_layout()
    return axes


def _setting_colors(axes, color_by):
    """A colour for each run, the darker the larger its value, and a line in the legend for each value."""
    values = _distinct(color_by)
    shades = plt.cm.inferno(np.linspace(0.85, 0.1, len(values)))  # no blue: the best run is
    for label, shade in zip(value_labels(values.values()), shades, strict=True):
        if label:
            axes.plot([], color=shade, label=f"{tables.short_name(color_by.name)} {label}")
    return color_by.astype(str).map(dict(zip(values, shades, strict=True))).to_dict()


def plot_parallel_coordinates(frame, metric):
    """One line per scored run through the values of what varies, coloured by its score; of many runs the ten best.

    Each axis shows the values that were tried, evenly spaced, smallest below: a learning rate of 1e-4 is as
    far from 5e-4 as that is from 1e-3. Coloured lines that share a value pass it side by side, the best uppermost.

    Parameters
    ----------
    frame : DataFrame
    metric : dict
        As for ``tables.metric_values``.

    Raises
    ------
    SudokuError
        No run has a score.
    """
    frame = frame.reset_index(drop=True)
    score = tables.metric_values(frame, metric).dropna()
    if score.empty:
        raise SudokuError(f"there is nothing to draw: no run has a score by {metric['name']!r} yet")
    # the best runs are drawn last, on top
    score = score.sort_values(ascending=metric.get("goal") == "maximize")
    frame = frame.loc[score.index]
    columns = tables.varied(frame)
    many = len(score) > MANY
    colored = score.iloc[-TOP:] if many else score
    scale = plt.Normalize(score.min(), score.max())
    figure, axes = plt.subplots(figsize=(8, 3.8))
    heights = []  # of each axis, where it is crossed by each run: 0 below, 1 above
    for at, column in enumerate(columns):
        settings = frame[column].astype(object).where(frame[column].notna(), "not set")
        values = _distinct(settings)
        position = {text: (i + 0.5) / len(values) for i, text in enumerate(values)}
        height = settings.astype(str).map(position)
        gap = 0.6 / len(values) / len(colored)
        aside = gap * _side_by_side(colored.groupby(height))
        heights.append(height.add(aside, fill_value=0).loc[score.index])
        _write_values(axes, at, value_labels(values.values()), position.values())
    heights.append(0.05 + 0.9 * scale(score))
    _write_values(axes, len(columns), value_labels([score.min(), score.max()]), (0.05, 0.95))
    shades = plt.cm.ScalarMappable(plt.Normalize(colored.min(), colored.max()), "viridis")
    lines = np.transpose(heights)
    for line in lines[: -len(colored)]:
        axes.plot(line, color=FADED, linewidth=0.5, antialiased=False)
    for line, shade in zip(lines[-len(colored) :], shades.to_rgba(colored), strict=True):
        axes.plot(line, color=shade, linewidth=2)
    names = [*map(tables.short_name, columns), metric["name"]]
    axes.set(xticks=range(len(names)), xticklabels=names, yticks=[], ylim=(0, 1))
    axes.set_xlim(-0.35, len(columns) + 0.1)
    axes.spines[:].set_visible(False)
    which = f" of the {TOP} best" if many else ""
    figure.colorbar(shades, ax=axes, pad=0.02, label=axis_label(metric["name"]) + which)
    figure.tight_layout()
    return axes


def _side_by_side(sharing):
    """How far above its value each line passes, in lines, if those that share one have the last of them uppermost."""
    return sharing.cumcount() - (sharing.transform("size") - 1) / 2


def _write_values(axes, x, texts, heights):
    """Draw an upright axis with texts to the left of it."""
    axes.axvline(x, color=LINE, linewidth=0.8, zorder=3)
    box = dict(facecolor="white", edgecolor="none", pad=1)
    style = dict(textcoords="offset points", ha="right", va="center", zorder=4, bbox=box)
    for text, height in zip(texts, heights, strict=True):
        if text:
            axes.annotate(text, (x, height), (-6, 0), **style)


def styled_table(table, bar):
    """A table for a notebook, with numbers of three digits, and a bar behind those of one column.

    Returns IPython's ``HTML``, the same each time.
    """
    from IPython.display import HTML  # only here: a table needs a notebook

    def text(value):
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    own = f"{zlib.crc32(table.to_csv().encode()):x}"  # tables of one page must not share their ids
    style = table.style.format(text).hide(axis="index").set_uuid(own)
    style = style.bar(subset=bar, vmin=0, vmax=table[bar].max(), color=BAR)
    return HTML(style.to_html())


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


def axis_label(metric):
    """A metric as people write it, with its unit."""
    return metric.replace("_", " ") + (" (share)" if metric in SHARES else "")


def value_labels(values):
    """Values of a setting as text, numbers without needless digits; of many values, only some are named."""
    every = math.ceil(len(values) / MAX_LABELS)
    texts = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in values]
    return [text if at % every == 0 else "" for at, text in enumerate(texts)]


def _distinct(values):
    """The distinct values of a setting by their text: numbers by size, then everything else."""

    def order(value):
        return (0, value, "") if isinstance(value, Number) else (1, 0, str(value))

    return {str(value): value for value in sorted(values, key=order)}


def draw_board(axes, board, clues=None, solution=None, title=None):
    """Draw one board [81]: clues in black, other digits in blue, those that differ from the solution in red.

    Parameters
    ----------
    axes : matplotlib axes
    board : array [81]
        0 for a blank.
    clues : array [81], optional
        The quiz; every digit of ``board`` is a clue if left out.
    solution : array [81], optional
    title : str, optional
    """
    board = np.asarray(board)
    clues = board if clues is None else np.asarray(clues)
    for cell in np.flatnonzero(board):
        wrong = solution is not None and board[cell] != solution[cell]
        color = CLUE if clues[cell] else WRONG if wrong else FILLED
        weight = "bold" if clues[cell] else "normal"
        row, column = divmod(cell, 9)
        style = dict(ha="center", va="center", color=color, weight=weight)
        axes.text(column + 0.5, row + 0.53, board[cell], **style)
    widths = [1.8 if line % 3 == 0 else 0.5 for line in range(10)]
    axes.hlines(range(10), 0, 9, color=LINE, linewidth=widths)
    axes.vlines(range(10), 0, 9, color=LINE, linewidth=widths)
    axes.set(xlim=(-0.1, 9.1), ylim=(9.1, -0.1), aspect="equal", xticks=[], yticks=[], title=title)
    axes.spines[:].set_visible(False)


def draw_boards(boards, clues=None, solution=None, titles=None):
    """Draw boards [n, 81] side by side, as ``draw_board`` does."""
    figure, row = plt.subplots(1, len(boards), figsize=(3.1 * len(boards), 3.3), squeeze=False)
    for at, (axes, board) in enumerate(zip(row[0], boards, strict=True)):
        draw_board(axes, board, clues, solution, titles and titles[at])
    figure.tight_layout()
    return row[0]
