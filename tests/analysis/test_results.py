import json
import math
import re
from pathlib import Path

import pandas as pd
import pytest
import wandb

from sudoku_sweep import local, sweeps
from sudoku_sweep.analysis import results, tables
from sudoku_sweep.cli import replay
from sudoku_sweep.cli.commands import GRID_RESULTS
from sudoku_sweep.cli.main import main
from sudoku_sweep.local import SweepError

pytestmark = pytest.mark.usefixtures("in_tmp_path")

GRID = {
    "method": "grid",
    "name": "small",
    "metric": {"name": "score", "goal": "maximize"},
    "parameters": {"a": {"values": [1, 2, 3]}, "b": {"value": 0.1}},
}


def log_score():
    with wandb.init() as run:
        run.summary["commit"] = "1234567"  # all digits, and still text
        run.log({"epoch": 1, "score": run.config.a / 3})
        if run.config.a == 2:
            raise RuntimeError('two, "too" much\n')
        run.log({"epoch": 2, "score": math.pi * run.config.a, "only_late": 1})


def plain(runs):
    """What a file keeps of runs."""
    return [vars(run) | {"id": None, "name": None} for run in runs]


def test_what_is_saved_comes_back_as_it_was():
    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=log_score)
    assert results.save("runs.csv", sweep_id) == 3
    about = Path("runs.csv").read_text("utf-8").splitlines()[:3]
    assert "3 runs of this sweep, 3 in all" in about[0] and "commit: 1234567" in about[2]
    config, runs = results.load("runs.csv")
    assert config == GRID
    assert plain(runs) == plain(local.runs(sweep_id))
    assert [run.state for run in runs] == ["finished", "failed", "finished"]
    assert tables.best_run(runs, "score").config["a"] == 3
    frame = pd.read_csv("runs.csv", comment="#")  # other people's programs can read it
    assert list(frame["config.a"]) == [1, 2, 3] and set(frame["preset"]) == {"small"}
    assert json.loads(frame["curve"][0])[0]["epoch"] == 1


def test_long_curves_and_odd_texts_come_back_as_they_were():
    odd = "page one\x0cpage two\r\u2028\x85 [1"

    def log_odd():
        with wandb.init() as run:
            run.log({"phase": odd, "score": 1, "text": "1"})
            for _ in range(2500):
                run.log({"epoch": 1, "score": 0.123456789, "train_loss": 0.123456789})
            if run.config.a == 2:
                raise RuntimeError(odd)

    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=log_odd, count=2)
    results.save("runs.csv", sweep_id)
    _, runs = results.load("runs.csv")
    assert plain(runs) == plain(local.runs(sweep_id))
    assert runs[0].summary["text"] == "1" and odd in runs[1].error and len(runs[0].rows) == 2501


def test_a_sweep_goes_on_from_a_file(capsys):
    first = local.sweep(GRID)
    local.agent(first, function=log_score, count=2)
    results.save("runs.csv", first)
    second = results.resume("runs.csv")
    local.agent(second, function=log_score)
    assert second != first and "2 of them are done already" in capsys.readouterr().out
    runs = local.runs(second)
    assert [run.config["a"] for run in runs] == [1, 2, 3]
    assert plain(runs[:2]) == plain(local.runs(first))
    assert results.save("runs.csv", second) == 3


def test_repeats_have_seeds_that_the_file_has_not_and_no_configuration_twice():
    seeds = {"a": {"values": [1, 2, 3]}, "seed": {"values": [0, 2]}}
    first = local.sweep(GRID | {"parameters": seeds})
    local.agent(first, function=log_score)
    results.save("runs.csv", first)
    again = local.sweep_config(results.repeat("runs.csv"))["parameters"]
    assert again["seed"]["values"] == [1, 3]
    assert [settings["a"] for settings in again["settings"]["values"]] == [3, 1]  # 2 failed
    config, runs = results.load("runs.csv")
    runs[0].config["row"] = 7
    second = local.import_runs(config, runs)
    results.save("repeats.csv", second)
    with pytest.raises(SweepError, match="holds repeats"):
        results.repeat("repeats.csv")


def test_runs_of_another_sweep_are_not_taken_over():
    first = local.sweep(GRID)
    local.agent(first, function=log_score)
    other = GRID | {"parameters": {"a": {"values": [3, 2, 1]}, "b": {"value": 0.1}}}
    with pytest.raises(SweepError, match="run 1 has another config"):
        local.import_runs(other, local.runs(first))
    with pytest.raises(SweepError, match="only a grid"):
        local.import_runs(GRID | {"method": "random", "run_cap": 3}, local.runs(first))
    assert local.latest_sweep() == first  # nothing was set up


def test_a_sweep_without_ended_runs_is_not_written():
    with pytest.raises(SweepError, match="no run of sweep"):
        results.save("runs.csv", local.sweep(GRID))


@pytest.mark.parametrize(
    "content", ["", "a,b\n1,2\n", "# 1\n# {}\n#\nindex\nx\n", "# \n# {}\n#\na\n1\n"]
)
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other.csv"
    path.write_text(content)
    with pytest.raises(SweepError, match="no file of results"):
        results.load(path)
    with pytest.raises(SweepError, match="no file of results"):
        results.load(tmp_path / "missing.csv")


def test_the_shipped_results_are_runs_of_the_full_grid_in_the_laptop_budget():
    config, runs = results.load(GRID_RESULTS)
    assert config == sweeps.PRESETS["laptop"].sweep()
    points = local.grid_points(config)
    for run in runs:
        assert points[run.index].items() <= run.config.items()
        assert run.state == "finished" and run.summary["commit"] and run.summary["device"]
        assert [row["epoch"] for row in run.rows] == list(range(1, run.config["epochs"] + 1))
        assert run.rows[-1]["val_accuracy"] == run.summary["val_accuracy"]
    assert f"# {len(runs)} runs" in GRID_RESULTS.read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("at", [0, 9, 12])  # small nets: on the plateau, just off it, further
def test_a_row_of_the_shipped_results_can_be_trained_again(at, capsys):
    assert main(["train", "--row", str(at)]) == 0
    out = capsys.readouterr().out
    again = {
        name: (float(now), float(then))
        for name, now, then in re.findall(r"^(\w+): (\S+), in the file (\S+)$", out, re.M)
    }
    assert set(again) >= {"epoch", "train_loss", "val_loss", "val_accuracy", "val_solved"}
    assert again["epoch"] == (10, 10)
    # Equal on the same machine; rounding differs between processors, and a thousand steps make more of it.
    for name in ("train_loss", "val_loss", "val_accuracy"):
        now, then = again[name]
        assert now == pytest.approx(then, rel=0.15), name


def test_what_the_readme_says_of_the_laptop_preset_was_measured():
    _, runs = results.load(GRID_RESULTS)
    seconds = [run.summary["cpu_seconds"] for run in runs]
    readme = (Path(GRID_RESULTS).parent.parent / "README.md").read_text("utf-8")
    said = re.search(r"`laptop` \| .* \| (\d+) s \| (\d+) hours \|", readme)
    assert int(said[1]) == round(sum(seconds) / len(seconds))
    assert int(said[2]) == round(sum(seconds) / 3600)


def test_the_repeats_are_runs_of_the_best_and_worst_rows():
    _, repeats = results.load(GRID_RESULTS.with_name("grid_240_seeds.csv"))
    _, runs = results.load(GRID_RESULTS)
    ranked = sorted(runs, key=lambda run: run.summary["val_accuracy"])
    ends = [run.index for run in ranked[:10] + ranked[-10:]]
    assert sorted((run.config["row"], run.config["seed"]) for run in repeats) == sorted(
        (row, seed) for row in ends for seed in (1, 2)
    )
    for run in repeats:
        original = runs[run.config["row"]].config
        assert {name: run.config[name] for name in original if name != "seed"} == {
            name: value for name, value in original.items() if name != "seed"
        }
        assert run.state == "finished" and run.summary["commit"] and run.summary["device"]


def test_the_shipped_replay_is_made_from_the_shipped_results():
    config, runs = results.load(GRID_RESULTS)
    path = GRID_RESULTS.with_name("replay.csv")
    assert path.read_text("utf-8").startswith("# grid_240.csv, 200 repetitions")
    shipped = pd.read_csv(path, comment="#")
    assert shipped["method"].unique().tolist() == list(replay.METHODS)
    budget = int(shipped["epochs"].max())
    for method, repetitions in (("grid", 1), ("random", 200)):
        again = replay.compare(config, runs, repetitions, budget, methods=[method])
        kept = shipped[shipped["method"] == method].reset_index(drop=True)
        pd.testing.assert_frame_equal(pd.DataFrame(again), kept)
