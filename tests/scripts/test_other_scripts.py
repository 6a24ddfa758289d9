import shutil
from pathlib import Path

import pytest

from scripts import model_card, repeat_runs
from sudoku_sweep import data, local
from sudoku_sweep.analysis import results

VARIED = {"learning_rate": {"values": [1e-3, 2e-3, 3e-3]}, "seed": {"values": [0, 2]}}
TINY = dict(attention_dim=6, epochs=1, batch_size=8, steps_per_epoch=1, validation_boards=4)


@pytest.fixture
def grid(in_tmp_path, monkeypatch):
    """Six runs, the lower the rate and the seed the better; the last one failed."""
    metric = {"name": "val_loss", "goal": "minimize"}
    parameters = VARIED | {name: {"value": value} for name, value in TINY.items()}
    sweep = {"method": "grid", "metric": metric, "parameters": parameters}
    runs = [
        local.Run(index, "id", "", "finished", config, {"val_loss": index})
        for index, config in enumerate(local.grid(sweep))
    ]
    runs[-1].state = "failed"
    results.export("grid", runs, {"sweep": sweep})
    for name, value in {"GRID": "grid", "REPEATS": "repeats", "N_RUNS": 1}.items():
        monkeypatch.setattr(repeat_runs, name, value)
    return results.load("grid")


def test_the_best_and_the_worst_configurations_are_repeated_with_new_seeds(grid, monkeypatch):
    values = {"row": {"values": [0, 4]}, "seed": {"values": [1, 3]}}
    assert repeat_runs.repeats_of(grid)["parameters"] == values
    monkeypatch.setattr(repeat_runs, "N_RUNS", 2)
    assert repeat_runs.repeats_of(grid)["parameters"]["row"]["values"] == [0, 2, 4]  # none twice


@pytest.mark.slow
def test_repeats_are_trained_as_their_rows_were_and_exported(grid):
    repeat_runs.main([])
    repeats = results.load("repeats").runs
    for run, (row, seed) in zip(repeats, [(0, 1), (0, 3), (4, 1), (4, 3)], strict=True):
        assert run.config == grid.runs[row].config | {"row": row, "seed": seed}
        assert run.state == "finished" and run.summary["val_accuracy"] > 0
        assert run.summary["commit"] and "torch" in run.summary["device"]
    repeat_runs.main(["--join", local.latest_sweep()])  # nothing is left to do, nothing is lost
    assert results.load("repeats").runs == repeats


def test_the_shipped_repeats_are_those_of_the_shipped_grid():
    grid, repeats = results.load(repeat_runs.GRID), results.load(repeat_runs.REPEATS)
    rows = repeat_runs.repeats_of(grid)["parameters"]["row"]["values"]
    found = [(run.config["row"], run.config["seed"]) for run in repeats.runs]
    assert sorted(found) == [(row, seed) for row in sorted(rows) for seed in (1, 2)]
    for run, (row, seed) in zip(repeats.runs, found, strict=True):
        assert run.config == grid.runs[row].config | {"row": row, "seed": seed}


@pytest.mark.parametrize("name", ["winner", "grid_best"])
def test_the_shipped_cards_are_those_of_the_shipped_nets(name, in_tmp_path):
    shutil.copy(data.DATA_DIR / f"{name}.pt", ".")
    model_card.main([f"{name}.pt"])
    shipped = (data.DATA_DIR / f"{name}.md").read_text("utf-8")
    assert Path(f"{name}.md").read_text("utf-8") == shipped.replace("--save data/", "--save ")
