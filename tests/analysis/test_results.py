import math
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import pandas as pd
import pytest

from sudoku_sweep import config, data, local, sweeps, train
from sudoku_sweep.analysis import results, tables
from sudoku_sweep.errors import SudokuError
from sudoku_sweep.values import as_json

KINDS = ["12", 12, 12.0, "true", True, "null", None, "NaN", math.nan, math.inf, "", "[1", [1, "1"]]
KINDS += [{}, {"a": []}, 1e-17, 0.1 + 0.2, " a,'b\"\n", "page\x0ctwo\r\u2028\x85", "\ud800"]
NESTED = {"parameters": {"max": {"values": [1, 2]}, "min": {"value": 0.1}}}
NAMES = {"a": NESTED, "b.c": {"value": None}, "opt": {"values": [{"lr": 1.0}, math.nan]}}
SWEEP = {"method": "grid", "parameters": NAMES}


@pytest.fixture
def runs(in_tmp_path):
    """Two runs of ``SWEEP`` with values of all kinds, exported as ``two``; one failed and logged nothing."""
    first, second = (values | {"seed": 3, "d.e": [1]} for values in local.grid(SWEEP)[:2])
    first["opt"] = {"lr": 1, "beta": 2}  # as a function may add to a dict
    rows = [{"_step": 0, "index": 7, "x": math.pi}, {"_step": 1, "id": "NaN", "1": 5}]
    summary = {"_runtime": 1e-17, "commit": "1234567", "loss": 0.1, "loss.min": True}
    summary |= {f"kind {at}": kind for at, kind in enumerate(KINDS)} | {"long": "x" * 200_000}
    made = [
        local.Run(0, "r0", "run-1", "finished", first, summary, None, 1.25, rows),
        local.Run(1, "r1", "run-2", "failed", second, {}, "Error: a\nb", 0.1 + 0.2, []),
    ]
    results.export("two.csv", made, {"sweep": SWEEP, "note": "x"})
    return made


def test_what_is_exported_comes_back_as_it_was_and_its_sweep_goes_on(runs):
    found = results.load("two", local.Run)
    again = local.runs(local.sweep(SWEEP, prior_runs=found.runs))
    for name in ("index", "id", "name", "state", "config", "summary", "rows", "error", "seconds"):
        given, *kept = (
            [as_json(getattr(run, name)) for run in some] for some in (runs, found.runs, again)
        )
        assert kept == [given, given], name
    facts = {"runs": 2, "devices": [], "commits": ["1234567"], "seeds": [3]}
    assert as_json(found.metadata) == as_json({"sweep": SWEEP, "note": "x"} | facts)
    expected = tables.runs_frame(runs).assign(index=[0, 1])
    pd.testing.assert_frame_equal(found.frame, expected, check_like=True)
    assert expected["seconds"].tolist() == [1.25, 0.1 + 0.2]
    assert expected["error"].tolist()[1] == "Error: a\nb"
    assert found.history[["id", "name"]].to_numpy().tolist() == [["r0", "run-1"]] * 2
    assert found.history["x"][0] == math.pi
    table = pd.read_csv("two.csv")
    assert list(table) == list(found.frame) and table["seconds"][0] == 1.25


def test_runs_of_the_api_have_no_index_and_none_is_no_file(tmp_path):
    run = SimpleNamespace(id="a", name="a", state="finished", config={"x": 1})
    # W&B's summaries, and what is nested in them, are no dicts
    run.summary = MappingProxyType({"val": MappingProxyType({"max": 0.5}), "_runtime": 7.5})
    run.scan_history = lambda: iter([{"_step": 1}])
    results.export(tmp_path / "api", [run, run], {})
    first, second = results.load(tmp_path / "api").runs
    assert (first.index, second.index, first.seconds, first.error) == (0, 1, 7.5, None)
    assert first.summary == {"val": {"max": 0.5}, "_runtime": 7.5} and first.rows == [{"_step": 1}]
    with pytest.raises(SudokuError, match="nothing to write"):
        results.export(tmp_path / "none", [], {})


def test_text_that_a_spreadsheet_would_run_is_pointed_out(runs, capsys):
    runs[0].config["x"], runs[1].name = "=cmd|' /C calc'!A0", "@SUM(1)"
    capsys.readouterr()
    results.export("two.csv", runs, {})
    assert "as a formula, in name, config.x; " in capsys.readouterr().out
    results.export("one.csv", [local.Run(0, "a", "a", "finished", {"x": -1}, {"y": "a=b"})], {})
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    "old, new",
    [
        ('"index": 1', '"index": -1'),  # would stand for the last configuration of a grid
        ('"index": 1', '"number": 1'),
        ('"runs": 2', '"runs": 3'),  # a line was lost
        ('"sweep": {', '"sweep": [], "was": {'),
        ('"config": {', '"config": 5, "was": {'),
        ("{", "["),
        ("{", "[" * 100_000),
        (None, None),
    ],
)
def test_other_files_are_refused(runs, old, new):
    path = Path("two.jsonl")
    path.write_text(path.read_text().replace(old, new, 1)) if old else path.unlink()
    with pytest.raises(SudokuError, match=r"two\.jsonl holds no results that can be read"):
        results.load("two.csv")


def test_the_shipped_results_are_runs_of_the_full_grid_in_the_laptop_budget():
    grid, sweep = results.load(data.DATA_DIR / "grid_240"), sweeps.PRESETS["laptop"].sweep_config
    assert grid.metadata["sweep"] == sweep | {"project": sweeps.PROJECT}
    for run, values in zip(grid.runs, local.grid(sweep), strict=True):
        assert values.items() <= run.config.items() and run.state == "finished"
        assert [row["epoch"] for row in run.rows] == list(range(1, 11))
        logged = {name: value for name, value in run.rows[-1].items() if name != "_runtime"}
        assert logged.items() <= run.summary.items() and "lr" in run.summary


@pytest.mark.slow
def test_a_row_of_the_shipped_results_can_be_trained_again():
    # a small net that soon leaves the plateau
    run = results.load(data.DATA_DIR / "grid_240").runs[6]
    settings = config.Config(**run.config)
    again = train.fit(settings, data.load_split("train"), data.load_split("validation"))
    # Equal on the same machine; rounding differs between processors, and a thousand steps make more of it.
    for name in ("train_loss", "val_loss", "val_accuracy"):
        assert again.history[-1][name] == pytest.approx(run.summary[name], rel=0.15), name
