"""Replays answer with what was really logged, and charge for it."""

import pandas as pd
import pytest

from scripts import replay_methods
from sudoku_sweep import data, local
from sudoku_sweep.analysis import results

VALUES = {"a": {"values": [1, 2, 3, 4]}, "b": {"values": [0.1, 0.2, 0.3]}}
SWEEP = {"method": "grid", "parameters": VALUES}


@pytest.fixture
def grid(tmp_path):
    """One run of nine epochs for each point; the loss falls the faster the higher the score."""
    runs = []
    for index, config in enumerate(local.grid(SWEEP)):
        score = {"val_accuracy": round(config["a"] / 10 + config["b"], 3)}
        rows = [{"train_loss": 2 - score["val_accuracy"] * epoch} for epoch in range(1, 10)]
        run = local.Run(index, "id", f"run-{index}", "finished", config, score, None, 1, rows)
        runs.append(run)
    results.export(tmp_path / "grid", runs, {"sweep": SWEEP})
    return results.load(tmp_path / "grid")


def test_bayes_depends_on_its_seed_and_improves(grid):
    one, same, other = (replay_methods.replay("bayes", grid, seed, 90) for seed in (0, 0, 1))
    assert one == same != other
    spent, best = zip(*one, strict=True)
    assert list(best) == sorted(set(best)) and list(spent) == sorted(spent)


def test_a_run_that_is_stopped_early_costs_less_and_finds_nothing(grid):
    whole = replay_methods.replay("random", grid, seed=3, budget=300)
    stopped = replay_methods.replay("random + hyperband", grid, seed=3, budget=300)
    assert stopped[-1][1] == whole[-1][1] == 0.7 and stopped[-1][0] < whole[-1][0]
    assert all(spent >= 9 for spent, _ in stopped)


@pytest.mark.parametrize("what", ["logged no train_loss", "needs all 12 runs", "not finished"])
def test_what_cannot_be_replayed_is_refused(grid, what):
    with pytest.raises(ValueError, match=r"8 epochs: .* that of one run, 9, .* whole grid, 108"):
        replay_methods.compare(grid, repetitions=1, budget=8)
    grid.runs[4]["rows"].clear()
    if what == "needs all 12 runs":
        del grid.runs[4]
    if what == "not finished":
        grid.frame.loc[4, "state"] = "failed"
    with pytest.raises(ValueError, match=what):
        replay_methods.compare(grid, repetitions=1, budget=9)


def test_the_shipped_replay_is_made_from_the_shipped_results():
    grid = results.load(data.DATA_DIR / "grid_240")
    shipped = pd.read_csv(data.DATA_DIR / "replay.csv").set_index("method", drop=False)
    for method, repetitions in (("grid", 1), ("random + hyperband", 200)):
        again = replay_methods.compare(grid, repetitions, shipped["epochs"].max(), [method])
        pd.testing.assert_frame_equal(again, shipped.loc[method].reset_index(drop=True))
