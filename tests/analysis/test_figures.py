import math

import numpy as np
import pandas as pd
import pytest

from sudoku_sweep.analysis import figures, tables


def labels(texts):
    return [text.get_text() for text in texts]


@pytest.mark.parametrize("n, smooth", [(figures.MANY, figures.MANY), (figures.MANY + 1, 1)])
def test_curves_show_every_run_and_mark_the_best(make_run, n, smooth):
    history = tables.history_frame([make_run(f"{at}") for at in range(n)], "train_loss")
    axes = figures.plot_curves(history, "train_loss", best_id="3")
    assert len(axes.lines) == n
    assert [line.get_color() for line in axes.lines].index(figures.BLUE) == 3
    assert sum(line.get_antialiased() for line in axes.lines) == smooth  # of many, the best alone


def test_curves_take_the_colours_of_a_setting_which_the_legend_names(make_run):
    runs = [make_run(f"{at}", rate=rate) for at, rate in enumerate((0.1, 0.2, 0.1, 0.2))]
    rates = tables.runs_frame(runs).set_index("id")["config.learning_rate"]
    history = tables.history_frame(runs, "train_loss")
    axes = figures.plot_curves(history, "train_loss", best_id="3", color_by=rates)
    *named, first, second, third, best = [line.get_color() for line in axes.lines]
    assert np.array_equal(named, [first, second]) and np.array_equal(first, third)
    assert best == figures.BLUE
    legend = labels(axes.get_legend().get_texts())
    assert legend == ["learning_rate 0.1", "learning_rate 0.2", "best run (0.2)"]


def test_curves_run_on_over_rows_that_have_not_the_metric():
    """A history of results has a row for each epoch, and scores in some: a gap would leave no line at all."""
    rows = pd.DataFrame({"id": "a", "epoch": range(1, 6), "val_loss": [np.nan, 2, "NaN", 1, None]})
    (line,) = figures.plot_curves(rows, "val_loss").lines
    assert line.get_xdata().tolist() == [2, 4] and line.get_ydata().tolist() == [2, 1]


@pytest.mark.parametrize("goal, sign", [("maximize", 1), ("minimize", -1)])
def test_parallel_coordinates_have_a_line_for_each_scored_run_the_best_on_top(runs, goal, sign):
    axes = figures.plot_parallel_coordinates(tables.runs_frame(runs), goal=goal)
    first, last = (sign * line.get_ydata() for line in axes.lines if line.get_linewidth() == 2)
    assert (first < last).all()
    assert labels(axes.get_xticklabels()) == ["learning_rate", "val_accuracy"]


def test_settings_of_any_kind_are_drawn(mixed):
    texts = figures.plot_parallel_coordinates(mixed).texts
    heights = {text.get_text(): text.xy[1] for text in texts}
    assert heights["40"] < heights["100"] < heights["200"] < heights["None"]
    assert {"adam", "[1, 2]"} <= heights.keys()


def test_of_many_values_some_are_named_with_few_digits(make_run):
    made = [make_run(f"run-{i}", rate=math.pi * i, val_accuracy=0.1) for i in range(35)]
    named = labels(figures.plot_parallel_coordinates(tables.runs_frame(made)).texts)
    rates = ["0", "12.57", "25.13", "37.7", "50.27", "62.83", "75.4", "87.96", "100.5"]
    assert named == [*rates, "0.10", "0.10"]


def test_importance_has_a_bar_for_each_setting_and_none_for_a_single_run(grid):
    panels = {
        f"{n} runs": tables.importance(grid[:n], tables.metric_values(grid[:n])) for n in (6, 1, 0)
    }
    bars, *empty = figures.plot_importance(panels)
    assert labels(bars.get_yticklabels()) == ["n_heads", "learning_rate"]
    assert not any(axes.patches for axes in empty)


def test_a_drawn_board_tells_clues_right_and_wrong_digits_apart():
    quiz, board = np.zeros((2, 81), int)
    quiz[0], board[:3] = 4, (4, 4, 5)
    (axes,) = figures.draw_boards([board], quiz, np.full(81, 4), ["one"])
    expected = [figures.CLUE, figures.FILLED, figures.WRONG]
    assert [text.get_color() for text in axes.texts] == expected
    assert labels(axes.texts) == list("445") and axes.get_title() == "one"
