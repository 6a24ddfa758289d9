import pytest

from sudoku_sweep.analysis import tables


class Summary(dict):
    """As W&B's ``Api`` has it: with keys, but not to be iterated."""

    __iter__ = None


def test_nested_values_get_dotted_names_and_wandb_s_bookkeeping_is_left_out(make_run):
    low, high = make_run("low"), make_run("high", rate=0.2)
    low.summary = Summary(val=Summary(max=0.5), _step=2, _wandb={"runtime": 3})
    high.summary = {"val": {"max": 0.8, "_x": 1}}
    frame = tables.runs_frame([low, high])
    assert [name for name in frame if name.startswith("summary.")] == ["summary.val.max"]
    assert tables.leaderboard(frame, metric="val.max")["name"].tolist() == ["high", "low"]


@pytest.mark.parametrize("names", [("opt.lr", "opt"), ("opt", "opt.lr")])
def test_a_swept_name_with_a_dot_wins_over_a_nested_default_of_that_name(names):
    values = {"opt.lr": 0.1, "opt": {"lr": 0.5, "beta": 1}}
    dotted = tables.dotted("config", {name: values[name] for name in names})
    assert dotted == {"config.opt.lr": 0.1, "config.opt.beta": 1}


def test_the_leaderboard_ranks_finished_runs_with_numbers_and_drops_none(runs):
    frame = tables.runs_frame(runs)
    table = tables.leaderboard(frame)
    assert table["name"].tolist()[:2] == ["best", "middling"]
    assert sorted(table["name"]) == sorted(run.name for run in runs)
    assert list(table) == ["name", "state", "learning_rate", "val_accuracy", "val_solved"]
    assert table["learning_rate"].tolist()[:2] == [0.3, 0.1]  # as it was set, not as it was logged
    assert tables.leaderboard(frame, goal="minimize")["name"].tolist()[:2] == ["middling", "best"]
    assert len(tables.leaderboard(tables.runs_frame([]))) == 0


def test_the_best_run_is_a_finished_one_with_a_finite_number(runs):
    assert tables.best_run(runs) is runs[2]
    assert tables.best_run(runs, goal="minimize") is runs[0]
    assert tables.best_row(tables.runs_frame(runs))["summary.val_solved"] == 0.5
    assert tables.best_run(runs[3:]) is tables.best_run(runs[1:2]) is tables.best_run([]) is None


def test_history_has_a_row_for_each_run_and_epoch(runs):
    runs[0].rows.append({"_step": 3, "epoch": 4, "train_loss": "NaN"})  # as W&B writes it
    history = tables.history_frame(runs[:2], "train_loss")
    assert history["id"].tolist() == ["middling"] * 3 + ["failed"] * 3
    assert history[["epoch", "train_loss"]].to_numpy().tolist() == [[1, 2], [2, 1], [3, 0]] * 2
    assert tables.history_frame(runs, "val_loss").empty
