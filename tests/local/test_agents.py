import contextlib
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
import wandb
from tiny_sweep import GRID, log_score

from sudoku_sweep import local
from sudoku_sweep.local import SweepError, agents, store

pytestmark = pytest.mark.usefixtures("in_tmp_path")
THREE = {"method": "grid", "parameters": {"a": {"values": [1, 2, 3]}}}


def ran(function, config=GRID, **arguments):
    """The runs of a new sweep, after one call of ``agent``."""
    sweep_id = local.sweep(config)
    local.agent(sweep_id, function=function, **arguments)
    return local.runs(sweep_id)


def states(runs):
    return [run.state for run in runs]


def log(*rows):
    """A training function that logs these."""

    def train():
        with wandb.init() as run:
            for row in rows:
                run.log(row)

    return train


def fail_if_two(error=RuntimeError):
    with wandb.init() as run:
        run.log({"score": 1})
        if run.config.a == 2:
            raise error("two is too much")


def fail_with(error, cause=None):
    """What becomes of a sweep whose every run fails with an error: what the agent says, and the states."""

    def fail():
        with wandb.init():
            raise error from cause

    sweep_id = local.sweep(GRID)
    with pytest.raises(SweepError) as refusal:
        local.agent(sweep_id, function=fail)
    return str(refusal.value), states(local.runs(sweep_id))


def kill_wandb():
    for child in psutil.Process().children(recursive=True):
        child.kill()


@pytest.fixture
def exits(monkeypatch):
    """The exit codes with which runs are finished."""
    codes, real = [], wandb.Run._finish
    monkeypatch.setattr(
        wandb.Run,
        "_finish",
        lambda run, exit_code=None: (codes.append(exit_code), real(run, exit_code)),
    )
    return codes


# --- a sweep ----------------------------------------------------------------------------------------------


def test_every_configuration_runs_once_in_grid_order_and_is_recorded():
    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=log_score, count=2)
    assert len(local.runs(sweep_id)) == 2
    local.agent(sweep_id, function=log_score, count=10)
    local.agent(sweep_id, function=log_score)  # nothing is left to do
    runs = local.runs(sweep_id)
    assert [run.config for run in runs] == list(local.grid(GRID))
    assert set(states(runs)) == {"finished"}
    for run in runs:
        product = run.config["a"] * run.config["b"]
        assert run.summary["score"] == 2 * product and run.summary["epoch"] == 2
        first = {"_step": 0, "epoch": 1, "score": product}
        assert run.rows == [first, {"_step": 1, "epoch": 2, "score": 2 * product}]
        assert run.seconds > 0 and run.error is None


def test_runs_are_real_offline_runs_of_the_project_in_one_group_and_leave_no_trace_in_wandb():
    seen, before = [], dict(os.environ)

    def look():
        with wandb.init() as run:
            seen.append((run.project, run.group, run.name, run.id, run.settings.mode, run.sweep_id))
            run.log({"score": 1})
            seen.extend(states(local.runs(sweep_id)))  # looking on disturbs nobody

    sweep_id = local.sweep(GRID, project="my-project")
    local.agent(sweep_id, function=look, count=1)
    run = local.runs(sweep_id)[0]
    assert seen == [
        ("my-project", f"sweep-{sweep_id}", "run-1", run.id, "offline", None),
        "running",
    ]
    assert list((store.store().parent).glob(f"offline-run-*-{run.id}/run-{run.id}.wandb"))
    assert dict(os.environ) == before
    with wandb.init(project="other") as later:
        later.log({"score": 2})
        assert not later.group and dict(later.config) == {}
    assert len(local.runs(sweep_id)[0].rows) == 1


def test_a_grid_without_end_is_no_obstacle():
    values = {"distribution": "q_uniform", "min": 0.0, "max": 1e12, "q": 0.25}
    huge = {"method": "grid", "parameters": {"a": {"min": 1, "max": 10**9}, "b": values}}
    configs = [run.config for run in ran(log({"score": 1}), huge, count=2)]
    assert configs == [{"a": 1, "b": 0.0}, {"a": 1, "b": 0.25}]
    assert len(ran(log({"score": 1}), huge | {"run_cap": 1})) == 1


def test_what_is_logged_is_kept_as_numbers_in_the_rows_that_wandb_makes_of_it():
    counts = [1]

    def train():
        with wandb.init(name="my-run") as run:
            side = wandb.init(reinit="create_new", id="side", project="side")
            run.define_metric("score", summary="min")
            run.log({"score": np.float32(0.5), "counts": counts}, commit=False)
            counts[0] = 2  # too late for the row above
            run.log({"loss": torch.tensor(1.0), "weights": wandb.Histogram([1, 2, 3])})
            side.log({"score": 100, "aux": 1})  # another run is left alone
            side.finish()
            run.log({"score": np.array(0.75), "table": pd.DataFrame({"a": [1]})}, step=5)
            run.log({"score": 9.0}, step=2)  # a step that is over: wandb drops it

    runs = ran(train, {"method": "grid", "parameters": {"a": {"values": list(np.arange(2))}}})
    assert [run.config for run in runs] == [{"a": 0}, {"a": 1}]
    first = {"_step": 0, "score": 0.5, "counts": [1], "loss": 1.0}
    assert runs[0].rows == [first, {"_step": 5, "score": 0.75}] and runs[0].name == "my-run"
    assert runs[0].summary["score"] == {"min": 0.5} and "aux" not in runs[0].summary


def test_a_function_that_changes_folder_does_not_lose_its_sweep(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_DIR")

    def wanders():
        os.makedirs("elsewhere", exist_ok=True)
        os.chdir("elsewhere")
        log_score()

    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=wanders, count=2)
    os.chdir(tmp_path)
    assert states(local.runs(sweep_id)) == ["finished"] * 2


def test_disabled_stays_disabled_and_the_last_values_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    wandb.teardown()
    with wandb.init():
        pass  # wandb keeps such a run as ``wandb.run``, though it is over
    assert [run.summary["score"] for run in ran(log_score, count=2)] == [1, 3]
    assert not list(tmp_path.glob("wandb/*-run-*"))


def test_the_example_of_the_readme_runs(capsys):
    readme = (Path(local.__file__).parent / "README.md").read_text("utf-8")
    exec(re.search(r"```python\n(.*?)```", readme, re.DOTALL)[1], {})
    assert "{'learning_rate': 0.1}" in capsys.readouterr().out.splitlines()[-1]


def test_what_cannot_be_run_is_refused():
    with pytest.raises(SweepError, match="prior_runs need W&B's server"):
        local.sweep(GRID, prior_runs=["abc"])
    sweep_id = local.sweep(GRID)
    endless = local.sweep({"method": "random", "parameters": {"a": {"values": [1]}}})
    unknown = ("00000000", "../../x", "", None, "no/such/00000000")
    for words, id_, arguments in (
        *(("no local sweep", id_, {}) for id_ in unknown),
        ("function", sweep_id, {"function": None}),
        ("never ends", endless, {}),
        ("count is 0", sweep_id, {"count": 0}),
    ):
        with pytest.raises(SweepError, match=words):
            local.agent(id_, **{"function": log_score} | arguments)
    with wandb.init(project="open"), pytest.raises(SweepError, match="still open"):
        local.agent(sweep_id, function=log_score)


# --- failures ---------------------------------------------------------------------------------------------


def test_a_failing_run_is_recorded_with_its_error_and_not_repeated(capsys):
    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=fail_if_two)
    runs = local.runs(sweep_id)
    assert states(runs) == ["finished"] * 2 + ["failed"] * 2 + ["finished"] * 2
    assert runs[2].error == "RuntimeError: two is too much"
    assert runs[2].summary["score"] == 1  # what it had logged
    local.agent(sweep_id, function=log_score)
    assert states(local.runs(sweep_id)) == states(runs)
    assert states(ran(lambda: fail_if_two(SystemExit))) == states(runs)
    out = capsys.readouterr().out
    assert "run 3/6 failed | RuntimeError: two is too much | a 2, b 0.5" in out
    assert "run 1/6 finished | score 1 | a 1, b 0.5" in out and "nothing left to run" in out


@pytest.mark.parametrize("error", [RuntimeError("left open"), None])
def test_a_run_left_open_is_closed_and_one_with_an_error_as_failed(exits, error):
    def never_finishes():
        wandb.init().log({"score": 3})
        if error:
            raise error

    sweep_id = local.sweep(GRID)
    with pytest.raises(SweepError) if error else contextlib.nullcontext():
        local.agent(sweep_id, function=never_finishes, count=1)
    assert exits == [1 if error else None] and wandb.run is None
    assert local.runs(sweep_id)[0].summary["score"] == 3


def test_a_run_that_loses_wandb_s_process_fails_alone_and_one_that_met_none_is_run_again():
    def lose_it():
        with wandb.init() as run:
            run.log({"score": 1})
            at = run.config.a
            if at == 1:
                kill_wandb()
        if at == 2:  # the next run meets none
            kill_wandb()

    sweep_id = local.sweep(THREE)
    local.agent(sweep_id, function=lose_it)
    assert states(local.runs(sweep_id)) == ["failed", "finished", "killed"]
    local.agent(sweep_id, function=lose_it)
    assert states(local.runs(sweep_id)) == ["failed", "finished", "finished"]


def test_a_connection_that_the_function_itself_loses_is_a_failure_like_others():
    def loses_its_own():
        raise ConnectionError("no such host")

    sweep_id = local.sweep(GRID)
    with pytest.raises(SweepError, match="no such host"):
        local.agent(sweep_id, function=loses_its_own, count=1)
    assert local.runs(sweep_id)[0].state == "failed"


def test_three_early_failures_end_the_agent_and_all_failed_is_an_error(capsys):
    ring = ValueError("a ring")
    message, ended = fail_with(ring, cause=ring)  # an error that is its own cause is one, too
    assert message == "all 3 runs failed; the last one: ValueError: a ring"
    assert ended == ["failed"] * 3
    assert "stopping: 3 failed runs in 60 seconds" in capsys.readouterr().out


def test_a_wandb_that_never_starts_ends_the_agent(monkeypatch):
    def refuse(*_):
        raise ConnectionRefusedError("nobody there")

    monkeypatch.setattr("wandb.sdk.lib.service.service_process.start", refuse)
    message, ended = fail_with(RuntimeError("never raised"))
    assert message == "all 3 runs failed; the last one: ConnectionRefusedError: nobody there"
    assert ended == ["killed"] * 3  # to be run again


def test_an_interrupt_is_one_even_if_wandb_dies_of_it_and_the_sweep_goes_on():
    def interrupted():
        with wandb.init() as run:
            run.log({"score": 1})
            if run.config.a == 2:
                kill_wandb()
                raise KeyboardInterrupt

    sweep_id = local.sweep(THREE)
    with pytest.raises(KeyboardInterrupt):
        local.agent(sweep_id, function=interrupted)
    assert states(local.runs(sweep_id)) == ["finished", "killed"]
    local.agent(sweep_id, function=log({"score": 1}))
    assert [run.config for run in local.runs(sweep_id)] == list(local.grid(THREE))
    assert states(local.runs(sweep_id)) == ["finished"] * 3


def test_the_traceback_of_a_failure_is_shown_once(capsys):
    def fails_before_init():
        [][1]

    def fails_inside():
        with wandb.init():
            [][2]

    for function in (fails_before_init, fails_inside):
        with pytest.raises(SweepError) as refusal:
            ran(function, count=1)
        assert isinstance(refusal.value.__cause__, IndexError)
        err = capsys.readouterr().err
        assert err.count("Traceback") == 1 and function.__name__ in err


@pytest.mark.parametrize(
    "seconds, turns, most_in_a_row",
    [
        (100, "ffffss", None),  # late failures do not end it
        (0.1, "ffssf", None),  # early ones do, also when they are not in a row
        (0.1, "sff", 2),
    ],
)
def test_failures_end_the_agent_early_or_in_a_row(monkeypatch, seconds, turns, most_in_a_row):
    clock = iter(np.arange(0, 10_000, seconds))
    monkeypatch.setattr(agents, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    order = iter(turns + "ssss")

    def train():
        with wandb.init():
            if next(order) == "f":
                raise RuntimeError("now")

    config = {"method": "grid", "parameters": GRID["parameters"]}
    runs = ran(train, config, max_consecutive_failed_runs=most_in_a_row)
    assert "".join("f" if run.state == "failed" else "s" for run in runs) == turns


def test_a_function_that_never_calls_init_is_told_so():
    with pytest.raises(SweepError, match=r"opened no W&B run"):
        ran(lambda: None, count=1)


def test_a_sweep_whose_folder_is_deleted_says_so_at_once(tmp_path):
    def delete():
        log_score()
        shutil.rmtree(tmp_path / "wandb" / "local-sweeps")

    with pytest.raises(SweepError, match="was deleted while"):
        ran(delete)


def test_a_metric_that_is_never_logged_is_noticed_after_the_first_run():
    sweep_id = local.sweep(GRID | {"metric": {"name": "val_acuracy", "goal": "maximize"}})
    with pytest.raises(SweepError, match=r"not logged .* 'val_acuracy' .* but epoch, score\. Name"):
        local.agent(sweep_id, function=log_score)
    assert len(local.runs(sweep_id)) == 1
    for value in (math.nan, -math.inf):  # a bad result, not a wrong name
        assert len(ran(log({"score": value}), count=2)) == 2
    turns = iter([{"score": 1}, {"loss": 1}])
    assert len(ran(lambda: log(next(turns))(), count=2)) == 2  # later runs may lack it


# --- early stopping ---------------------------------------------------------------------------------------

STOPPABLE = GRID | {"early_terminate": {"type": "hyperband", "min_iter": 2, "eta": 2}}


def log_slowly_growing(swallowed=()):
    with wandb.init() as run:
        for epoch in (1, 2, 3, 4, 5):
            with contextlib.suppress(*swallowed):
                score = epoch / run.config.a
                run.log({"epoch": epoch, "score": score, "val": {"score": score}})


def test_hopeless_runs_are_stopped_inside_log_and_shown_as_such(capfd):
    sweep_id = local.sweep(STOPPABLE)
    local.agent(sweep_id, function=log_slowly_growing)
    local.agent(sweep_id, function=log_slowly_growing)  # stopped runs are done
    runs = local.runs(sweep_id)
    assert states(runs) == ["finished"] * 2 + ["stopped"] * 4
    assert [len(run.rows) for run in runs] == [5, 5, 2, 4, 2, 2]  # of equals, eta lets one go on
    assert runs[2].error == "score after logging it 2 times, 1; the best runs were at 2 or above"
    assert runs[2].summary["score"] == 1 and runs[2].config["a"] == 2
    out, err = capfd.readouterr()
    assert "run 3/6 stopped | score after logging it 2 times" in out and "Traceback" not in err


def test_a_stopped_run_is_closed_without_failure(exits):
    def leaves_it_open():
        run = wandb.init()
        for epoch in (1, 2, 3):
            run.log({"score": epoch / run.config.a})

    for function in (log_slowly_growing, leaves_it_open):
        assert ran(function, STOPPABLE, count=3)[-1].state == "stopped"
    assert len(exits) == 6 and not any(exits)


def test_a_metric_inside_a_dict_is_found_by_its_dotted_name(capsys):
    metric = {"name": "val.score", "goal": "maximize"}
    runs = ran(log_slowly_growing, STOPPABLE | {"metric": metric}, count=3)
    assert states(runs) == ["finished"] * 2 + ["stopped"]
    assert "run 1/6 finished | val.score 5 | " in capsys.readouterr().out
    reached = ran(log_slowly_growing, GRID | {"metric": metric | {"target": 5}})
    assert len(reached) == 1 and "has reached its target" in capsys.readouterr().out


def test_code_that_catches_every_exception_swallows_the_stop_as_with_wandb():
    runs = ran(lambda: log_slowly_growing([Exception]), STOPPABLE, count=3)
    assert states(runs) == ["finished"] * 3


def test_agents_compare_runs_with_those_of_other_agents_that_still_go_on():
    worse = """import sys, wandb
from sudoku_sweep import local
def train():
    with wandb.init() as run:
        for epoch in (1, 2, 3):
            run.log({"score": epoch})
local.agent(sys.argv[1], train, count=1)"""
    best_third = {"type": "hyperband", "min_iter": 2, "eta": 3}
    sweep_id = local.sweep(GRID | {"early_terminate": best_third})

    def waits_for_a_worse_one():
        with wandb.init() as run:
            for epoch in (1, 2):
                run.log({"score": 10 * epoch})
            subprocess.run([sys.executable, "-c", worse, sweep_id], check=True, timeout=100)
            run.log({"score": 30})

    local.agent(sweep_id, function=waits_for_a_worse_one, count=1)
    assert states(local.runs(sweep_id)) == ["finished", "stopped"]


def test_only_the_metric_counts_for_early_stopping_and_ended_runs_are_read_once(monkeypatch):
    read, real = [], store._read
    monkeypatch.setattr(
        store, "_read", lambda path, kind: read.append(path.name) or real(path, kind)
    )

    def train():
        with wandb.init() as run:
            for epoch in range(20):
                run.log({"loss": 1.0})
                run.log({"score": epoch - run.config.a if epoch > 17 else 0})

    assert states(ran(train, STOPPABLE, count=4)) == ["finished"] * 4  # equals up to the last band
    assert all(read.count(f"{index:05}.json") <= 3 for index in range(4))


# --- random search and bayes ------------------------------------------------------------------------------


def test_a_random_sweep_ends_at_its_run_cap_and_nested_parameters_arrive_nested():
    model = {"parameters": {"width": {"min": 1, "max": 3}, "rate": {"min": 0.0, "max": 1.0}}}
    config = {"method": "random", "run_cap": 3, "parameters": {"model": model}}
    seen, sweep_id = [], local.sweep(config)

    def look():
        with wandb.init() as run:
            seen.append({"rate": run.config.model["rate"], "width": run.config["model"]["width"]})

    local.agent(sweep_id, function=look, count=2)
    local.agent(sweep_id, function=look)
    assert len(seen) == 3 and len({point["rate"] for point in seen}) == 3
    assert [run.config for run in local.runs(sweep_id)] == [{"model": point} for point in seen]


def test_bayes_learns_from_the_runs_before_and_an_interrupted_run_is_tried_again(monkeypatch):
    monkeypatch.setattr(agents.secrets, "randbits", lambda bits: 0)  # the sweep's seed
    x = {"min": 0.0, "max": 1.0}
    sweep_id = local.sweep({"method": "bayes", "metric": {"name": "loss"}, "parameters": {"x": x}})
    seen = []

    def bowl():
        with wandb.init() as run:
            seen.append(run.config.x)
            run.log({"loss": (run.config.x - 0.8) ** 2})
            if len(seen) == 6:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        local.agent(sweep_id, function=bowl, count=10)
    sweep = store.open_sweep(sweep_id)  # another agent has learned more since
    record = sweep.record(store.run_file(sweep.folder, 0))
    store.save(sweep.folder, record | {"rows": [{"loss": -1}]})
    local.agent(sweep_id, function=bowl, count=1)
    store.save(sweep.folder, record)
    local.agent(sweep_id, function=bowl, count=4)
    assert seen[5] == seen[6] == local.runs(sweep_id)[5].config["x"]
    assert len(set(seen)) == 10 and np.abs(np.array(seen[5:]) - 0.8).min() < 0.01
