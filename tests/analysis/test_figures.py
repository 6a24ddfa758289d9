import math

import numpy as np
import pandas as pd
import pytest

from sudoku_sweep.analysis import board_figures, figures, tables


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
    heights = {
        text.get_text(): text.xy[1] for text in figures.plot_parallel_coordinates(mixed).texts
    }
    assert heights["40"] < heights["100"] < heights["200"] < heights["None"]
    assert {"adam", "[1, 2]"} <= heights.keys()
    (panel,) = figures.plot_main_effects(tables.main_effects(mixed, tables.scores(mixed)))
    assert set(labels(panel.get_xticklabels())) == {"adam", "None", "[1, 2]", "40", "100", "200"}
    frame = mixed.assign(**{"config.n": 3, "config.odd": ["adam", True] * 3})
    axes = figures.plot_heat_map(frame, "odd", "n")
    assert labels(axes.get_yticklabels()) == ["True", "adam"]


def test_of_many_values_some_are_named_with_few_digits(make_run):
    made = [make_run(f"run-{i}", rate=math.pi * i, val_accuracy=0.1) for i in range(35)]
    named = labels(figures.plot_parallel_coordinates(tables.runs_frame(made)).texts)
    scores = ["0.10", "0.10"]
    rates = ["0", "12.57", "25.13", "37.7", "50.27", "62.83", "75.4", "87.96", "100.5"]
    assert named == rates + scores


def test_figures_of_settings_show_every_value(grid):
    table = tables.importance(grid, tables.scores(grid))
    (bars,) = figures.plot_importance({"accuracy": table})
    assert labels(bars.get_yticklabels()) == ["n_heads", "learning_rate"]
    panels = figures.plot_main_effects(tables.main_effects(grid, tables.scores(grid)))
    assert [axes.get_xlabel() for axes in panels] == ["learning_rate", "n_heads"]
    assert labels(panels[0].get_xticklabels()) == ["0.1", "0.2", "0.3"]
    axes = figures.plot_heat_map(grid, "learning_rate", "n_heads")
    assert labels(axes.texts) == ["nan", "0.13", "0.21", "0.23", "0.31", "0.33"]
    with pytest.raises(ValueError, match="no run has finished with a number for val_f1"):
        figures.plot_heat_map(grid, "learning_rate", "n_heads", "val_f1")


@pytest.mark.parametrize("n", [0, 1])
def test_a_sweep_of_one_run_or_none_has_empty_tables_and_figures(runs, n):
    frame = tables.runs_frame(runs[:n])
    table = tables.importance(frame, tables.scores(frame))
    effects = tables.main_effects(frame, tables.scores(frame))
    assert table.empty and effects.empty
    figures.plot_importance({"accuracy": table})
    assert not figures.plot_main_effects(effects)[0].lines


def test_a_replay_is_drawn_as_a_line_per_method_and_the_best_so_far_as_a_panel_per_sweep(grid):
    rows = {"method": ["grid", "bayes"], "epochs": 10, "lower": 0.1, "median": 0.2, "upper": 0.3}
    axes = figures.plot_replay(pd.DataFrame(rows))
    assert labels(axes.get_legend().get_texts()) == ["grid", "bayes"]
    course = tables.best_so_far(tables.scores(grid), grid["config.epochs"])
    panels = figures.plot_best_so_far({"one": course, "two": course})
    assert [axes.get_title() for axes in panels] == ["one", "two"]
    assert panels[1].lines[0].get_xdata()[-1] == 3 * len(grid)


@pytest.mark.parametrize("goal, order", [("maximize", ["5", "3"]), ("minimize", ["3", "5"])])
def test_seeds_are_drawn_per_row_best_mean_first_and_seed_0_apart(grid, goal, order):
    settings = {"config.row": [3, 3, 3, 5, 5, 5], "config.seed": [0, 1, 2] * 2}
    axes = figures.plot_seeds(grid.assign(**settings), goal=goal)
    assert labels(axes.get_xticklabels()) == order
    sizes = {part.get_label(): len(part.get_offsets()) for part in axes.collections}
    assert sizes["seed 0: the sweep"] == 2 and sizes["other seeds: afterwards"] == 4


def test_a_drawn_board_tells_clues_right_and_wrong_digits_apart():
    quiz, board = np.zeros((2, 81), int)
    quiz[0], board[:3] = 4, (4, 4, 5)
    axes = board_figures.draw_boards([board], quiz, np.full(81, 4), ["one"])[0]
    expected = (board_figures.CLUE, board_figures.FILLED, board_figures.WRONG)
    assert [text.get_color() for text in axes.texts] == list(expected)
    assert labels(axes.texts) == list("445") and axes.get_title() == "one"
