import csv
import math
from pathlib import Path

import pandas as pd
import pytest

from sudoku_sweep import data, local, sweeps, train
from sudoku_sweep.analysis import figures, results, tables

ODD = ["1", "true", "NaN", "", "[1", "1e5", "null"]
ODD += [" a,'b\"\n", "page\x0ctwo\r\u2028\x85", "\ud800"]
PARAMETERS = {"parameters": {"max": {"values": [1, 2]}, "min": {"value": 0.1}}}
NAMES = {"a": PARAMETERS, "b": {"value": 0}, "b.c": {"values": [None, True]}}
SWEEP = {"method": "grid", "parameters": NAMES}


@pytest.fixture
def runs(in_tmp_path):
    """Two runs of ``SWEEP`` with all that a cell can hold, exported as ``two``; one failed and logged nothing."""
    first, second = (point | {"seed": 3, "d.e": [1]} for point in local.grid(SWEEP)[:2])
    rows = [{"_step": 0, "epoch": 1, "index": 7, "x": math.pi}, {"epoch": 2, "id": "NaN", "1": 5}]
    summary = {"_runtime": 1e-17, "commit": "1234567", "n": 1, "loss": 0.1, "loss.min": True}
    summary |= {f"odd {at}": text for at, text in enumerate(ODD)} | {"long": "x" * 200_000}
    made = [
        local.Run(0, "r0", "run-1", "finished", first, summary, None, 1.25, rows),
        local.Run(1, "r1", "run-2", "failed", second, {}, "Error: a\nb", 0.1 + 0.2, []),
    ]
    results.export("two.csv", made, {"sweep": SWEEP, "note": "x"})
    return made


def test_what_is_exported_comes_back_as_it_was(runs):
    limit = csv.field_size_limit()
    found = results.load("two")
    assert [local.Run(**run) for run in found.runs] == runs
    facts = {"runs": 2, "devices": [], "commits": ["1234567"], "seeds": [3]}
    assert found.metadata == {"sweep": SWEEP, "note": "x"} | facts
    expected = tables.runs_frame(runs).assign(index=[0, 1], seconds=[1.25, 0.1 + 0.2])
    pd.testing.assert_frame_equal(found.frame.drop(columns="error"), expected, check_like=True)
    assert found.history[["id", "name"]].to_numpy().tolist() == [["r0", "run-1"]] * 2
    assert found.history["x"][0] == math.pi and csv.field_size_limit() == limit
    again = local.import_runs(SWEEP, [local.Run(**run) for run in found.runs])
    assert local.runs(again) == runs


def test_a_sweep_goes_on_with_runs_that_added_to_a_dict_or_were_given_not_a_number(in_tmp_path):
    sweep = {"method": "grid", "parameters": {"opt": {"values": [{"lr": 1.0}, math.nan, 2]}}}
    configs = [{"opt": {"lr": 1, "beta": 2}}, {"opt": math.nan, "seed": 0}, {"opt": {"lr": 2}}]
    runs = [
        local.Run(at, f"r{at}", "", "finished", config, {}, None, 1.0, [])
        for at, config in enumerate(configs)
    ]
    results.export("odd", runs, {"sweep": sweep})
    found = results.load("odd")
    first, second, other = (local.Run(**run) for run in found.runs)
    again = local.import_runs(found.metadata["sweep"], [first, second])
    assert [run.id for run in local.runs(again)] == ["r0", "r1"]
    with pytest.raises(local.SweepError, match="run 3 has another config"):
        local.import_runs(found.metadata["sweep"], [other])


def test_other_programs_can_read_the_tables(runs):
    frame = pd.read_csv("two.csv")
    assert list(frame)[:5] == ["index", "id", "name", "state", "config.a"]
    assert list(frame)[-2:] == ["seconds", "error"] and frame["seconds"][0] == 1.25
    assert pd.read_csv("two_history.csv")["epoch"].tolist() == [1, 2]
    assert Path("two.csv").read_bytes().count(b"\n") == 3  # no row has more than one line


def test_runs_of_the_api_have_no_index_and_none_is_no_file(make_run, tmp_path):
    results.export(tmp_path / "api", [make_run("a"), make_run("b")], {})
    assert results.load(tmp_path / "api").frame["index"].tolist() == [0, 1]
    with pytest.raises(ValueError, match="nothing to write"):
        results.export(tmp_path / "none", [], {})


@pytest.mark.parametrize(
    "file, old, new",
    [
        ("two.csv", "1,r1", "-1,r1"),  # would stand for the last point of a grid
        ("two.csv", "1,r1", "1.0,r1"),
        ("two.csv", "1,r1", "1,r1," + 40 * "1,"),
        ("two.csv", "index", "number"),
        ("two_history.csv", "\n0,", "\n5,"),  # a run that is not there
        ("two.json", '"runs": 2', '"runs": 3'),  # of another export
        ("two.json", "{", "["),
    ],
)
def test_other_files_are_refused(runs, file, old, new):
    path = Path(file)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=r"two\.csv, with .* holds no results that can be read"):
        results.load("two")
    path.unlink()
    with pytest.raises(ValueError, match=r"two\.csv, with .* holds no results that can be read"):
        results.load("two.csv")


def test_the_shipped_results_are_runs_of_the_full_grid_in_the_laptop_budget():
    grid, sweep = results.load(data.DATA_DIR / "grid_240"), sweeps.PRESETS["laptop"].sweep()
    assert grid.metadata["sweep"] == sweep | {"project": sweeps.PROJECT}
    for run, point in zip(grid.runs, local.grid(sweep), strict=True):
        assert point.items() <= run["config"].items() and run["state"] == "finished"
        assert [row["epoch"] for row in run["rows"]] == list(range(1, 11))
        assert run["rows"][-1]["val_accuracy"] == run["summary"]["val_accuracy"]
    best = tables.best_row(grid.frame)
    axes = figures.plot_curves(grid.history, "val_loss", best_id=best["id"])
    assert {len(line.get_xdata()) for line in axes.lines} == {2}


@pytest.mark.slow
def test_a_row_of_the_shipped_results_can_be_trained_again():
    # a small net that soon leaves the plateau
    run = results.load(data.DATA_DIR / "grid_240").runs[6]
    config = train.Config(**run["config"])
    again = train.fit(config, data.load_split("train"), data.load_split("validation"))
    # Equal on the same machine; rounding differs between processors, and a thousand steps make more of it.
    for name in ("train_loss", "val_loss", "val_accuracy"):
        assert again.summary[name] == pytest.approx(run["summary"][name], rel=0.15), name
