"""Runs of earlier sweeps as part of a new one, and the best of them once more."""

import pytest
import wandb
from tiny_sweep import GRID, log_score, ran

from sudoku_sweep import local
from sudoku_sweep.analysis import results
from sudoku_sweep.local import SweepError

pytestmark = pytest.mark.usefixtures("in_tmp_path")
LOSS = {"name": "loss", "goal": "minimize"}
SPACE = {
    "x": {"min": 0.0, "max": 1.0},
    "steps": {"distribution": "q_uniform", "min": 0, "max": 8, "q": 2},
    "inner": {"parameters": {"kind": {"values": ["a", "b"], "probabilities": [0.2, 0.8]}}},
}


def bowl():
    with wandb.init() as run:
        run.log({"loss": (run.config.x - 0.3) ** 2 + run.config.get("seed", 0) / 100})


def random_sweep(**changes):
    return {"method": "random", "metric": LOSS, "run_cap": 6, "parameters": SPACE} | changes


def ids(runs):
    return [run.id for run in runs]


def test_a_grid_with_more_values_trains_the_new_ones_alone():
    first = ran(log_score)
    more = GRID | {"parameters": GRID["parameters"] | {"a": {"values": [3, 7, 1]}}}
    second = local.sweep(more, prior_runs=ids(first))
    assert [run.config for run in local.runs(second)] == [
        config for config in local.grid(more) if config["a"] != 7
    ]
    runs = ran(log_score, second)
    assert [run.config for run in runs] == list(local.grid(more))
    assert [run.config["a"] for run in runs if run.id not in ids(first)] == [7, 7]


def test_bayes_goes_on_from_prior_runs():
    first = ran(bowl, local.sweep(random_sweep(run_cap=20), seed=0))
    config = random_sweep(method="bayes", run_cap=22)
    cold, warm = local.sweep(config, seed=1), local.sweep(config, prior_runs=first, seed=1)
    runs = ran(bowl, warm)
    assert ids(runs[:20]) == ids(first) and len(runs) == 22
    nearest = min(abs(run.config["x"] - 0.3) for run in runs[20:])
    ran(bowl, cold, count=1)
    assert runs[20].config != local.runs(cold)[0].config and nearest < 0.1


def test_an_engine_goes_on_from_prior_runs():
    from sudoku_sweep.local.engines import Engine

    flat = {"parameters": {"x": SPACE["x"]}}
    first = ran(bowl, random_sweep(**flat))
    scheduler = {"method": "custom", "scheduler": {"engine": "optuna"}}
    sweep_id = local.sweep(random_sweep(**flat, **scheduler), prior_runs=ids(first))
    engine = Engine(local.open_sweep(sweep_id))
    engine.propose(6)
    told = [(trial.params["x"], trial.value) for trial in engine.optimizer.study.trials[:6]]
    assert told == [(run.config["x"], run.summary["loss"]) for run in first]


def test_runs_that_a_sweep_never_makes_are_left_out(capsys):
    first = ran(bowl, random_sweep())
    narrow = random_sweep(parameters=SPACE | {"x": {"min": 5.0, "max": 6.0}})
    assert local.runs(local.sweep(narrow, prior_runs=ids(first))) == []
    assert "0 of 6 prior runs" in capsys.readouterr().out
    other = random_sweep(metric={"name": "accuracy"})
    assert local.runs(local.sweep(other, prior_runs=ids(first))) == []
    with pytest.raises(SweepError, match="no local sweep has a run abc"):
        local.sweep(narrow, prior_runs=["abc"])


def test_a_sweep_goes_on_elsewhere_from_its_export(tmp_path, monkeypatch):
    first = ran(log_score, count=4)
    results.export("runs.csv", first, {"sweep": GRID})
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "elsewhere"))
    loaded = results.load("runs.csv", local.Run)
    runs = ran(log_score, local.sweep(loaded.metadata["sweep"], prior_runs=loaded.runs))
    assert ids(runs[:4]) == ids(first) and [run.config for run in runs] == list(local.grid(GRID))


def test_the_same_seed_draws_the_same_configurations():
    drawn = [
        [run.config for run in ran(bowl, local.sweep(random_sweep(), seed=seed))]
        for seed in (5, 5, 6)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_the_best_configurations_are_repeated_with_each_seed():
    drawn = random_sweep(parameters=SPACE | {"seed": {"values": [0, 1]}})
    first = ran(bowl, local.sweep(drawn, seed=1))
    best = sorted(first, key=lambda run: run.summary["loss"])
    repeated = local.repeat(local.latest_sweep(), top=2, seeds=[7, 8])
    runs = ran(bowl, repeated)
    wanted = [run.config | {"seed": seed} for run in best[:2] for seed in (7, 8)]
    assert [run.config for run in runs] == wanted
    assert local.open_sweep(repeated).space.metric.name == "loss"
    again = local.repeat(repeated, top=1, seeds=[1])
    assert [run.config for run in ran(bowl, again)] == [wanted[0] | {"seed": 1}]


def test_a_sweep_without_a_scored_run_has_nothing_to_repeat():
    with pytest.raises(SweepError, match="no run has finished with a number for 'loss'"):
        local.repeat(local.sweep(random_sweep()))
    with pytest.raises(SweepError, match="names no single metric"):
        local.repeat(local.sweep({"method": "grid", "parameters": {"a": {"values": [1]}}}))


def test_what_is_repeated_is_ranked_by_the_score_of_each_run_also_without_a_summary():
    def train():
        with wandb.init() as run:
            run.define_metric("loss", summary="none")
            run.log({"loss": -run.config.a})

    config = {"method": "grid", "metric": LOSS, "parameters": {"a": {"values": [1, 3, 2]}}}
    ran(train, config)
    repeated = local.open_sweep(local.repeat(local.latest_sweep(), top=2, seeds=[0]))
    assert list(repeated.space.grid) == [{"a": 3, "seed": 0}, {"a": 2, "seed": 0}]
