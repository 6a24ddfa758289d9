"""Figures of runs and boards, for the notebook."""

from numbers import Number

import matplotlib.pyplot as plt
import numpy as np

from . import tables

# Okabe-Ito: told apart by everyone
GRID_LINE, CLUE, FILLED, WRONG = ("0.2", "black", "#0072B2", "#D55E00")
FADED = "0.75"
METHOD_COLORS = (FILLED, "#E69F00", "#009E73", "#CC79A7")
MOST_LABELS = 10  # per axis
SHARES = ("train_accuracy", "val_accuracy", "val_solved")  # metrics from 0 to 1
MANY = 50  # more lines than this are drawn thin, without smooth edges: the picture takes a third of the space


# --- runs --------------------------------------------------------------------------------------


def _axis_label(metric):
    """A metric as people write it, with its unit."""
    return metric.replace("_", " ") + (" (share)" if metric in SHARES else "")


def _value_labels(values):
    """Values of a setting as text, numbers without needless digits; of many values, only some are named."""
    every = -(-len(values) // MOST_LABELS)  # rounded up
    texts = [
        f"{value:.4g}" if isinstance(value, Number) and not isinstance(value, bool) else str(value)
        for value in values
    ]
    return [text if at % every == 0 else "" for at, text in enumerate(texts)]


def plot_curves(history, metric, best_id=None):
    """Learning curves of all runs over epochs, the best one in colour, the others grey. Returns the axes."""
    figure, axes = plt.subplots(figsize=(7, 3.5))
    many = history["id"].nunique() > MANY
    for run_id, rows in history.groupby("id", sort=False):
        best = run_id == best_id
        axes.plot(
            rows["epoch"],
            rows[metric],
            color=FILLED if best else FADED,
            linewidth=2.5 if best else 0.7 if many else 1.2,
            antialiased=best or not many,
            zorder=3 if best else 2,
            label="best run" if best else None,
        )
    axes.set(xlabel="epoch", ylabel=_axis_label(metric))
    axes.grid(alpha=0.3)
    if best_id is not None:
        axes.legend()
    figure.tight_layout()
    return axes


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
        values = {
            str(value): value for value in sorted(frame[column].dropna(), key=tables.numbers_first)
        }
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
        axes.axvline(at, color=GRID_LINE, linewidth=0.8)
    names = [tables.short_name(column) for column in columns]
    axes.set(xticks=range(len(columns) + 1), xticklabels=[*names, metric], yticks=[], ylim=(0, 1))
    axes.set_xlim(-0.35, len(columns) + 0.1)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(plt.cm.ScalarMappable(color, "viridis"), ax=axes, pad=0.02)
    bar.set_label(_axis_label(metric))
    figure.tight_layout()
    return axes


def plot_importance(tables):
    """Bars of ``tables.importance`` tables, a panel each: {title: table}. The hatched bars lower the score."""
    figure, row = plt.subplots(1, len(tables), figsize=(4 * len(tables), 2.6), squeeze=False)
    for axes, (title, table) in zip(row[0], tables.items(), strict=True):
        table = table[::-1]
        hatches = ["///" if correlation < 0 else "" for correlation in table["correlation"]]
        axes.barh(table.index, table["importance"], color=FADED, edgecolor=FILLED, hatch=hatches)
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
        axes.errorbar(
            places,
            part["median"],
            spread,
            fmt="o",
            color=FILLED,
            capsize=4,
            label="median, quartiles",
        )
        axes.plot(places, part["best"], "x", color=WRONG, label="best")
        axes.set(xticks=places, xticklabels=_value_labels(part["value"]), xlabel=setting)
        axes.tick_params(axis="x", rotation=45 if len(part) > 4 else 0)
        axes.margins(x=0.15)
        axes.grid(axis="y", alpha=0.3)
    row[0][0].set_ylabel(_axis_label(metric))
    figure.tight_layout(
        rect=(0, 0, 1, 0.92)
    )  # room for the legend, which would cover a bar elsewhere
    figure.legend(*row[0][0].get_legend_handles_labels(), loc="upper center", ncols=2)
    return row[0]


def plot_heat_map(frame, down, across, metric="val_accuracy"):
    """The mean score for each pair of values of two settings, written into the cells."""
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
        axes.text(
            j,
            i,
            f"{value:.2f}",
            ha="center",
            va="center",
            color="white" if value < middle else "black",
        )
    axes.set(
        xticks=range(means.shape[1]),
        xticklabels=_value_labels(means.columns),
        yticks=range(means.shape[0]),
        yticklabels=_value_labels(means.index),
        xlabel=across,
        ylabel=down,
    )
    figure.colorbar(image, label=f"mean {_axis_label(metric)}")
    figure.tight_layout()
    return axes


def plot_replay(rows):
    """What search methods found in a replay, a line each with its quartiles: rows of ``replay.compare``."""
    figure, axes = plt.subplots(figsize=(7, 3.8))
    styles = zip(METHOD_COLORS, ("-", "--", "-.", ":"), strict=True)
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


def plot_best_so_far(tables):
    """The best score after every run, over what was spent by then: a panel for each title and table.

    Tables are those of ``tables.best_so_far``, their cost in epochs.
    """
    figure, row = plt.subplots(1, len(tables), figsize=(4.2 * len(tables), 2.8), squeeze=False)
    for axes, (title, table) in zip(row[0], tables.items(), strict=True):
        axes.step(table["cost"], table["best"], where="post", color=FILLED, linewidth=2)
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
        (repeats["config.seed"] == 0, WRONG, "D", "seed 0: the sweep"),
        (repeats["config.seed"] != 0, FILLED, "o", "other seeds: afterwards"),
    ):
        axes.scatter(place[chosen], score[chosen], color=color, marker=marker, s=22, label=label)
    axes.set(xlabel="configuration (its index in the grid), best mean first")
    axes.set_xticks(range(len(rank)), rank, fontsize=8, rotation=60)
    axes.set_ylabel(_axis_label(metric))
    axes.grid(axis="y", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    return axes


# --- inside a net ---


def plot_attention(maps, board, cell):
    """Where each head looks from one blank cell: a panel per head, the board's digits on top.

    Parameters
    ----------
    maps : tensor [head, from cell, to cell]
        One pass, one board.
    board : array [81]
    cell : int
        The cell that looks; it is framed.
    """
    figure, row = plt.subplots(1, len(maps), figsize=(3.1 * len(maps), 3.4), squeeze=False)
    for head, (axes, weights) in enumerate(zip(row[0], maps, strict=True), start=1):
        weights = weights[cell].reshape(9, 9)
        # pale enough for black digits
        axes.imshow(weights, cmap="Blues", extent=(0, 9, 9, 0), vmin=0, vmax=1.6 * weights.max())
        draw_board(axes, board, title=f"head {head}")
        y, x = divmod(cell, 9)
        axes.add_patch(plt.Rectangle((x, y), 1, 1, fill=False, edgecolor=WRONG, linewidth=3))
    figure.tight_layout()
    return row[0]


# --- boards -----------------------------------------------------------------------------------------------


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
        axes.text(
            column + 0.5,
            row + 0.53,
            board[cell],
            ha="center",
            va="center",
            color=color,
            weight=weight,
        )
    for line in range(10):
        width = 1.8 if line % 3 == 0 else 0.5
        axes.plot([line, line], [0, 9], color=GRID_LINE, linewidth=width)
        axes.plot([0, 9], [line, line], color=GRID_LINE, linewidth=width)
    axes.set(xlim=(-0.1, 9.1), ylim=(9.1, -0.1), aspect="equal", xticks=[], yticks=[], title=title)
    axes.spines[:].set_visible(False)


def draw_steps(found, at, quiz, solution, n_boards=4):
    """Draw how board ``at`` of a ``model.Solution`` was filled in: the quiz, some looks between, the end."""
    step = found.step[at].numpy()
    looks = np.unique(np.linspace(0, step.max(), n_boards).round().astype(int))
    states = [np.where(step <= look, found.boards[at], 0) for look in looks]
    titles = ["the quiz", *(f"after look {look}" for look in looks[1:])]
    return draw_boards(states, quiz, solution, titles)


def draw_boards(boards, clues=None, solution=None, titles=None):
    """Draw boards [n, 81] side by side, as ``draw_board`` does."""
    figure, row = plt.subplots(1, len(boards), figsize=(3.1 * len(boards), 3.3), squeeze=False)
    for at, (axes, board) in enumerate(zip(row[0], boards, strict=True)):
        draw_board(axes, board, clues, solution, titles and titles[at])
    figure.tight_layout()
    return row[0]
