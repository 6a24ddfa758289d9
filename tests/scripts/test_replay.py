"""Replays answer with what was really logged, and charge for it."""

import numpy as np
import pandas as pd
import pytest

from sudoku_sweep import local
from sudoku_sweep.cli import replay
from sudoku_sweep.local import LocalRun, SweepError

EPOCHS = 9
CONFIG = {
    "method": "grid",
    "metric": {"name": "val_accuracy", "goal": "maximize"},
    "parameters": {
        "a": {"values": [1, 2, 3, 4]},
        "b": {"values": [0.1, 0.2, 0.3]},
        "epochs": {"value": EPOCHS},
    },
}


def score(config):
    return round(config["a"] / 10 + config["b"], 3)


@pytest.fixture
def runs():
    """One per point; the loss falls the faster the higher the score."""
    made = []
    for index, config in enumerate(local.grid_points(CONFIG)):
        rows = [{"epoch": e, "train_loss": 2 - score(config) * e} for e in range(1, EPOCHS + 1)]
        made.append(
            LocalRun(
                index,
                f"r{index}",
                "",
                "finished",
                config,
                {"val_accuracy": score(config)},
                None,
                1.0,
                rows,
            )
        )
    return made


def test_the_grid_is_replayed_in_its_order(runs):
    found = replay.replay("grid", CONFIG, runs, seed=0, budget=1000)
    assert found[0] == (EPOCHS, pytest.approx(0.2)) and found[-1][1] == pytest.approx(0.7)
    assert [spent // EPOCHS for spent, _ in found] == [1, 2, 3, 6, 9, 12]  # a varies slowest


@pytest.mark.parametrize("method", ["random", "bayes", "random + hyperband"])
def test_a_replay_depends_on_its_seed_and_on_nothing_else(runs, method):
    one, same, other = (replay.replay(method, CONFIG, runs, seed, 200) for seed in (0, 0, 1))
    assert one == same != other
    spent, best = zip(*one, strict=True)
    assert list(best) == sorted(set(best)) and list(spent) == sorted(spent)
    assert set(best) <= {run.summary["val_accuracy"] for run in runs}


def test_bayes_does_not_pay_twice_and_finds_the_best_of_few(runs):
    found = replay.replay("bayes", CONFIG, runs, seed=0, budget=len(runs) * EPOCHS)
    assert found[-1] == (pytest.approx(EPOCHS * 10, abs=EPOCHS * 6), pytest.approx(0.7))


def test_hyperband_saves_epochs_and_a_stopped_run_finds_nothing(runs):
    whole = replay.replay("random", CONFIG, runs, seed=3, budget=300)
    stopped = replay.replay("random + hyperband", CONFIG, runs, seed=3, budget=300)
    assert stopped[-1][1] == whole[-1][1] == pytest.approx(0.7)
    assert stopped[-1][0] <= whole[-1][0]
    assert all(spent >= EPOCHS for spent, _ in stopped)


def test_quartiles_are_over_the_repetitions_at_equal_epochs(runs):
    rows = pd.DataFrame(replay.compare(CONFIG, runs, repetitions=8, budget=45))
    assert rows["method"].unique().tolist() == list(replay.METHODS)
    assert (rows["lower"] <= rows["median"]).all() and (rows["median"] <= rows["upper"]).all()
    for _, part in rows.groupby("method"):
        assert part["epochs"].tolist() == [9, 18, 27, 36, 45]
        assert (np.diff(part["median"]) >= 0).all()
    grid = rows[rows["method"] == "grid"]
    assert grid["median"].tolist() == pytest.approx([0.2, 0.3, 0.4, 0.4, 0.4])
    assert (grid["lower"] == grid["upper"]).all()  # there is only one order


def test_a_value_that_is_listed_twice_is_one_value():
    config = CONFIG | {"parameters": CONFIG["parameters"] | {"b": {"values": [1, 2, 2.0]}}}
    rows = [{"train_loss": 1.0}] * EPOCHS
    twins = [
        LocalRun(index, "id", "run", "finished", point, {"val_accuracy": 0.5}, None, 1.0, rows)
        for index, point in enumerate(local.grid_points(config))
    ]
    assert replay.replay("random", config, twins, seed=0, budget=200) == [(EPOCHS, 0.5)]


def test_the_score_is_val_accuracy_whatever_the_sweep_was_judged_by(runs):
    by_loss = CONFIG | {"metric": {"name": "train_loss", "goal": "minimize"}}
    without = {name: value for name, value in CONFIG.items() if name != "metric"}
    expected = replay.replay("bayes", CONFIG, runs, seed=0, budget=90)
    for config in (by_loss, without):
        assert replay.replay("bayes", config, runs, seed=0, budget=90) == expected


def test_what_cannot_be_replayed_is_refused(runs):
    with pytest.raises(SweepError, match=r"needs all 12 runs of the grid, .*there are 11"):
        replay.compare(CONFIG, runs[1:], repetitions=1, budget=9)
    for budget in (8, 109):
        with pytest.raises(SweepError, match=f"{budget} epochs: .* one run, 9, .* whole grid, 108"):
            replay.compare(CONFIG, runs, repetitions=1, budget=budget)
    with pytest.raises(SweepError, match="choose grid, random"):
        replay.replay("guess", CONFIG, runs, seed=0, budget=9)


def test_a_replay_is_kept_as_a_table_that_says_where_it_comes_from(runs, tmp_path):
    rows = replay.compare(CONFIG, runs, repetitions=2, budget=18, methods=("random",))
    replay.save(tmp_path / "replay.csv", rows, "2 repetitions")
    assert (tmp_path / "replay.csv").read_text().startswith("# 2 repetitions\nmethod,epochs,")
    assert pd.read_csv(tmp_path / "replay.csv", comment="#").to_dict("records") == rows
