import math
import re

import numpy as np
import pandas as pd
import pytest

from sudoku_sweep.analysis import figures, tables
from sudoku_sweep.errors import SudokuError

METRIC = {"name": "val_accuracy", "goal": "maximize"}


def labels(texts):
    return [text.get_text() for text in texts]


def test_curves_show_every_run_and_mark_the_best_in_the_colours_of_a_setting(make_run):
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
    axes = figures.plot_parallel_coordinates(tables.runs_frame(runs), METRIC | {"goal": goal})
    first, last = (sign * line.get_ydata() for line in axes.lines if line.get_linewidth() == 2)
    assert (first < last).all()
    assert labels(axes.get_xticklabels()) == ["learning_rate", "val_accuracy"]


def test_of_many_runs_the_ten_best_are_coloured_side_by_side_where_they_share_a_value(make_run):
    made = [make_run(f"run-{i}", rate=0.1 * (i > 55), val_accuracy=i / 60) for i in range(60)]
    axes = figures.plot_parallel_coordinates(tables.runs_frame(made), METRIC)
    grey, best = axes.lines[-60:-10], axes.lines[-10:]
    assert {line.get_color() for line in grey} == {figures.FADED}
    assert len({tuple(line.get_color()) for line in best}) == 10
    crossings = [line.get_ydata()[0] for line in best]  # on the axis of the rate
    assert crossings == sorted(crossings) and len(set(crossings)) == 10
    assert np.mean(crossings[:6]) == pytest.approx(0.25)  # the place of the lower rate
    assert {line.get_ydata()[0] for line in grey} == {0.25}


def test_settings_of_any_kind_are_told_apart_and_drawn(make_run):
    """None is a value like others: pandas would leave its run out."""
    made = [make_run(f"run-{i}", val_accuracy=0.1 * i) for i in range(6)]
    for run, value in zip(made, ["adam", None, [1, 2], 100, 40, 200], strict=True):
        run.config["odd"] = value
    frame = tables.runs_frame(made)
    assert tables.varied(frame) == ["config.odd"]
    assert "odd" in tables.leaderboard(frame, METRIC)
    assert tables.importance(frame, tables.metric_values(frame, METRIC)).index == ["odd"]
    texts = figures.plot_parallel_coordinates(frame, METRIC).texts
    heights = {text.get_text(): text.xy[1] for text in texts}
    assert heights["40"] < heights["100"] < heights["200"] < heights["None"]
    assert {"adam", "[1, 2]"} <= heights.keys()


def test_of_many_values_some_are_named_with_few_digits(make_run):
    made = [make_run(f"run-{i}", rate=math.pi * i, val_accuracy=0.1) for i in range(35)]
    named = labels(figures.plot_parallel_coordinates(tables.runs_frame(made), METRIC).texts)
    rates = ["0", "12.57", "25.13", "37.7", "50.27", "62.83", "75.4", "87.96", "100.5"]
    assert named == [*rates, "0.1", "0.1"]


def test_importance_finds_what_decides_and_has_a_bar_for_each_setting(make_run):
    values = [(rate, heads) for rate in (0.1, 0.2, 0.3) for heads in (1, 3)]
    runs = [make_run(f"{r}-{h}", rate=r, heads=h, val_accuracy=r + h / 100) for r, h in values]
    runs[0].state = "failed"
    frame = tables.runs_frame(runs)
    score = tables.metric_values(frame, METRIC)
    table = tables.importance(frame, score)
    assert table.index.tolist() == ["learning_rate", "n_heads"]
    assert table["importance"].sum() == pytest.approx(1) and table["importance"].iloc[0] > 0.8
    assert table["correlation"].iloc[0] > 0.9
    assert tables.importance(frame, -score)["correlation"].iloc[0] < -0.9
    (bars,) = figures.plot_importance({"accuracy": table})
    assert labels(bars.get_yticklabels()) == ["n_heads", "learning_rate"]


def test_importance_says_where_there_is_little_to_compare(make_run, capsys):
    rates = (0.1, 0.2, 0.3, 0.4, 0.5)
    runs = [make_run(f"{rate}", rate=rate, heads=3, val_accuracy=rate) for rate in rates]
    frame = tables.runs_frame([*runs, make_run("failed", "failed", heads=1)])
    score = tables.metric_values(frame, METRIC)
    assert tables.importance(frame, score).index == ["learning_rate"]
    same = "note: left out, since all runs that have a score have the same: n_heads\n"
    assert capsys.readouterr().out == same
    assert tables.importance(frame[:4], score[:4]).index == ["learning_rate"]
    assert "note: only 4 runs have a score" in capsys.readouterr().out
    for n, column, reason in (
        (1, score, "1 have one"),
        (0, score, "0 have one"),
        (5, frame["config.n_heads"], ""),
    ):
        few = frame[:n].assign(**{"config.learning_rate": 1})
        with pytest.raises(SudokuError, match=reason or "no setting differs among them"):
            tables.importance(few, column[:n])


def test_a_figure_without_anything_to_draw_is_an_error_that_says_so(make_run):
    with pytest.raises(SudokuError, match="no run has logged 'val_loss', but epoch, train_loss"):
        figures.plot_curves(tables.history_frame([make_run("a")], "train_loss"), "val_loss")
    with pytest.raises(SudokuError, match="no run has a score by 'val_accuracy' yet"):
        figures.plot_parallel_coordinates(tables.runs_frame([make_run("a", "running")]), METRIC)


def test_without_epochs_curves_are_drawn_over_steps():
    rows = pd.DataFrame(
        {"id": "a", "_step": range(3), "epoch": [None, None, 1], "loss": [3, 2, None]}
    )
    axes = figures.plot_curves(rows, "loss")
    assert axes.lines[0].get_xdata().tolist() == [0, 1] and axes.get_xlabel() == "step"


def test_a_drawn_board_tells_clues_right_and_wrong_digits_apart():
    quiz, board = np.zeros((2, 81), int)
    quiz[0], board[:3] = 4, (4, 4, 5)
    (axes,) = figures.draw_boards([board], quiz, np.full(81, 4), ["one"])
    expected = [figures.CLUE, figures.FILLED, figures.WRONG]
    assert [text.get_color() for text in axes.texts] == expected
    assert labels(axes.texts) == list("445") and axes.get_title() == "one"


def test_a_table_for_a_notebook_has_short_numbers_a_bar_and_always_the_same_html(make_run):
    table = pd.DataFrame(
        {"name": ["run-1", "run-2"], "learning_rate": [1e-4, 0.0123456], "mean": [0.5, 1.0]}
    )
    html = figures.styled_table(table, bar="mean").data
    assert html == figures.styled_table(table, bar="mean").data
    assert "0.0001<" in html and "0.0123<" in html and "run-2" in html
    widths = [float(width) for width in re.findall(r"([\d.]+)%, transparent", html)]
    assert widths == [50, 100]
    other = figures.styled_table(table.head(1), bar="mean").data
    ids = [set(re.findall(r'id="(\w+)"', one)) for one in (html, other)]
    assert ids[0] and ids[1] and not ids[0] & ids[1]
