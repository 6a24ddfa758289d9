import itertools
import math

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from sudoku_sweep.analysis import figures, tables
from sudoku_sweep.local import LocalRun, SweepError

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def run(name, state="finished", rate=0.1, heads=1, **summary):
    rows = [{"_step": step, "epoch": step + 1, "train_loss": 2.0 - step} for step in range(3)]
    config = {"learning_rate": rate, "n_heads": heads, "epochs": 3}
    return LocalRun(
        index=0,
        id=name,
        name=name,
        state=state,
        config=config,
        summary=summary,
        error=None,
        seconds=1.0,
        rows=rows,
    )


@pytest.fixture
def runs():
    return [
        run("middling", rate=0.1, val_accuracy=0.4, val_solved=0.0, learning_rate=1e-9, _step=2),
        run("failed", "failed", rate=0.2, val_accuracy=0.99),
        run("best", rate=0.3, val_accuracy=0.7, val_solved=0.5, learning_rate=1e-9),
        run("nan", rate=0.4, val_accuracy="NaN"),
        run("infinite", rate=0.5, val_accuracy=math.inf),
        run("silent", rate=0.6),
    ]


def test_wandb_s_own_bookkeeping_is_left_out():
    """As runs of ``wandb.Api`` have it."""
    frame = tables.runs_frame([run("a", score=1, _step=2, _wandb={"runtime": 3}, loss={"min": 1})])
    assert [c for c in frame if c.startswith("summary.")] == ["summary.score", "summary.loss.min"]


def test_settings_and_results_of_the_same_name_are_kept_apart(runs):
    frame = tables.runs_frame(runs)
    assert frame["config.learning_rate"].tolist() == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert frame["summary.learning_rate"].iloc[0] == 1e-9
    assert not any("_step" in name for name in frame)
    assert tables.varied(frame) == ["config.learning_rate"]


def test_the_leaderboard_ranks_finished_runs_with_numbers_and_drops_none(runs):
    table = tables.leaderboard(tables.runs_frame(runs))
    assert table["name"].tolist()[:2] == ["best", "middling"]
    assert sorted(table["name"]) == sorted(run.name for run in runs)
    assert list(table) == ["name", "state", "learning_rate", "val_accuracy", "val_solved"]


def test_the_best_run_is_a_finished_one_with_a_finite_number(runs):
    assert tables.best_run(runs).name == "best"
    assert tables.best_run(runs[3:]) is None
    assert tables.best_run([run("only", "failed")]) is None


def test_nested_values_get_dotted_names_and_can_be_ranked_by():
    kept = [run("low", val_accuracy={"max": 0.5}), run("high", rate=0.2, val_accuracy={"max": 0.8})]
    frame = tables.runs_frame(kept)
    assert frame["summary.val_accuracy.max"].tolist() == [0.5, 0.8]
    assert tables.leaderboard(frame, metric="val_accuracy.max")["name"].tolist() == [
        "high",
        "low",
    ]


def test_goal_and_metric_decide_what_is_best(runs):
    frame = tables.runs_frame(runs)
    assert tables.best_run(runs, goal="minimize").name == "middling"
    assert tables.leaderboard(frame, goal="minimize")["name"].tolist()[:2] == ["middling", "best"]
    assert "learning_rate" in tables.leaderboard(frame, metric="learning_rate")


@pytest.fixture
def grid():
    """A grid in which the rate decides, the heads do a little, and one run failed."""
    kept = [
        run(f"{rate}-{heads}", rate=rate, heads=heads, val_accuracy=rate + heads / 100)
        for rate in (0.1, 0.2, 0.3)
        for heads in (1, 3)
    ]
    kept[0].state = "failed"
    return tables.runs_frame(kept)


def test_runs_without_a_score_are_counted(grid):
    assert tables.outcomes(grid) == "5 finished, 1 failed; 5 with a score"


def test_importance_finds_what_decides(grid):
    table = tables.importance(grid, tables.scores(grid))
    assert table.index.tolist() == ["learning_rate", "n_heads"]
    assert table["importance"].sum() == pytest.approx(1) and table["importance"].iloc[0] > 0.8
    assert table["correlation"].iloc[0] > 0.9
    falling = tables.importance(grid, -tables.scores(grid))
    assert falling["correlation"].iloc[0] == pytest.approx(-table["correlation"].iloc[0])


def test_main_effects_are_quartiles_over_everything_else(grid):
    effects = tables.main_effects(grid, tables.scores(grid)).set_index(["setting", "value"])
    assert len(effects) == 5
    assert effects.loc[("learning_rate", 0.1), "runs"] == 1  # the other one failed
    assert effects.loc[("learning_rate", 0.3), "median"] == pytest.approx(0.32)
    assert effects.loc[("n_heads", 3), "best"] == pytest.approx(0.33)


def test_the_best_so_far_never_falls_and_survives_failures(grid):
    score = tables.scores(grid)[::-1]
    course = tables.best_so_far(score, score.notna().astype(float))
    assert course["best"].tolist() == pytest.approx([0.33] * 6)
    assert course["cost"].tolist() == [1, 2, 3, 4, 5, 5]


def test_the_spread_over_seeds_is_per_row():
    again = [
        run(f"{row}-{seed}", val_accuracy=row / 10 + seed / 100)
        for row in (1, 2)
        for seed in (1, 2)
    ]
    for one in again:
        one.config["row"] = int(one.name[0])
    table = tables.seed_spread(tables.runs_frame(again))
    assert table.index.tolist() == [2, 1] and table["count"].tolist() == [2, 2]
    assert table.loc[1, "max"] - table.loc[1, "min"] == pytest.approx(0.01)


def test_no_runs_are_an_empty_table():
    frame = tables.runs_frame([])
    assert len(tables.leaderboard(frame)) == 0
    assert tables.best_run([]) is None


def test_settings_of_any_kind_are_told_apart_and_drawn():
    mixed = [run(f"run-{i}", val_accuracy=0.1 * i) for i in range(4)]
    for one, value in zip(mixed, ["adam", None, [1, 2], 3], strict=True):
        one.config["odd"] = value
    frame = tables.runs_frame(mixed)
    assert tables.varied(frame) == ["config.odd"]
    axes = figures.plot_parallel_coordinates(frame)
    assert {"adam", "None", "[1, 2]", "3"} <= {text.get_text() for text in axes.texts}
    for line in axes.lines:
        assert np.isfinite(np.asarray(line.get_ydata(), float)).all()
    effects = tables.main_effects(frame, tables.scores(frame))
    assert effects["runs"].tolist() == [1] * 4
    (panel,) = figures.plot_main_effects(effects)
    ticks = {text.get_text() for text in panel.get_xticklabels()}
    assert ticks == {"adam", "None", "[1, 2]", "3"}


def test_a_setting_that_is_none_in_some_runs_is_a_value_like_others():
    runs = [run(f"run-{i}", val_accuracy=0.1 * i) for i in range(4)]
    for one, steps in zip(runs, [100, None, 40, 200], strict=True):
        one.config["steps_per_epoch"] = steps
    frame = tables.runs_frame(runs)
    assert "steps_per_epoch" in tables.leaderboard(frame)
    assert tables.main_effects(frame, tables.scores(frame))["runs"].sum() == 4
    axes = figures.plot_parallel_coordinates(frame)
    heights = {text.get_text(): text.xy[1] for text in axes.texts}
    assert heights["40"] < heights["100"] < heights["200"] < heights["None"]


def test_of_many_values_some_are_named_with_few_digits():
    runs = [run(f"run-{i}", rate=math.pi * i, val_accuracy=0.1) for i in range(35)]
    frame = tables.runs_frame(runs)
    axes = figures.plot_parallel_coordinates(frame)
    named = [text.get_text() for text in axes.texts][:-2]  # the last two are scores
    assert named == ["0", "12.57", "25.13", "37.7", "50.27", "62.83", "75.4", "87.96", "100.5"]
    (panel,) = figures.plot_main_effects(tables.main_effects(frame, tables.scores(frame)))
    assert [text.get_text() for text in panel.get_xticklabels() if text.get_text()] == named


def test_the_best_is_the_lowest_where_less_is_better():
    losses = {"a": 2.0, "b": 1.0, "c": 0.5, "d": 0.3}
    runs = [run(name, val_loss=loss) for name, loss in losses.items()]
    for at, one in enumerate(runs):
        one.config.update(learning_rate=[0.1, 0.2][at // 2], row=at // 2, seed=at % 2)
    frame = tables.runs_frame(runs)
    score = tables.scores(frame, "val_loss")
    effects = tables.main_effects(frame, score, "minimize").set_index(["setting", "value"])
    assert effects.loc["learning_rate", "best"].tolist() == [1.0, 0.3]
    course = tables.best_so_far(score, score * 0 + 1, "minimize")
    assert course["best"].tolist() == [2.0, 1.0, 0.5, 0.3]
    assert tables.seed_spread(frame, "val_loss", "minimize").index.tolist() == [1, 0]
    axes = figures.plot_parallel_coordinates(frame, "val_loss", "minimize")
    lines = [line for line in axes.lines if line.get_linewidth() == 2]
    ends = [line.get_ydata()[-1] for line in lines]
    assert ends == sorted(ends, reverse=True)  # the best, which is the lowest, on top
    axes = figures.plot_seeds(frame, "val_loss", "minimize")
    assert axes.get_ylabel() == "val loss"  # no share
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "0"]


def test_a_heat_map_of_text_is_drawn_and_one_of_nothing_refused(runs):
    for one, optimizer in zip(runs, itertools.cycle(["adam", True]), strict=False):
        one.config.update(optimizer=optimizer, n=3)
    frame = tables.runs_frame(runs)
    axes = figures.plot_heat_map(frame, "optimizer", "n")
    assert {text.get_text() for text in axes.get_yticklabels()} <= {"adam", "True"}
    with pytest.raises(SweepError, match="no run has finished with a number for val_f1"):
        figures.plot_heat_map(frame, "optimizer", "n", "val_f1")


def test_history_has_a_row_for_each_run_and_epoch(runs):
    history = tables.history_frame(runs[:2], "train_loss")
    assert history.groupby("id").size().tolist() == [3, 3]
    assert history["epoch"].tolist() == [1, 2, 3] * 2
    assert history["train_loss"].tolist() == [2.0, 1.0, 0.0] * 2
    assert len(tables.history_frame(runs, "val_loss")) == 0


def test_curves_show_every_run_and_mark_the_best(runs):
    axes = figures.plot_curves(
        tables.history_frame(runs, "train_loss"), "train_loss", best_id="best"
    )
    assert len(axes.lines) == len(runs)
    marked = [line for line in axes.lines if line.get_label() == "best run"]
    assert len(marked) == 1 and marked[0].get_color() == figures.FILLED


def test_parallel_coordinates_have_a_line_for_each_scored_run(runs):
    axes = figures.plot_parallel_coordinates(tables.runs_frame(runs))
    lines = [
        line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_linewidth() == 2
    ]
    assert len(lines) == 2
    heights = [line.get_ydata() for line in lines]  # drawn from worst to best
    assert heights[0][0] < heights[1][0] and heights[0][1] < heights[1][1]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["learning_rate", "val_accuracy"]


def test_a_drawn_board_tells_clues_right_and_wrong_digits_apart():
    quiz, solution = np.zeros(81, int), np.full(81, 4)
    quiz[0] = 4
    board = quiz.copy()
    board[1], board[2] = 4, 5
    axes = figures.draw_boards([board], quiz, solution, ["one"])[0]
    shown = [(text.get_text(), text.get_color()) for text in axes.texts]
    assert shown == [("4", figures.CLUE), ("4", figures.FILLED), ("5", figures.WRONG)]
    assert axes.get_title() == "one"


def test_figures_of_settings_show_every_value(grid):
    table = tables.importance(grid, tables.scores(grid))
    (bars,) = figures.plot_importance({"accuracy": table})
    assert [text.get_text() for text in bars.get_yticklabels()] == ["n_heads", "learning_rate"]
    panels = figures.plot_main_effects(tables.main_effects(grid, tables.scores(grid)))
    assert [axes.get_xlabel() for axes in panels] == ["learning_rate", "n_heads"]
    assert [text.get_text() for text in panels[0].get_xticklabels()] == ["0.1", "0.2", "0.3"]
    axes = figures.plot_heat_map(grid, "learning_rate", "n_heads")
    written = [text.get_text() for text in axes.texts]
    assert written == ["nan", "0.13", "0.21", "0.23", "0.31", "0.33"]


@pytest.mark.parametrize("n", [0, 1])
def test_a_sweep_of_one_run_or_none_has_empty_tables_and_figures(runs, n):
    frame = tables.runs_frame(runs[:n])
    table = tables.importance(frame, tables.scores(frame))
    effects = tables.main_effects(frame, tables.scores(frame))
    assert table.empty and effects.empty
    figures.plot_importance({"accuracy": table})
    (axes,) = figures.plot_main_effects(effects)
    assert not axes.lines


def test_a_replay_is_drawn_as_a_line_per_method():
    rows = pd.DataFrame(
        {"method": ["grid", "bayes"], "epochs": [10, 10], "lower": 0.1, "median": 0.2, "upper": 0.3}
    )
    axes = figures.plot_replay(rows)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["grid", "bayes"]


def test_the_best_so_far_has_a_panel_per_sweep(grid):
    table = tables.best_so_far(tables.scores(grid), pd.Series(10, index=grid.index))
    panels = figures.plot_best_so_far({"one": table, "two": table})
    assert [axes.get_title() for axes in panels] == ["one", "two"]
    assert panels[1].lines[0].get_xdata()[-1] == 10 * len(grid)


def test_seeds_are_drawn_per_row_and_seed_0_apart():
    again = [run(f"{row}-{seed}", val_accuracy=row / 10) for row in (3, 5) for seed in (0, 1, 2)]
    for one in again:
        row, seed = map(int, one.name.split("-"))
        one.config.update(row=row, seed=seed)
    axes = figures.plot_seeds(tables.runs_frame(again))
    assert [text.get_text() for text in axes.get_xticklabels()] == ["5", "3"]  # best mean first
    sizes = {part.get_label(): len(part.get_offsets()) for part in axes.collections}
    assert sizes["seed 0: the sweep"] == 2 and sizes["other seeds: afterwards"] == 4


def test_many_lines_are_drawn_without_smooth_edges(runs):
    few = figures.plot_curves(tables.history_frame(runs, "train_loss"), "train_loss")
    crowd = [run(f"run {at}") for at in range(figures.MANY + 1)]
    many = figures.plot_curves(
        tables.history_frame(crowd, "train_loss"), "train_loss", best_id="run 3"
    )
    assert all(line.get_antialiased() for line in few.lines)
    assert [line.get_label() for line in many.lines if line.get_antialiased()] == ["best run"]
