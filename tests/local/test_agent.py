import contextlib
import datetime
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
import wandb
from tiny_sweep import GRID, log_score

from sudoku_sweep import local
from sudoku_sweep.local import SweepError

pytestmark = pytest.mark.usefixtures("in_tmp_path")


def fail_if_two():
    with wandb.init() as run:
        run.log({"score": 1})
        if run.config.a == 2:
            raise RuntimeError("two is too much")


# --- a sweep ----------------------------------------------------------------------------------------------


def test_every_configuration_runs_once_in_grid_order_and_is_recorded():
    sweep_id = local.sweep(GRID, project="p")
    local.agent(sweep_id, function=log_score)
    runs = local.runs(sweep_id)
    assert [run.config for run in runs] == local.grid_points(GRID)
    assert {run.state for run in runs} == {"finished"}
    for run in runs:
        product = run.config["a"] * run.config["b"]
        assert run.summary["score"] == 2 * product and run.summary["epoch"] == 2
        assert list(run.scan_history()) == [
            {"_step": 0, "epoch": 1, "score": product},
            {"_step": 1, "epoch": 2, "score": 2 * product},
        ]
        assert list(run.scan_history(keys=["score"])) == [
            {"score": product},
            {"score": 2 * product},
        ]
        assert list(run.scan_history(keys=["score", "nothing"])) == []
        assert run.history(keys=["epoch"])["epoch"].tolist() == [1, 2]
        assert run.seconds > 0 and run.error is None


def test_runs_are_real_offline_runs_of_the_project_in_one_group():
    seen = []

    def look():
        with wandb.init() as run:
            seen.append((run.project, run.group, run.name, run.id, run.settings.mode, run.sweep_id))
            run.log({"score": 1})

    sweep_id = local.sweep(GRID, project="my-project")
    local.agent(sweep_id, function=look, count=1)
    run = local.runs(sweep_id)[0]
    assert seen == [("my-project", f"sweep-{sweep_id}", "run-1", run.id, "offline", None)]
    assert list((local._store().parent).glob(f"offline-run-*-{run.id}/run-{run.id}.wandb"))


def test_count_limits_one_call_and_the_next_call_goes_on():
    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=log_score, count=2)
    assert len(local.runs(sweep_id)) == 2
    local.agent(sweep_id, function=log_score, count=10)
    local.agent(sweep_id, function=log_score)  # nothing is left to do
    assert [run.config for run in local.runs(sweep_id)] == local.grid_points(GRID)


def test_the_environment_is_put_back_and_a_later_run_is_its_own():
    before = dict(os.environ)
    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=log_score, count=1)
    assert dict(os.environ) == before
    with wandb.init(project="other") as run:
        assert not run.group and dict(run.config) == {}
    assert len(local.runs(sweep_id)[0].rows) == 2  # the later run did not write into the sweep


def test_a_run_left_open_is_closed_and_recorded():
    def forgets_to_finish():
        run = wandb.init()
        run.log({"score": run.config.a})

    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=forgets_to_finish, count=2)
    assert wandb.run is None
    assert [run.summary["score"] for run in local.runs(sweep_id)] == [1, 1]


def test_what_is_logged_in_parts_is_one_row_and_pictures_stay_out_of_the_store():
    def logs_in_parts():
        with wandb.init() as run:
            run.log({"score": np.float32(0.5)}, commit=False)
            run.log({"loss": 1.0, "weights": wandb.Histogram([1, 2, 3])})
            run.log({"score": 0.75}, step=5)
            run.log({"score": 9.0}, step=2)  # a step that is over: wandb drops it

    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=logs_in_parts, count=1)
    assert local.runs(sweep_id)[0].rows == [
        {"_step": 0, "score": 0.5, "loss": 1.0},
        {"_step": 5, "score": 0.75},
    ]


def test_the_summary_is_the_one_that_define_metric_asks_for():
    def keeps_the_best():
        with wandb.init() as run:
            run.define_metric("score", summary="max")
            for score in (0.2, 0.9, 0.4):
                run.log({"score": score})

    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=keeps_the_best, count=1)
    assert local.runs(sweep_id)[0].summary["score"] == {"max": 0.9}


def test_numbers_of_torch_and_numpy_are_kept_as_numbers():
    def logs_tensors():
        with wandb.init() as run:
            run.log({"score": torch.tensor(0.5), "n": np.array(0.25), "f": np.float32(1), "i": 2})

    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=logs_tensors, count=1)
    assert local.runs(sweep_id)[0].rows == [{"_step": 0, "score": 0.5, "n": 0.25, "f": 1.0, "i": 2}]
    numpy_values = {"method": "grid", "parameters": {"a": {"values": list(np.arange(2))}}}
    numbered = local.sweep(numpy_values)
    local.agent(numbered, function=logs_tensors)
    assert [run.config for run in local.runs(numbered)] == [{"a": 0}, {"a": 1}]


def test_another_run_inside_the_function_is_left_alone():
    def with_a_side_run():
        with wandb.init() as run:
            side = wandb.init(reinit="create_new", id="side", project="side")
            run.log({"score": 1})
            side.log({"score": 100, "aux": 1})
            side.finish()
            run.log({"score": 2})

    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=with_a_side_run, count=1)
    run = local.runs(sweep_id)[0]
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
    assert [run.state for run in local.runs(sweep_id)] == ["finished"] * 2


def test_disabled_stays_disabled_and_the_last_values_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=log_score, count=2)
    assert [run.summary["score"] for run in local.runs(sweep_id)] == [1, 3]
    assert not list(tmp_path.glob("wandb/*-run-*"))


def test_a_run_takes_the_name_that_the_function_gives_it():
    def names_itself():
        with wandb.init(name=f"scale-{0.5}") as run:
            run.log({"score": 1})

    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=names_itself, count=1)
    assert local.runs(sweep_id)[0].name == "scale-0.5"


# --- failures ---------------------------------------------------------------------------------------------


def test_a_failing_run_is_recorded_with_its_error_and_the_sweep_goes_on(capsys):
    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=fail_if_two)
    runs = local.runs(sweep_id)
    assert [run.state for run in runs] == ["finished"] * 2 + ["failed"] * 2 + ["finished"] * 2
    assert runs[2].error == "RuntimeError: two is too much"
    assert runs[2].summary["score"] == 1  # what it had logged
    assert "run 3/6 failed | RuntimeError: two is too much | a 2, b 0.5" in capsys.readouterr().out


def test_a_run_left_open_by_an_error_is_closed_as_failed(monkeypatch):
    exits = []
    real = wandb.Run.finish
    monkeypatch.setattr(
        wandb.Run,
        "finish",
        lambda run, exit_code=None: exits.append(exit_code) or real(run, exit_code),
    )

    def fails_without_with():
        run = wandb.init()
        run.log({"score": 3})
        raise RuntimeError("left open")

    sweep_id = local.sweep(GRID)
    with pytest.raises(SweepError):
        local.agent(sweep_id, function=fails_without_with, count=1)
    assert exits == [1] and wandb.run is None
    assert local.runs(sweep_id)[0].summary["score"] == 3


def test_sys_exit_ends_the_run_and_not_the_sweep():
    def leaves():
        with wandb.init() as run:
            if run.config.a == 1:
                sys.exit("enough")
            run.log({"score": 1})

    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=leaves)
    assert [run.state for run in local.runs(sweep_id)] == ["failed"] * 2 + ["finished"] * 4
    assert local.runs(sweep_id)[0].error == "SystemExit: enough"


def test_a_run_that_loses_wandb_s_background_process_fails_alone():
    def lose_it():
        with wandb.init() as run:
            run.log({"score": 1})
            if run.config.a == 2:
                kill_wandb()
                raise RuntimeError("lost")

    config = {"method": "grid", "parameters": {"a": {"values": [1, 2, 3]}}}
    sweep_id = local.sweep(config)
    local.agent(sweep_id, function=lose_it)
    assert [run.state for run in local.runs(sweep_id)] == ["finished", "failed", "finished"]


def kill_wandb():
    for child in psutil.Process().children(recursive=True):
        child.kill()


def test_a_configuration_that_met_a_dead_wandb_is_run_again():
    def log_and_kill():
        with wandb.init() as run:
            run.log({"score": 1})
            first = run.config.a == 1
        if first and not killed:
            killed.append(True)
            kill_wandb()

    killed = []
    config = {"method": "grid", "parameters": {"a": {"values": [1, 2, 3]}}}
    sweep_id = local.sweep(config)
    local.agent(sweep_id, function=log_and_kill)
    assert [run.state for run in local.runs(sweep_id)] == ["finished", "killed", "finished"]
    local.agent(sweep_id, function=log_and_kill)
    assert [run.state for run in local.runs(sweep_id)] == ["finished"] * 3


def test_a_connection_that_the_function_itself_loses_is_a_failure():
    def ask_a_server_that_is_down():
        with wandb.init():
            raise ConnectionRefusedError("the reader's own server")

    sweep_id = local.sweep(GRID)
    with pytest.raises(SweepError, match="all 3 runs failed"):
        local.agent(sweep_id, function=ask_a_server_that_is_down)
    assert {run.state for run in local.runs(sweep_id)} == {"failed"}


def test_a_wandb_that_never_starts_ends_the_agent(monkeypatch):
    def refuse(*_):
        raise ConnectionRefusedError("nobody there")

    monkeypatch.setattr("wandb.sdk.lib.service.service_process.start", refuse)
    sweep_id = local.sweep(GRID)
    with pytest.raises(SweepError, match="all 3 runs failed; the last one: ConnectionRefusedError"):
        local.agent(sweep_id, function=log_score)
    assert {run.state for run in local.runs(sweep_id)} == {"killed"}  # to be run again


def test_an_error_that_is_its_own_cause_is_a_failure_like_any_other():
    def fail_in_a_ring():
        with wandb.init():
            error = ValueError("a ring")
            raise error from error

    sweep_id = local.sweep(GRID)
    with pytest.raises(SweepError, match="ValueError: a ring"):
        local.agent(sweep_id, function=fail_in_a_ring, count=1)


def test_an_interrupt_is_one_even_if_wandb_dies_of_it():
    def interrupted():
        with wandb.init() as run:
            run.log({"score": 1})
            kill_wandb()
            raise KeyboardInterrupt

    sweep_id = local.sweep({"method": "grid", "parameters": {"a": {"values": [1, 2]}}})
    with pytest.raises(KeyboardInterrupt):
        local.agent(sweep_id, function=interrupted)
    assert [run.state for run in local.runs(sweep_id)] == ["killed"]


def test_a_logged_list_is_kept_as_it_was_then():
    def log_the_same_list():
        counts = [0]
        with wandb.init() as run:
            for counts[0] in (1, 2, 3):
                run.log({"counts": counts, "score": 1})

    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=log_the_same_list, count=1)
    assert [row["counts"] for row in local.runs(sweep_id)[0].rows] == [[1], [2], [3]]


def test_a_table_in_the_log_is_left_to_wandb():
    def log_table():
        with wandb.init() as run:
            run.log({"table": pd.DataFrame({"a": [1, 2]}, index=[0, 0]), "score": 1})

    sweep_id = local.sweep({"method": "grid", "parameters": {"a": {"values": [1]}}})
    local.agent(sweep_id, function=log_table)
    assert local.runs(sweep_id)[0].rows == [{"_step": 0, "score": 1}]


@pytest.mark.parametrize("logged", [{"score": math.nan}, {"score": math.inf}])
def test_a_result_that_is_no_number_is_not_a_metric_that_was_never_logged(logged):
    def log():
        with wandb.init() as run:
            run.log(logged)

    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=log, count=2)
    assert len(local.runs(sweep_id)) == 2


def test_a_metric_inside_a_dict_has_a_dotted_name():
    def log():
        with wandb.init() as run:
            run.log({"val": {"score": run.config.a}})

    sweep_id = local.sweep(
        GRID | {"metric": {"name": "val.score", "goal": "maximize", "target": 2}}
    )
    local.agent(sweep_id, function=log)
    assert local.runs(sweep_id)[-1].config["a"] == 2


def test_the_traceback_of_a_failure_is_shown_once(capsys):
    def fails_before_init():
        [][1]

    def fails_inside():
        with wandb.init():
            [][2]

    for function in (fails_before_init, fails_inside):
        sweep_id = local.sweep(GRID)
        with pytest.raises(SweepError) as refusal:
            local.agent(sweep_id, function=function, count=1)
        assert isinstance(refusal.value.__cause__, IndexError)
        err = capsys.readouterr().err
        assert err.count("Traceback") == 1 and function.__name__ in err


def test_late_failures_do_not_end_the_agent(monkeypatch):
    clock = iter(range(0, 10_000, 100))
    monkeypatch.setattr(local, "time", SimpleNamespace(monotonic=lambda: next(clock)))

    def fails_except_last():
        with wandb.init() as run:
            if run.config.a < 3:
                raise RuntimeError("no")
            run.log({"score": 1})

    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=fails_except_last)
    assert [run.state for run in local.runs(sweep_id)] == ["failed"] * 4 + ["finished"] * 2


def test_a_success_after_early_failures_is_not_the_end():
    order = iter([True, True, False, False, True])

    def fails_now_and_then():
        with wandb.init() as run:
            if next(order):
                raise RuntimeError("now")
            run.log({"score": 1})

    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=fails_now_and_then)
    states = [run.state for run in local.runs(sweep_id)]
    assert states == ["failed", "failed", "finished", "finished", "failed"]


def test_failed_configurations_are_not_repeated_and_the_agent_says_so(capsys):
    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=fail_if_two)
    local.agent(sweep_id, function=log_score)
    assert [run.state for run in local.runs(sweep_id)].count("failed") == 2
    assert "nothing left to run" in capsys.readouterr().out


def test_three_early_failures_end_the_agent_and_all_failed_is_an_error(capsys):
    def always_fails():
        raise RuntimeError("no")

    sweep_id = local.sweep(GRID)
    with pytest.raises(SweepError, match="all 3 runs failed; the last one: RuntimeError: no"):
        local.agent(sweep_id, function=always_fails)
    assert len(local.runs(sweep_id)) == 3
    assert "like W&B's agent" in capsys.readouterr().out


def test_failures_in_a_row_can_end_the_agent_sooner():
    sweep_id = local.sweep(GRID)
    local.agent(sweep_id, function=fail_if_two, max_consecutive_failed_runs=1)
    assert [run.state for run in local.runs(sweep_id)] == ["finished", "finished", "failed"]


def test_a_function_that_never_calls_init_is_told_so():
    with pytest.raises(SweepError, match=r"opened no W&B run"):
        local.agent(local.sweep(GRID), function=lambda: None, count=1)


def test_a_sweep_whose_folder_is_deleted_says_so_at_once(tmp_path):
    def delete():
        log_score()
        shutil.rmtree(tmp_path / "wandb" / "local-sweeps")

    sweep_id = local.sweep(GRID)
    with pytest.raises(SweepError, match=f"{sweep_id} was deleted while"):
        local.agent(sweep_id, function=delete)


def test_interrupting_leaves_a_sweep_that_goes_on():
    def interrupts_at_third():
        log_score()
        if len(local.runs(sweep_id)) == 3:
            raise KeyboardInterrupt

    sweep_id = local.sweep(GRID)
    with pytest.raises(KeyboardInterrupt):
        local.agent(sweep_id, function=interrupts_at_third)
    assert [run.state for run in local.runs(sweep_id)] == ["finished", "finished", "killed"]
    local.agent(sweep_id, function=log_score)
    assert [run.config for run in local.runs(sweep_id)] == local.grid_points(GRID)
    assert {run.state for run in local.runs(sweep_id)} == {"finished"}


@pytest.mark.slow
def test_the_configuration_of_a_killed_process_is_run_again():
    script = textwrap.dedent("""
        import sys, time, wandb
        from sudoku_sweep import local

        def train():
            with wandb.init() as run:
                run.log({"score": 1})
                if len(local.runs(sys.argv[1])) == 2:
                    print("in the second run", flush=True)
                    time.sleep(60)

        local.agent(sys.argv[1], function=train)
    """)
    sweep_id = local.sweep(GRID)
    agent = subprocess.Popen(
        [sys.executable, "-c", script, sweep_id], stdout=subprocess.PIPE, text=True
    )
    while "in the second run" not in agent.stdout.readline():
        assert agent.poll() is None
    assert [run.state for run in local.runs(sweep_id)] == ["finished", "running"]
    first = local.runs(sweep_id)[0].id
    agent.send_signal(signal.SIGKILL)
    agent.wait()
    agent.stdout.close()
    assert [run.state for run in local.runs(sweep_id)] == ["finished", "crashed"]
    local.agent(sweep_id, function=log_score)
    runs = local.runs(sweep_id)
    assert runs[0].id == first
    assert [run.config for run in runs] == local.grid_points(GRID)
    assert {run.state for run in runs} == {"finished"}


SHARED_AGENT = """
import sys, time, wandb

def train():
    with wandb.init() as run:
        run.log({"score": run.config.a})

local.agent(sys.argv[1], function=train)
"""


@pytest.mark.slow
def test_agents_that_share_a_sweep_run_every_configuration_once():
    points = {"a": {"values": list(range(12))}, "b": {"values": list(range(5))}}
    sweep_id = local.sweep({"method": "grid", "parameters": points})
    command = [sys.executable, "-c", SHARED_AGENT, sweep_id]
    agents = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    seen = []
    while any(agent.poll() is None for agent in agents):
        seen += [run.state for run in local.runs(sweep_id)]  # looking on disturbs nobody
    lines = [line for agent in agents for line in agent.communicate()[0].splitlines()]
    ran = sorted(int(line.split()[1].split("/")[0]) for line in lines if line.startswith("run "))
    assert ran == list(range(1, 61))
    assert [run.state for run in local.runs(sweep_id)] == ["finished"] * 60
    assert "crashed" not in seen and "running" in seen


# --- what is refused --------------------------------------------------------------------------------------


RANDOM = {"method": "random", "run_cap": 2, "parameters": {"a": {"min": 1, "max": 9}}}


@pytest.mark.parametrize(
    "config, word",
    [
        (None, "at least one parameter"),
        ({"parameters": {"a": {"value": 1}}}, "method None"),
        (GRID | {"method": "hill-climbing"}, "'grid', 'random' or 'bayes'"),
        (GRID | {"parameters": {}}, "at least one parameter"),
        (GRID | {"parameters": {"a": {"min": 0.0, "max": 1.0}}}, "use method: random"),
        (GRID | {"run_cap": 0}, "run_cap=0"),
        (GRID | {"early_stop": {}}, "no 'early_stop' here; it has method, metric"),
        (GRID | {"name": datetime.date(2026, 10, 1)}, "name is datetime.*: give text"),
        (GRID | {"project": 2026}, "project is 2026: give text"),
        (GRID | {"metric": "score"}, "metric 'score': write"),
        (GRID | {"metric": None}, "metric None: write"),
        (GRID | {"metric": {"name": "score", "goal": "max"}}, "'minimize' or 'maximize'"),
        (GRID | {"metric": {"name": "score", "direction": "up"}}, "no 'direction' here"),
        (GRID | {"metric": {"name": "score", "target": "high"}}, "target is 'high'"),
        (GRID | {"early_terminate": {"type": "median"}}, "write {'type': 'hyperband'"),
        (RANDOM | {"early_terminate": {"type": "hyperband", "min_iter": 1}}, "needs a metric"),
        (RANDOM | {"method": "bayes"}, "method bayes needs a metric"),
        (
            RANDOM | {"parameters": {"a": {"distribution": "log_uniform", "min": 16, "max": 1024}}},
            "log_uniform_values",
        ),
        (
            GRID | {"early_terminate": {"type": "hyperband", "min_iter": 3, "max_iter": 27}},
            "either min_iter",
        ),
        (GRID | {"project": "a/b"}, "Invalid project name"),
        (GRID | {"method": "bayes", "parameters": {"a": {"value": 1}}}, "nothing to search"),
        (RANDOM | {"parameters": {"a": {"min": "1e-5", "max": 1e-3}}}, "min is '1e-5'; .* 1.0e-5"),
        (RANDOM | {"parameters": {"a": {"parameters": {"b": {"max": 1}}}}}, r"parameter a\.b"),
    ],
)
def test_a_sweep_that_cannot_be_run_is_refused_and_nothing_is_written(config, word, tmp_path):
    with pytest.raises(SweepError, match=word):
        local.sweep(config)
    assert list(tmp_path.iterdir()) == []


def test_what_needs_a_server_is_refused():
    with pytest.raises(SweepError, match="prior_runs need W&B's server"):
        local.sweep(GRID, prior_runs=["abc"])


def test_agents_refuse_what_they_cannot_run():
    sweep_id = local.sweep(GRID)
    for unknown in ("00000000", "../../x", "", None, "no/such/00000000"):
        with pytest.raises(SweepError, match="no local sweep"):
            local.agent(unknown, function=log_score)
    with pytest.raises(SweepError, match="function"):
        local.agent(sweep_id)
    endless = local.sweep({"method": "random", "parameters": {"a": {"values": [1]}}})
    with pytest.raises(SweepError, match="never ends"):
        local.agent(endless, function=log_score)
    for wrong in (0, -1, 1.5):
        with pytest.raises(SweepError, match="count="):
            local.agent(sweep_id, function=log_score, count=wrong)
    with pytest.raises(SweepError, match="max_consecutive_failed_runs"):
        local.agent(sweep_id, function=log_score, max_consecutive_failed_runs=0)
    run = wandb.init(project="open")
    with pytest.raises(SweepError, match="still open"):
        local.agent(sweep_id, function=log_score)
    run.finish()


def test_the_latest_sweep_is_found():
    with pytest.raises(SweepError, match="Cell 10"):
        local.latest_sweep()
    local.sweep(GRID)
    time.sleep(0.02)
    latest = local.sweep(GRID)
    assert local.latest_sweep() == latest
    assert json.loads((local._store() / latest / "sweep.json").read_text())["config"] == GRID


# --- early stopping ---------------------------------------------------------------------------------------

HYPERBAND = {"type": "hyperband", "min_iter": 2, "eta": 2}
STOPPABLE = GRID | {"early_terminate": HYPERBAND}


def log_slowly_growing():
    with wandb.init() as run:
        for epoch in (1, 2, 3, 4, 5):
            run.log({"epoch": epoch, "score": epoch / run.config.a})


def test_hopeless_runs_are_stopped_inside_log_and_shown_as_such(capfd):
    sweep_id = local.sweep(STOPPABLE)
    local.agent(sweep_id, function=log_slowly_growing)
    runs = local.runs(sweep_id)
    assert [run.state for run in runs] == ["finished"] * 2 + ["stopped"] * 4
    assert [len(run.rows) for run in runs] == [5, 5, 2, 4, 2, 2]  # of equals, eta lets one go on
    assert runs[2].error == "score after logging it 2 times, 1; the best runs were at 2 or above"
    assert runs[2].summary["score"] == 1 and runs[2].config["a"] == 2
    out, err = capfd.readouterr()
    assert "run 3/6 stopped | score after logging it 2 times" in out and "Traceback" not in err
    local.agent(sweep_id, function=log_slowly_growing)  # stopped runs are done
    assert len(local.runs(sweep_id)) == 6


def test_a_stopped_run_is_closed_without_failure(monkeypatch):
    exits = []
    real = wandb.Run._finish
    monkeypatch.setattr(
        wandb.Run,
        "_finish",
        lambda run, exit_code=None: exits.append(exit_code) or real(run, exit_code),
    )

    def leaves_it_open():
        run = wandb.init()
        for epoch in (1, 2, 3, 4, 5):
            run.log({"epoch": epoch, "score": epoch / run.config.a})

    for function in (log_slowly_growing, leaves_it_open):
        sweep_id = local.sweep(STOPPABLE)
        local.agent(sweep_id, function=function, count=3)
        assert local.runs(sweep_id)[-1].state == "stopped"
    assert len(exits) == 6 and not any(exits)


def test_a_metric_inside_a_dict_is_found_by_its_dotted_name(capsys):
    def log_nested():
        with wandb.init() as run:
            for epoch in (1, 2, 3):
                run.log({"epoch": epoch, "val": {"score": epoch / run.config.a}})

    metric = {"name": "val.score", "goal": "maximize"}
    sweep_id = local.sweep(STOPPABLE | {"metric": metric})
    local.agent(sweep_id, function=log_nested, count=3)
    assert [run.state for run in local.runs(sweep_id)] == ["finished"] * 2 + ["stopped"]
    assert "run 1/6 finished | val.score 3 | " in capsys.readouterr().out


def test_code_that_catches_every_exception_swallows_the_stop_as_with_wandb():
    def swallows():
        with wandb.init() as run:
            for epoch in (1, 2, 3):
                with contextlib.suppress(Exception):
                    run.log({"score": epoch / run.config.a})

    sweep_id = local.sweep(STOPPABLE)
    local.agent(sweep_id, function=swallows, count=3)
    assert [run.state for run in local.runs(sweep_id)] == ["finished"] * 3


def test_agents_judge_runs_by_those_of_other_agents_that_still_go_on():
    best_third = {"type": "hyperband", "min_iter": 2, "eta": 3}
    sweep_id = local.sweep(GRID | {"early_terminate": best_third})

    def waits_for_a_worse_one():
        with wandb.init() as run:
            for epoch in (1, 2):
                run.log({"score": 10 * epoch})
            command = [sys.executable, "-c", WORSE_AGENT, sweep_id]
            subprocess.run(command, check=True, timeout=100)
            run.log({"score": 30})

    local.agent(sweep_id, function=waits_for_a_worse_one, count=1)
    assert [run.state for run in local.runs(sweep_id)] == ["finished", "stopped"]


WORSE_AGENT = """
import sys, wandb

def train():
    with wandb.init() as run:
        for epoch in (1, 2, 3):
            run.log({"score": epoch})

local.agent(sys.argv[1], function=train, count=1)
"""


def test_what_is_logged_between_values_of_the_metric_does_not_count():
    def logs_other_things():
        with wandb.init() as run:
            for _ in range(20):
                run.log({"loss": 1.0})
            run.log({"score": -run.config.a})

    sweep_id = local.sweep(STOPPABLE)
    local.agent(sweep_id, function=logs_other_things)
    assert [run.state for run in local.runs(sweep_id)] == ["finished"] * 6


# --- random search and bayes ----------------------------------------------------------------------------------------


def test_a_random_sweep_ends_at_its_run_cap_and_draws_from_the_ranges():
    config = {
        "method": "random",
        "run_cap": 4,
        "parameters": {"a": {"min": 1, "max": 3}, "b": {"min": 0.0, "max": 1.0}},
    }
    sweep_id = local.sweep(config)
    local.agent(sweep_id, function=log_score, count=3)
    local.agent(sweep_id, function=log_score)
    runs = local.runs(sweep_id)
    assert len(runs) == 4
    assert all(run.config["a"] in (1, 2, 3) and 0 <= run.config["b"] < 1 for run in runs)
    assert len({run.config["b"] for run in runs}) == 4


def test_nested_parameters_reach_the_function_nested():
    entry = {"parameters": {"width": {"values": [8, 16]}, "depth": {"value": 2}}}
    seen = []

    def look():
        with wandb.init() as run:
            seen.append((run.config["model"]["width"], run.config.model["depth"]))

    sweep_id = local.sweep({"method": "grid", "parameters": {"model": entry}})
    local.agent(sweep_id, function=look)
    assert seen == [(8, 2), (16, 2)]
    assert local.runs(sweep_id)[1].config == {"model": {"depth": 2, "width": 16}}


def test_bayes_learns_from_the_runs_before(monkeypatch):
    monkeypatch.setattr(local.secrets, "randbits", lambda bits: 0)  # the sweep's seed
    config = {
        "method": "bayes",
        "metric": {"name": "loss"},
        "run_cap": 10,
        "parameters": {"x": {"min": 0.0, "max": 1.0}},
    }

    def bowl():
        with wandb.init() as run:
            run.log({"loss": (run.config.x - 0.8) ** 2})

    sweep_id = local.sweep(config)
    local.agent(sweep_id, function=bowl)
    tried = [run.config["x"] for run in local.runs(sweep_id)]
    assert len(set(tried)) == 10 and np.abs(np.array(tried[5:]) - 0.8).min() < 0.01


def test_an_interrupted_run_of_bayes_is_tried_again_as_it_was():
    config = {
        "method": "bayes",
        "metric": {"name": "loss"},
        "parameters": {"x": {"min": 0.0, "max": 1.0}},
    }
    seen = []

    def interrupts_at_sixth():
        with wandb.init() as run:
            seen.append(run.config.x)
            run.log({"loss": run.config.x})
            if len(seen) == 6:
                raise KeyboardInterrupt

    sweep_id = local.sweep(config)
    with pytest.raises(KeyboardInterrupt):
        local.agent(sweep_id, function=interrupts_at_sixth, count=8)
    local.agent(sweep_id, function=interrupts_at_sixth, count=1)
    assert seen[5] == seen[6] == local.runs(sweep_id)[5].config["x"]


def test_a_sweep_ends_when_its_target_is_reached(capsys):
    config = GRID | {"metric": {"name": "score", "goal": "maximize", "target": 3}}
    sweep_id = local.sweep(config)
    local.agent(sweep_id, function=log_score)
    assert [run.summary["score"] for run in local.runs(sweep_id)] == [1, 3]
    assert "has reached its target" in capsys.readouterr().out


def test_a_metric_that_is_never_logged_is_noticed_after_the_first_run():
    config = GRID | {"metric": {"name": "val_acuracy", "goal": "maximize"}}
    sweep_id = local.sweep(config)
    with pytest.raises(SweepError, match=r"'val_acuracy' was not logged .* epoch, score\. Name"):
        local.agent(sweep_id, function=log_score)
    assert len(local.runs(sweep_id)) == 1
