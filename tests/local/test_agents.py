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
START = "import sys, time, wandb\nfrom sudoku_sweep import local\n"


def ran(function, config=GRID, **arguments):
    """The runs of a new sweep, after one call of ``agent``."""
    sweep_id = local.sweep(config)
    local.agent(sweep_id, function=function, **arguments)
    return local.runs(sweep_id)


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


def states(runs):
    return [run.state for run in runs]


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

    sweep_id = local.sweep(GRID, project="my-project")
    local.agent(sweep_id, function=look, count=1)
    run = local.runs(sweep_id)[0]
    assert seen == [("my-project", f"sweep-{sweep_id}", "run-1", run.id, "offline", None)]
    assert list((store.store().parent).glob(f"offline-run-*-{run.id}/run-{run.id}.wandb"))
    assert dict(os.environ) == before
    with wandb.init(project="other") as later:
        later.log({"score": 2})
        assert not later.group and dict(later.config) == {}
    assert len(local.runs(sweep_id)[0].rows) == 1


def test_a_grid_without_end_is_no_obstacle():
    values = {"distribution": "q_uniform", "min": 0.0, "max": 1e6, "q": 0.25}
    huge = {"method": "grid", "parameters": {"a": {"min": 1, "max": 10**9}, "b": values}}
    assert [run.config for run in ran(log({"score": 1}), huge, count=2)] == [
        {"a": 1, "b": 0.0},
        {"a": 1, "b": 0.25},
    ]
    assert len(ran(log({"score": 1}), huge | {"run_cap": 1})) == 1


def test_what_is_logged_in_parts_is_one_row_and_pictures_stay_out_of_the_store():
    def logs_in_parts():
        with wandb.init(name="my-run") as run:
            run.define_metric("score", summary="min")
            run.log({"score": np.float32(0.5)}, commit=False)
            run.log({"loss": 1.0, "weights": wandb.Histogram([1, 2, 3])})
            run.log({"score": 0.75}, step=5)
            run.log({"score": 9.0}, step=2)  # a step that is over: wandb drops it

    run = ran(logs_in_parts, count=1)[0]
    rows = [{"_step": 0, "score": 0.5, "loss": 1.0}, {"_step": 5, "score": 0.75}]
    assert run.rows == rows and run.name == "my-run" and run.summary["score"] == {"min": 0.5}


def test_numbers_of_torch_and_numpy_are_kept_as_numbers_and_tables_left_to_wandb():
    counts = [1]
    row = {"t": torch.tensor(0.5), "n": np.array(0.25), "f": np.float32(1), "counts": counts}
    table = {"table": pd.DataFrame({"a": [1, 2]}, index=[0, 0])}

    def train():
        with wandb.init() as run:
            run.log(row | table)
            counts[0] = 2  # too late for the row above

    numpy_values = {"method": "grid", "parameters": {"a": {"values": list(np.arange(2))}}}
    runs = ran(train, numpy_values)
    assert [run.config for run in runs] == [{"a": 0}, {"a": 1}]
    assert runs[0].rows == [{"_step": 0, "t": 0.5, "n": 0.25, "f": 1.0, "counts": [1]}]


def test_another_run_inside_the_function_is_left_alone():
    def with_a_side_run():
        with wandb.init() as run:
            side = wandb.init(reinit="create_new", id="side", project="side")
            run.log({"score": 1})
            side.log({"score": 100, "aux": 1})
            side.finish()
            run.log({"score": 2})

    run = ran(with_a_side_run, count=1)[0]
    assert [row["score"] for row in run.rows] == [1, 2]
    assert run.summary["score"] == 2 and "aux" not in run.summary


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


# --- failures ---------------------------------------------------------------------------------------------


def test_a_failing_run_is_recorded_with_its_error_and_not_repeated(capsys):
    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=fail_if_two)
    runs = local.runs(sweep_id)
    assert states(runs) == ["finished"] * 2 + ["failed"] * 2 + ["finished"] * 2
    assert runs[2].error == "RuntimeError: two is too much"
    assert runs[2].summary["score"] == 1  # what it had logged
    local.agent(sweep_id, function=log_score)
    assert (
        states(local.runs(sweep_id)) == states(runs) == states(ran(lambda: fail_if_two(SystemExit)))
    )
    out = capsys.readouterr().out
    assert "run 3/6 failed | RuntimeError: two is too much | a 2, b 0.5" in out
    assert "run 1/6 finished | score 1 | a 1, b 0.5" in out and "nothing left to run" in out


@pytest.mark.parametrize("error", [RuntimeError("left open"), None])
def test_a_run_left_open_is_closed_and_one_with_an_error_as_failed(monkeypatch, error):
    exits, real = [], wandb.Run.finish

    def finish(run, exit_code=None):
        exits.append(exit_code)
        real(run, exit_code)

    monkeypatch.setattr(wandb.Run, "finish", finish)

    def never_finishes():
        wandb.init().log({"score": 3})
        if error:
            raise error

    sweep_id = local.sweep(GRID)
    with pytest.raises(SweepError) if error else contextlib.nullcontext():
        local.agent(sweep_id, function=never_finishes, count=1)
    assert exits == [1 if error else None] and wandb.run is None
    assert local.runs(sweep_id)[0].summary["score"] == 3


def kill_wandb():
    for child in psutil.Process().children(recursive=True):
        child.kill()


def test_a_run_that_loses_wandb_s_background_process_fails_alone():
    def lose_it(message):
        kill_wandb()
        return RuntimeError(message)

    runs = ran(lambda: fail_if_two(lose_it), THREE)
    assert states(runs) == ["finished", "failed", "finished"]


def test_a_configuration_that_met_a_dead_wandb_is_run_again():
    def log_and_kill():
        with wandb.init() as run:
            run.log({"score": 1})
            first = run.config.a == 1
        if first and not killed:
            killed.append(True)
            kill_wandb()

    killed, sweep_id = [], local.sweep(THREE)
    local.agent(sweep_id, function=log_and_kill)
    assert states(local.runs(sweep_id)) == ["finished", "killed", "finished"]
    local.agent(sweep_id, function=log_and_kill)
    assert states(local.runs(sweep_id)) == ["finished"] * 3


def fail_with(error, cause=None):
    """A training function that does, in a run; and what becomes of its sweep."""

    def fail():
        with wandb.init():
            raise error from cause

    sweep_id = local.sweep(GRID)
    with pytest.raises(SweepError) as refusal:
        local.agent(sweep_id, function=fail)
    return str(refusal.value), states(local.runs(sweep_id))


def test_three_early_failures_end_the_agent_and_all_failed_is_an_error(capsys):
    message, ended = fail_with(RuntimeError("no"))
    assert message == "all 3 runs failed; the last one: RuntimeError: no"
    assert (
        ended == ["failed"] * 3
        and "stopping: 3 failed runs in 60 seconds" in capsys.readouterr().out
    )


def test_an_error_that_is_its_own_cause_is_a_failure_like_any_other():
    ring = ValueError("a ring")
    assert "ValueError: a ring" in fail_with(ring, cause=ring)[0]


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


def fail_in_turn(turns):
    order = iter(turns)

    def train():
        with wandb.init() as run:
            if next(order):
                raise RuntimeError("now")
            run.log({"score": 1})

    return train


def test_late_failures_do_not_end_the_agent(monkeypatch):
    clock = iter(range(0, 10_000, 100))
    monkeypatch.setattr(agents, "time", SimpleNamespace(monotonic=lambda: next(clock)))

    assert states(ran(fail_in_turn([True] * 4 + [False] * 2))) == ["failed"] * 4 + ["finished"] * 2


def test_early_failures_are_counted_and_those_in_a_row_end_it_sooner():
    runs = ran(fail_in_turn([True, True, False, False, True]))
    assert states(runs) == ["failed"] * 2 + ["finished"] * 2 + ["failed"]
    assert states(ran(fail_if_two, max_consecutive_failed_runs=1))[2:] == ["failed"]


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


@pytest.mark.parametrize("value", [math.nan, -math.inf])
def test_a_result_that_is_no_number_is_not_a_metric_that_was_never_logged(value):
    assert len(ran(log({"score": value}), count=2)) == 2


@pytest.mark.slow
def test_agents_that_share_a_sweep_run_every_configuration_once():
    train = (
        'def train():\n    with wandb.init() as run:\n        run.log({"score": run.config.a})\n'
    )
    points = {"a": {"values": list(range(12))}, "b": {"values": list(range(5))}}
    sweep_id = local.sweep({"method": "grid", "parameters": points})
    script = f"{START}{train}local.agent(sys.argv[1], function=train)"
    command = [sys.executable, "-c", script, sweep_id]
    agents = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    seen = []
    while any(agent.poll() is None for agent in agents):
        seen += states(local.runs(sweep_id))  # looking on disturbs nobody
    lines = [line for agent in agents for line in agent.communicate()[0].splitlines()]
    done = sorted(int(line.split()[1].split("/")[0]) for line in lines if line.startswith("run "))
    assert done == list(range(1, 61))
    assert states(local.runs(sweep_id)) == ["finished"] * 60
    assert "crashed" not in seen and "running" in seen


def test_what_cannot_be_run_is_refused():
    with pytest.raises(SweepError, match="prior_runs need W&B's server"):
        local.sweep(GRID, prior_runs=["abc"])
    sweep_id = local.sweep(GRID)
    for unknown in ("00000000", "../../x", "", None, "no/such/00000000"):
        with pytest.raises(SweepError, match="no local sweep"):
            local.agent(unknown, function=log_score)
    endless = local.sweep({"method": "random", "parameters": {"a": {"values": [1]}}})
    for words, id_, arguments in (
        ("function", sweep_id, {"function": None}),
        ("never ends", endless, {}),
        ("count is 0", sweep_id, {"count": 0}),
        ("count is 1.5", sweep_id, {"count": 1.5}),
    ):
        with pytest.raises(SweepError, match=words):
            local.agent(id_, **{"function": log_score} | arguments)
    with wandb.init(project="open"), pytest.raises(SweepError, match="still open"):
        local.agent(sweep_id, function=log_score)


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


def test_a_stopped_run_is_closed_without_failure(monkeypatch):
    exits, real = [], wandb.Run._finish

    def finish(run, exit_code=None):
        exits.append(exit_code)
        real(run, exit_code)

    monkeypatch.setattr(wandb.Run, "_finish", finish)

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
    worse = f"{START}def train():\n    with wandb.init() as run:\n        for epoch in (1, 2, 3):\n"
    worse += "            run.log({'score': epoch})\nlocal.agent(sys.argv[1], train, count=1)"
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
    read = []
    real = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda path, *a: read.append(path.name) or real(path, *a)
    )

    def train():
        with wandb.init() as run:
            for epoch in range(20):
                run.log({"loss": 1.0})
                run.log({"score": epoch - run.config.a if epoch > 17 else 0})

    assert states(ran(train, STOPPABLE, count=4)) == ["finished"] * 4  # equals up to the last band
    assert all(read.count(f"{index:05}.json") <= 3 for index in range(4))
    assert states(ran(log(*[{"loss": 1.0}] * 9, {"score": 1}), STOPPABLE)) == ["finished"] * 6


# --- random search and bayes ------------------------------------------------------------------------------


def test_a_random_sweep_ends_at_its_run_cap_and_nested_parameters_arrive_nested():
    model = {"parameters": {"width": {"min": 1, "max": 3}, "rate": {"min": 0.0, "max": 1.0}}}
    config = {"method": "random", "run_cap": 3, "parameters": {"model": model}}
    seen, sweep_id = [], local.sweep(config)

    def look():
        with wandb.init() as run:
            seen.append((run.config["model"]["width"], run.config.model["rate"]))

    local.agent(sweep_id, function=look, count=2)
    local.agent(sweep_id, function=look)
    assert len(seen) == 3 and len({rate for _, rate in seen}) == 3
    assert all(width in (1, 2, 3) and 0 <= rate < 1 for width, rate in seen)
    assert local.runs(sweep_id)[2].config == {"model": {"rate": seen[2][1], "width": seen[2][0]}}


BAYES = {
    "method": "bayes",
    "metric": {"name": "loss"},
    "parameters": {"x": {"min": 0.0, "max": 1.0}},
}


def test_bayes_learns_from_the_runs_before(monkeypatch):
    monkeypatch.setattr(agents.secrets, "randbits", lambda bits: 0)  # the sweep's seed

    def bowl():
        with wandb.init() as run:
            run.log({"loss": (run.config.x - 0.8) ** 2})

    tried = [run.config["x"] for run in ran(bowl, BAYES, count=10)]
    assert len(set(tried)) == 10 and np.abs(np.array(tried[5:]) - 0.8).min() < 0.01


def test_an_interrupted_run_of_bayes_is_tried_again_as_it_was():
    seen = []

    def interrupts_at_sixth():
        with wandb.init() as run:
            seen.append(run.config.x)
            run.log({"loss": run.config.x})
            if len(seen) == 6:
                raise KeyboardInterrupt

    sweep_id = local.sweep(BAYES)
    with pytest.raises(KeyboardInterrupt):
        local.agent(sweep_id, function=interrupts_at_sixth, count=8)
    local.agent(sweep_id, function=interrupts_at_sixth, count=1)
    assert seen[5] == seen[6] == local.runs(sweep_id)[5].config["x"]
