"""Search by Optuna's and Ax's engines, through wandb's own classes."""

import dataclasses
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import pytest
import wandb

from sudoku_sweep import local
from sudoku_sweep.local import SweepError, wandb_internals
from sudoku_sweep.local.engines import Engine

pytestmark = pytest.mark.usefixtures("in_tmp_path")
NO_AX = "the package ax-platform is not installed: pip install ax-platform"
needs_ax = pytest.mark.skipif(importlib.util.find_spec("ax") is None, reason=NO_AX)
PARAMETERS = {
    "x": {"min": 0.0, "max": 1.0},
    "kind": {"values": ["a", "b"]},
    "rate": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1.0},
    "fixed": {"value": 3},
}
SOURCE = """
import optuna
from optuna.samplers import GridSampler, TPESampler


def seeded(sweep):
    pruner = optuna.pruners.MedianPruner(n_startup_trials=2)
    return optuna.create_study(sampler=TPESampler(n_startup_trials=4, seed=3), pruner=pruner)


def grid(sweep):
    return optuna.create_study(sampler=GridSampler({"x": [0.1, 0.2], "kind": ["a", "b"]}))


def at_most_four(sweep):
    return optuna.create_study(), lambda study: len(study.trials) >= 4


def conditional(trial):
    if trial.suggest_categorical("kind", ["deep", "wide"]) == "deep":
        return {"kind": "deep", "depth": trial.suggest_int("depth", 1, 9)}
    return {"kind": "wide", "width": trial.suggest_float("width", 1e-3, 1, log=True)}


def ax_client(sweep):
    from ax.api.client import Client
    from wandb.sdk.sweeps.scheduler import ax

    client = Client(random_seed=5)
    client.configure_experiment(parameters=ax.sweep_config_to_search_space(sweep.config))
    ax.configure_sweep_objective(client, sweep.config)
    return client
"""


def config(engine="optuna", parameters=PARAMETERS, run_cap=8, **scheduler):
    with open("engine.py", "w") as file:
        file.write(SOURCE)
    scheduler = {"engine": engine, "source": "engine.py"} | scheduler
    made = {"method": "custom", "metric": {"name": "loss"}, "run_cap": run_cap}
    made["scheduler"] = scheduler
    return made | ({"parameters": parameters} if parameters else {})


def loss(values):
    return (values["x"] - 0.3) ** 2 + (values["kind"] == "b") + values["rate"]


def train():
    with wandb.init() as run:
        run.log({"loss": loss(run.config)})


def ended(run, value, state="finished"):
    return dataclasses.replace(
        run, state=state, summary={"loss": value}, rows=[{"_step": 0, "loss": value}]
    )


@pytest.mark.parametrize(
    "engine, optimizer", [("optuna", "seeded"), pytest.param("ax", "ax_client", marks=needs_ax)]
)
def test_an_engine_proposes_what_it_proposes_to_wandb_s_own_scheduler(engine, optimizer):
    sweep_id = local.sweep(config(engine, optimizer=optimizer))
    local.agent(sweep_id, function=train)
    runs = local.runs(sweep_id)
    theirs = wandb_internals.optimizer(local.open_sweep(sweep_id))
    for run in runs:
        (suggested,) = theirs.ask_n_runs(1)
        assert suggested.config.flat_dict() == run.config == run.params
        row = {"_step": 0, "loss": loss(run.config)}
        theirs.tell_run(
            suggested.run_id, wandb_internals.run_for_optimizer(run, "finished", row, [row])
        )
    assert len(runs) == 8


def claim(sweep, engine, index):
    """A run as an agent that has this engine starts it."""
    params = engine.propose(index)
    run = local.Run(index, f"id{index}", "", "running", params, {}, params=params)
    sweep.save(run)
    return run


@pytest.mark.parametrize("optimizer", ["seeded", None])
def test_agents_that_share_a_sweep_get_different_points_also_after_a_kill(optimizer):
    sweep = local.open_sweep(local.sweep(config(**{"optimizer": optimizer} if optimizer else {})))
    first, second = Engine(sweep), Engine(sweep)
    runs = [claim(sweep, engine, at) for at, engine in enumerate((first, second, first, second))]
    for run in runs[:3]:
        sweep.save(ended(run, loss(run.config)))
    runs += [claim(sweep, second, 4), claim(sweep, Engine(sweep), 5)]  # the last one is new
    assert len({str(run.params) for run in runs}) == 6
    assert len(second.optimizer.study.trials) >= 5


def test_a_conditional_space_is_searched_and_pruned():
    def train():
        with wandb.init() as run:
            start = (
                run.config.get("depth", 5) / 5 if run.config.kind == "deep" else run.config.width
            )
            for step in range(4):
                run.log({"loss": start + 1 / (step + 1)})

    sweep_id = local.sweep(
        config(parameters=None, run_cap=14, optimizer="seeded", search_space="conditional")
    )
    local.agent(sweep_id, function=train)
    runs = local.runs(sweep_id)
    assert {frozenset(run.config) for run in runs} == {
        frozenset(("kind", "depth")),
        frozenset(("kind", "width")),
    }
    stopped = [run for run in runs if run.state == "stopped"]
    assert stopped and all(len(run.rows) < 4 for run in stopped)
    assert {run.error for run in stopped} == {"pruned by optuna"}


def test_an_engine_ends_a_sweep_by_its_terminator_or_when_nothing_is_left(capsys):
    for optimizer, parameters in (
        ("at_most_four", PARAMETERS),
        ("grid", {name: PARAMETERS[name] for name in ("x", "kind")}),
    ):
        endless = config(optimizer=optimizer, parameters=parameters)
        del endless["run_cap"]
        sweep_id = local.sweep(endless)
        local.agent(sweep_id, function=lambda: wandb.init().log({"loss": 1.0}))
        assert len(local.runs(sweep_id)) == 4
        assert "has nothing more to try" in capsys.readouterr().out
        local.agent(sweep_id, function=train)  # nor does the next agent
        assert len(local.runs(sweep_id)) == 4


def test_several_metrics_are_searched_at_once():
    def train():
        with wandb.init() as run:
            run.log({"loss": run.config.x, "speed": run.config.x**2, "other": 1})

    metrics = [{"name": "loss"}, {"name": "speed", "goal": "maximize"}]
    several = {"method": "custom", "metrics": metrics, "scheduler": {"engine": "optuna"}}
    sweep_id = local.sweep(several | {"parameters": PARAMETERS, "run_cap": 4})
    local.agent(sweep_id, function=train)
    engine = Engine(local.open_sweep(sweep_id))
    engine.propose(4)
    values = sorted(trial.values for trial in engine.optimizer.study.trials[:4])
    assert values == sorted([run.config["x"], run.config["x"] ** 2] for run in local.runs(sweep_id))
    metrics[1]["name"] = "sped"
    with pytest.raises(SweepError, match="has not logged the sweep's metric 'sped' as a number"):
        local.agent(local.sweep(several | {"parameters": PARAMETERS, "run_cap": 1}), function=train)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"scheduler": {"engine": "other"}}, "scheduler.engine"),
        ({"metrics": [{"name": "x"}]}, "metric, or metrics, and not both"),
        ({"scheduler": {"engine": "optuna", "source": "no.py", "optimizer": "f"}}, "no.py"),
        ({"parameters": {"x": {"distribution": "normal"}}}, "no optuna equivalent"),
        ({"scheduler": {"engine": "wandb"}}, "method custom needs .*engine: optuna"),
        ({"method": "bayes"}, "engine optuna needs method: custom"),
        ({"early_terminate": {"type": "hyperband", "min_iter": 1}}, "leave early_terminate out"),
        (
            {"scheduler": {"engine": "optuna", "optimizer": "f"}},
            "scheduler.source must name the python file",
        ),
        ({"scheduler": {"engine": "ax"}, "parameters": {}}, "give parameters"),
        (
            {"parameters": {"a": {"parameters": {"b": {"value": 1}}}}},
            "scheduler: Cannot infer .* from sweep parameter",
        ),
    ],
)
def test_what_cannot_be_searched_is_said_before_the_first_run(changes, message):
    with pytest.raises(SweepError, match=message):
        local.sweep(config() | changes)


@pytest.mark.slow
def test_two_workers_with_a_kill_in_the_middle_try_no_point_twice_and_record_all():
    Path("train.py").write_text(
        "import time, wandb\n"
        "with wandb.init() as run:\n"
        "    for step in range(3):\n"
        "        run.log({'loss': run.config.x + step})\n"
        "        time.sleep(0.3)\n"
    )
    program = {"program": "train.py", "command": ["${env}", "python", "${program}"]}
    sweep_id = local.sweep(config(optimizer="seeded") | program)
    agent = [sys.executable, "-m", "sudoku_sweep", "agent", sweep_id]
    workers = [subprocess.Popen(agent) for _ in range(2)]
    while sum(run.state in local.DONE for run in local.runs(sweep_id)) < 2:
        time.sleep(0.1)
    workers[0].kill()
    assert workers[1].wait() == 0
    assert subprocess.call(agent) == 0
    runs = local.runs(sweep_id)
    assert len(runs) == 8 and {run.state for run in runs} <= {"finished", "stopped"}
    assert len({str(run.params) for run in runs}) == len({run.id for run in runs}) == 8
