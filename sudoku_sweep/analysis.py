"""From runs, local or of W&B's ``Api``, to tables and figures; and boards drawn."""

from numbers import Number

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

# Okabe-Ito: told apart by everyone
GRID_LINE, CLUE, FILLED, WRONG = ("0.2", "black", "#0072B2", "#D55E00")
FADED = "0.75"


# --- tables -----------------------------------------------------------------------------------------------


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
    return frame.loc[order, columns].rename(columns=_short_name).reset_index(drop=True)


def best_run(runs, metric="val_accuracy", goal="maximize"):
    """The run with the highest (or, to ``minimize``, lowest) score; ``None`` if no run has one."""
    found = scores(runs_frame(runs), metric).dropna()
    if found.empty:
        return None
    return runs[found.idxmin() if goal == "minimize" else found.idxmax()]


def _short_name(column):
    return column.removeprefix("config.").removeprefix("summary.")


# --- figures of runs --------------------------------------------------------------------------------------


def plot_curves(history, metric, best_id=None):
    """Learning curves of all runs over epochs, the best one in colour, the others grey. Returns the axes."""
    figure, axes = plt.subplots(figsize=(7, 3.5))
    for run_id, rows in history.groupby("id", sort=False):
        best = run_id == best_id
        axes.plot(
            rows["epoch"],
            rows[metric],
            color=FILLED if best else FADED,
            linewidth=2.5 if best else 1.2,
            zorder=3 if best else 2,
            label="best run" if best else None,
        )
    axes.set(xlabel="epoch", ylabel=metric.replace("_", " "))
    axes.grid(alpha=0.3)
    if best_id is not None:
        axes.legend()
    figure.tight_layout()
    return axes


def plot_parallel_coordinates(frame, metric="val_accuracy"):
    """One line per scored run through the values of what varies, coloured by its score.

    Each axis shows the values that were tried, evenly spaced, smallest below: a learning rate of 1e-4 is as
    far from 5e-4 as that is from 1e-3.
    """
    columns = varied(frame)
    score = scores(frame, metric).dropna().sort_values()  # the best runs are drawn last, on top
    color = plt.matplotlib.colors.Normalize(score.min(), score.max())
    height = np.empty((len(score), len(columns) + 1))  # [run, axis], 0 below, 1 above
    figure, axes = plt.subplots(figsize=(8, 3.8))
    label = dict(xytext=(-6, 0), textcoords="offset points", ha="right", va="center", zorder=4)
    label["bbox"] = dict(facecolor="white", edgecolor="none", pad=1)
    for at, column in enumerate(columns):
        texts = dict.fromkeys(str(value) for value in sorted(frame[column], key=_numbers_first))
        position = {text: (i + 0.5) / len(texts) for i, text in enumerate(texts)}
        height[:, at] = frame.loc[score.index, column].astype(str).map(position)
        for text, place in position.items():
            axes.annotate(text, (at, place), **label)
    height[:, -1] = 0.05 + 0.9 * color(score)
    for value in (score.min(), score.max()):
        axes.annotate(f"{value:.2f}", (len(columns), 0.05 + 0.9 * color(value)), **label)
    for line, value in zip(height, score, strict=True):
        axes.plot(range(len(line)), line, color=plt.cm.viridis(color(value)), linewidth=2)
    for at in range(len(columns) + 1):
        axes.axvline(at, color=GRID_LINE, linewidth=0.8)
    names = [_short_name(column) for column in columns]
    axes.set(xticks=range(len(columns) + 1), xticklabels=[*names, metric], yticks=[], ylim=(0, 1))
    axes.set_xlim(-0.35, len(columns) + 0.1)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(plt.cm.ScalarMappable(color, "viridis"), ax=axes, pad=0.02)
    bar.set_label(metric.replace("_", " ") + " (share)")
    figure.tight_layout()
    return axes


def _numbers_first(value):
    """A key that sorts numbers by size and puts everything else after them, by its text."""
    return (0, value, "") if isinstance(value, Number) else (1, 0, str(value))


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
