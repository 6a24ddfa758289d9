import math

import pandas as pd
import pytest

from sudoku_sweep.analysis import figures, tables
from sudoku_sweep.errors import SudokuError

METRIC = {"name": "val_accuracy", "goal": "maximize"}
LEAST = METRIC | {"goal": "minimize"}


class Summary(dict):
    """As W&B's ``Api`` has it: with keys, but not to be iterated."""

    __iter__ = None


def test_nested_values_get_dotted_names_and_wandb_s_bookkeeping_is_left_out(make_run):
    low, high = make_run("low"), make_run("high", rate=0.2)
    low.summary = Summary(val=Summary(max=0.5), _step=2, _wandb={"runtime": 3})
    high.summary = {"val": {"max": 0.8, "_x": 1}}
    frame = tables.runs_frame([low, high])
    names = [name for name in frame if name.startswith("summary.")]
    assert names == ["summary.epoch", "summary.train_loss", "summary.val.max"]
    for metric in ("val", "val.max"):
        table = tables.leaderboard(frame, METRIC | {"name": metric})
        assert table["name"].tolist() == ["high", "low"] and table[metric].tolist() == [0.8, 0.5]


@pytest.mark.parametrize("names", [("opt.lr", "opt"), ("opt", "opt.lr")])
def test_a_swept_name_with_a_dot_wins_over_a_nested_default_of_that_name(names):
    values = {"opt.lr": 0.1, "opt": {"lr": 0.5, "beta": 1}}
    dotted = tables.dotted("config", {name: values[name] for name in names})
    assert dotted == {"config.opt.lr": 0.1, "config.opt.beta": 1}


def test_the_leaderboard_ranks_finished_runs_with_numbers_and_drops_none(runs):
    frame = tables.runs_frame(runs)
    table = tables.leaderboard(frame, METRIC)
    assert table["name"].tolist()[:2] == ["best", "middling"]
    assert sorted(table["name"]) == sorted(run.name for run in runs)
    settings = ["name", "state", "learning_rate"]
    assert list(table) == [*settings, "val_accuracy", "val_solved", "seconds"]
    assert table["learning_rate"].tolist()[:2] == [0.3, 0.1]  # as it was set, not as it was logged
    assert tables.leaderboard(frame, LEAST)["name"].tolist()[:2] == ["middling", "best"]
    in_order = tables.leaderboard(frame, None)
    assert in_order["name"].tolist() == [run.name for run in runs] and "train_loss" in in_order
    assert len(tables.leaderboard(tables.runs_frame([]), METRIC)) == 0


def test_the_best_run_is_a_finished_one_with_a_finite_number(runs):
    assert tables.best_run(runs, METRIC) is runs[2]
    assert tables.best_run(runs, LEAST) is runs[0]
    assert tables.best_run(runs, {"name": "val_accuracy"}) is runs[0]  # as W&B has it
    assert tables.best_row(tables.runs_frame(runs), METRIC)["summary.val_solved"] == 0.5
    for none in (runs[3:], runs[1:2], []):
        assert tables.best_run(none, METRIC) is None


@pytest.mark.parametrize(
    "kept, score",
    [
        (0.25, 0.25),
        ({"min": 0.1, "max": 0.9}, 0.9),
        ({"last": 0.3}, 0.3),
        (None, 0.2),  # summary="none": the last that was logged
        ("0.99", None),
        (True, None),
    ],
)
def test_the_score_is_the_number_that_the_summary_keeps(make_run, kept, score):
    other, run = make_run("other", val_accuracy=0.5), make_run("run")
    run.rows += [{"val_accuracy": value} for value in (0.4, 0.2)]
    run.summary |= {} if kept is None else {"val_accuracy": kept}
    values = tables.metric_values(tables.runs_frame([other, run]), METRIC).tolist()
    assert values == [
        0.5,
        pytest.approx(score, nan_ok=True) if score else pytest.approx(math.nan, nan_ok=True),
    ]
    assert tables.best_run([other, run], METRIC) is (run if score and score > 0.5 else other)


def test_a_metric_that_nobody_logged_is_an_error_that_lists_what_was(make_run):
    run = make_run("a", acc="high", ok=True, val={"loss": 0.5}, worst="NaN")
    frame = tables.runs_frame([run])
    listed = "as a number, but epoch, train_loss, val.loss, worst. Give"
    for name in ("acc", "ok", "val_accuracy", "va"):
        with pytest.raises(SudokuError, match=f"no run has logged '{name}' {listed}"):
            tables.metric_values(frame, {"name": name})
        with pytest.raises(SudokuError, match=listed):
            tables.history_frame([run], name)
    assert tables.history_frame([run], "worst").empty
    run.state = "failed"  # it may be going to be logged later
    assert tables.metric_values(tables.runs_frame([run]), METRIC).isna().all()
    assert tables.history_frame([run], "val_accuracy").empty


def test_a_stopped_run_has_what_it_reached_and_stands_below_those_that_finished(make_run):
    states = {"stopped": 0.9, "finished": 0.5, "failed": 0.7, "killed": 0.8, "running": 0.6}
    runs = [make_run(state, state, val_accuracy=score) for state, score in states.items()]
    frame = tables.runs_frame(runs)
    assert tables.metric_values(frame, METRIC).dropna().tolist() == [0.9, 0.5, 0.8]
    table = tables.leaderboard(frame, METRIC)
    assert table["state"].tolist() == ["finished", "stopped", "killed", "failed", "running"]
    assert tables.best_run(runs, METRIC).name == "finished"
    for run in runs:
        run.summary["_step"] = 5 if run.state == "finished" else 2
    assert tables.best_run(runs, METRIC).name == "finished"
    runs[0].summary["_step"] = 5  # stopped at its very last logging
    assert tables.best_run(runs, METRIC).name == "stopped"


def test_frames_of_two_sweeps_together_have_each_run_once(make_run):
    frames = [
        tables.runs_frame([make_run(f"{sweep}{at}", val_accuracy=at, rate=at) for at in range(3)])
        for sweep in "ab"
    ]
    frame = pd.concat(frames)
    assert tables.leaderboard(frame, METRIC)["name"].tolist() == [
        "a2",
        "b2",
        "a1",
        "b1",
        "a0",
        "b0",
    ]
    assert tables.best_row(frame, METRIC)["name"] == "a2"
    assert tables.importance(frame, tables.metric_values(frame, METRIC)).index == ["learning_rate"]
    figures.plot_parallel_coordinates(frame, METRIC)


def test_a_setting_that_only_some_runs_have_is_one_in_which_they_differ(make_run):
    runs = [make_run("with", val_accuracy=1), make_run("without", val_accuracy=2)]
    runs[0].config["opt"], runs[1].config["opt"] = {"name": "sgd"}, {}
    runs.append(make_run("crashed", "crashed"))
    runs[-1].config = {}
    frame = tables.runs_frame(runs)
    assert tables.varied(frame) == ["config.opt.name"]
    texts = figures.plot_parallel_coordinates(frame, METRIC).texts
    assert [text.get_text() for text in texts] == ["not set", "sgd", "1", "2"]


def test_long_texts_are_cut_in_tables(make_run):
    run = make_run("a", "failed", rate="x" * 100_000)
    run.error = "ValueError: y\n" + "z" * 100_000
    table = tables.leaderboard(tables.runs_frame([run, make_run("b")]), METRIC | {"name": "epoch"})
    assert table["error"].tolist()[1] == "ValueError: y"
    assert table["learning_rate"].tolist()[1] == "x" * 37 + "..."


def test_history_has_a_row_for_each_run_and_epoch(runs):
    runs[0].rows.append({"_step": 3, "epoch": 4, "train_loss": "NaN"})  # as W&B writes it
    history = tables.history_frame(runs[:2], "train_loss")
    assert history["id"].tolist() == ["middling"] * 3 + ["failed"] * 3
    assert history[["epoch", "train_loss"]].to_numpy().tolist() == [[1, 2], [2, 1], [3, 0]] * 2
    for run in runs:
        run.rows = [{name: row[name] for name in ("_step", "train_loss")} for row in run.rows]
    runs[1].rows = [{"epoch": 1, "val": {"loss": 3}}, {"epoch": 2}]
    assert tables.history_frame(runs[:2], "val.loss")["val.loss"].tolist() == [3]
    without_epochs = tables.history_frame(runs[:1], "train_loss")
    assert without_epochs[["_step", "train_loss"]].to_numpy().tolist() == [[0, 2], [1, 1], [2, 0]]


def test_the_pareto_front_is_what_nothing_beats_in_every_metric():
    losses, speeds = [1.0, 2.0, 3.0, 2.0, float("nan")], [1, 5, 4, 5, 9]
    frame = pd.DataFrame({"state": "finished", "summary.loss": losses, "summary.speed": speeds})
    metrics = [{"name": "loss"}, {"name": "speed", "goal": "maximize"}]
    assert tables.pareto_front(frame, metrics).tolist() == [True, True, False, True, False]


def test_configurations_are_ranked_by_their_mean_over_seeds():
    scores = {("a", 0): 1.0, ("a", 1): 3.0, ("b", 0): 1.5, ("b", 1): 1.5, ("c", 0): 9.0}
    rows = [
        {"config.kind": kind, "config.seed": seed, "state": "finished", "summary.loss": score}
        for (kind, seed), score in scores.items()
    ]
    frame = pd.DataFrame([*rows, rows[-1] | {"config.seed": 1, "state": "failed"}])
    table = tables.by_configuration(frame, {"name": "loss"})
    assert table[["kind", "mean", "runs"]].to_numpy().tolist() == [
        ["b", 1.5, 2],
        ["a", 2.0, 2],
        ["c", 9.0, 1],
    ]
    assert table["std"].tolist()[:2] == [0.0, pytest.approx(2**0.5)]
    one = tables.by_configuration(frame[:2], {"name": "loss"})
    assert one[["mean", "runs"]].to_numpy().tolist() == [[2.0, 2]]
