import shutil
from pathlib import Path

import pytest
import yaml

from scripts import model_card
from sudoku_sweep import data, local
from sudoku_sweep.analysis import results


def test_the_shipped_repeats_are_those_of_the_shipped_grid(in_tmp_path):
    grid, repeats = (results.load(data.DATA_DIR / name) for name in ("grid_240", "grid_240_seeds"))
    earlier = [local.Run(**vars(run)) for run in grid.runs]
    sweep_id = local.sweep(grid.metadata["sweep"], prior_runs=earlier)
    repeated = local.open_sweep(local.repeat(sweep_id, 10, [1, 2], bottom=10)).space.grid
    assert len(repeated) == len(repeats.runs) == 40
    pairs = zip(repeats.runs, repeated, strict=True)
    assert all(run.config.items() >= config.items() for run, config in pairs)


def test_the_shipped_budgets_are_those_of_the_shipped_sweep():
    config = yaml.safe_load((data.DATA_DIR / "budgets.yaml").read_text("utf-8"))
    budgets = results.load(data.DATA_DIR / "budgets")
    assert budgets.metadata["sweep"] == config and len(budgets.runs) == local.n_runs(config)


@pytest.mark.parametrize("name", ["winner", "grid_best"])
def test_the_shipped_cards_are_those_of_the_shipped_nets(name, in_tmp_path):
    shutil.copy(data.DATA_DIR / f"{name}.pt", ".")
    model_card.main([f"{name}.pt"])
    shipped = (data.DATA_DIR / f"{name}.md").read_text("utf-8")
    assert Path(f"{name}.md").read_text("utf-8") == shipped.replace("--save data/", "--save ")
