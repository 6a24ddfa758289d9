import contextlib
import dataclasses
import io
import itertools
import math
import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pandas as pd
import psutil
import pytest
import snippets
import torch
import wandb
import yaml
from click.testing import CliRunner
from tiny_sweep import GRID, METRIC, log_score, ran, states, untimed
from wandb.cli.cli import cli
from wandb.sdk.lib.service.service_port_file import ServicePollForTokenError

from sudoku_sweep import local
from sudoku_sweep.local import StoppedEarly, SweepError, agents, store, wandb_file, wandb_internals
from sudoku_sweep.local.metric import Metric

pytestmark = pytest.mark.usefixtures("in_tmp_path")
UNJUDGED = {"method": "grid", "parameters": GRID["parameters"]}
THREE = {"method": "grid", "parameters": {"a": {"values": [1, 2, 3]}}}


def log(row):
    """A training function that logs this."""

    def train():
        with wandb.init() as run:
            run.log(row)

    return train


def fail_if_two(error=RuntimeError):
    with wandb.init() as run:
        run.log({"score": 1})
        if run.config.a == 2:
            raise error("two is too much")


def kill_wandb():
    for child in psutil.Process().children(recursive=True):
        child.kill()


def exit_codes(runs):
    """The exit codes that wandb has written."""
    return [wandb_file.read_into(run, wandb_file.find(Path.cwd(), run.id)) for run in runs]


def test_every_configuration_runs_once_in_grid_order_and_is_recorded():
    sweep_id = local.sweep(GRID)
    assert len(ran(log_score, sweep_id, count=2)) == 2
    runs = ran(log_score, sweep_id, count=10)
    assert [run.config for run in runs] == list(local.grid(GRID))
    assert set(states(runs)) == {"finished"}
    for run in runs:
        score = run.config["a"] * run.config["b"]
        rows = [{"_step": n, "epoch": n + 1, "score": score * (n + 1)} for n in (0, 1)]
        assert (
            untimed(run.rows) == rows
            and {"epoch": 2, "score": 2 * score}.items() <= run.summary.items()
        )
        assert run.seconds > 0 and run.error is None


def test_runs_are_real_offline_runs_of_the_project_in_one_group_and_leave_no_trace_in_wandb():
    seen = []

    def look():
        with wandb.init() as run:
            seen.extend((run.project, run.group, run.name, run.id, run.offline, run.sweep_id))
            seen.append(os.environ["WANDB_SWEEP_ID"])
            child = "import os; print('WANDB_SWEEP_ID' in os.environ)"
            seen.append(subprocess.check_output([sys.executable, "-c", child], text=True))
            run.log({"score": 1})
            seen.extend(states(local.runs(sweep_id)))  # looking on disturbs nobody

    sweep_id = local.sweep(GRID, project="mine")
    (run,) = ran(look, sweep_id, count=1)
    ids = [run.id, True, sweep_id, sweep_id, "False\n"]
    assert seen == ["mine", f"sweep-{sweep_id}", "run-1", *ids, "running"]
    (written,) = store.store().parent.glob(f"offline-run-*-{run.id}/run-{run.id}.wandb")
    assert sweep_id.encode() in written.read_bytes()  # the group's name
    records = wandb_file._records(written.read_bytes())
    # with one, `wandb sync` would be refused
    assert not any(record.run.sweep_id for record in records)
    with wandb.init(project="other") as later:
        assert not later.group and dict(later.config) == {}


@pytest.mark.parametrize("given", [None, "false"])
def test_wandb_says_nothing_of_a_run_unless_it_is_asked_to(monkeypatch, capfd, given):
    monkeypatch.setenv("WANDB_SILENT", given or "")
    if given is None:
        monkeypatch.delenv("WANDB_SILENT")
    ran(log_score, count=1)
    assert ("wandb: " in capfd.readouterr().err) == (given == "false")


def test_a_huge_grid_is_no_obstacle():
    values = {"distribution": "q_uniform", "min": 0.0, "max": 1e12, "q": 0.25}
    huge = {"method": "grid", "parameters": {"a": {"min": 1, "max": 10**9}, "b": values}}
    (run,) = ran(log({"score": 1}), huge, count=1)
    assert run.config == {"a": 1, "b": 0.0}


def test_what_is_logged_is_kept_as_numbers_in_the_rows_that_wandb_makes_of_it():
    counts, given = [1], {"seed": 2**63 + 1, "net": {"_type": "no medium"}}

    def train():
        with wandb.init(name="my-run", config=given) as run:
            run.define_metric("score", summary="min")
            run.log({"score": np.float32(0.5), "counts": counts, "a.b": 1}, commit=False)
            counts[0] = 2  # too late for the row above
            run.log({"loss": torch.tensor(1.0), "weights": wandb.Histogram([1, 2, 3])})
            run.log({"score": np.array(0.75), "table": pd.DataFrame({"a": [1]})}, step=5)
            run.log({"score": 9.0}, step=2)  # a step that is over: wandb drops it
            run.summary["noted"] = {"wrong": 1, "right": 2}
            del run.summary["noted"]["wrong"], run.summary["counts"]
            run.log({"a": {"b": 2, "text": "two"}, "last": math.inf}, commit=False)

    runs = ran(train, {"method": "grid", "parameters": {"a": {"values": list(np.arange(2))}}})
    assert [run.config for run in runs] == [{"a": at} | given for at in (0, 1)]
    first = {"_step": 0, "score": 0.5, "counts": [1], "a.b": 1, "loss": 1.0}
    last = {"_step": 5, "score": 0.75, "a": {"b": 2, "text": "two"}, "last": math.inf}
    assert untimed(runs[0].rows) == [first, last] and runs[0].name == "my-run"
    summary = {"score": {"min": 0.5}, "a.b": 1, "a": {"b": 2, "text": "two"}, "last": math.inf}
    assert (summary | {"noted": {"right": 2}}).items() <= runs[0].summary.items()
    assert not {"weights", "table", "_wandb", "counts"} & runs[0].summary.keys()


def test_where_wandb_is_disabled_a_sweep_keeps_its_runs_here_all_the_same(monkeypatch, tmp_path):
    monkeypatch.delenv("WANDB_MODE")
    assert CliRunner().invoke(cli, ["disabled"]).exit_code == 0
    wandb.teardown()
    wandb.init().finish()  # wandb keeps such a run as ``wandb.run``, though it is over
    assert [run.summary["score"] for run in ran(log_score, count=2)] == [1, 3]
    assert len(list(tmp_path.glob("wandb/offline-run-*"))) == 2


def test_the_examples_of_the_readme_run(capsys):
    readme = (Path(local.__file__).parent / "README.md").read_text("utf-8")
    first, wider, repeated, search = snippets.blocks(readme)
    names = {}
    exec(first, names)
    assert "{'learning_rate': 0.1}" in capsys.readouterr().out.splitlines()[-1]
    exec(wider + repeated, names)
    runs = [local.runs(names[name]) for name in ("second_id", "third_id")]
    assert [run.config["learning_rate"] for run in runs[0]] == [0.01, 0.03, 0.1, 0.3]
    assert [run.id for run in runs[0][:3]] == [run.id for run in local.runs(names["sweep_id"])]
    best = [{"learning_rate": rate, "seed": seed} for rate in (0.3, 0.1) for seed in (0, 1, 2)]
    assert [run.config for run in runs[1]] == best

    def train():
        with wandb.init() as run:
            for step in range(3):
                run.log({"loss": run.config.get("depth", 5) + run.config.get("width", 0) + step})

    Path("search.py").write_text(search)
    (conditional,) = (yaml.safe_load(text) for text in snippets.blocks(readme, "yaml"))
    runs = ran(train, conditional)
    assert len(runs) == 20 and {"finished", "stopped"} == set(states(runs))


def test_what_cannot_be_run_is_refused():
    sweep_id = local.sweep(GRID)
    endless = local.sweep({"method": "random", "parameters": {"a": {"values": [1]}}})
    refused = [("no local sweep", id_, {}) for id_ in ("00000000", "../../x", "", None)]
    refused += [("function", sweep_id, {"function": None}), ("never ends", endless, {})]
    for words, id_, arguments in [*refused, ("count is 0", sweep_id, {"count": 0})]:
        with pytest.raises(SweepError, match=words):
            local.agent(id_, **{"function": log_score} | arguments)
    with wandb.init(project="open"), pytest.raises(SweepError, match="still open"):
        local.agent(sweep_id, function=log_score)


def test_a_failing_run_is_recorded_left_out_with_a_word_and_run_again_when_asked_for(capsys):
    sweep_id = local.sweep(GRID)
    runs = ran(fail_if_two, sweep_id)
    assert states(runs) == ["finished"] * 2 + ["failed"] * 2 + ["finished"] * 2
    assert runs[2].error == "RuntimeError: two is too much"
    assert runs[2].summary["score"] == 1  # what it had logged
    told = "left out: 2 that failed; retry_failed=True (in a terminal: --retry-failed)"
    out = capsys.readouterr().out
    assert "run 3/6 failed | RuntimeError: two is too much | a 2, b 0.5" in out
    assert "run 1/6 finished | score 1 | a 1, b 0.5" in out and out.count(told) == 1
    assert states(ran(log_score, sweep_id)) == states(runs)
    out = capsys.readouterr().out
    assert out.count(told) == 1 and "nothing left to run" in out
    assert states(ran(log_score, sweep_id, retry_failed=True)) == ["finished"] * 6
    assert "that failed" not in capsys.readouterr().out
    assert states(ran(lambda: fail_if_two(SystemExit))) == states(runs)


def test_a_run_left_open_is_closed_and_only_one_with_an_error_as_failed():
    errors = iter((RuntimeError("now"), StoppedEarly("worse"), None))

    def never_finishes():
        error = next(errors)
        wandb.init(reinit=None if error else "create_new").log({"score": 3})
        if error:
            raise error

    runs = ran(never_finishes, count=3)
    assert states(runs) == ["failed", "stopped", "finished"] and wandb.run is None
    assert exit_codes(runs) == [1, 0, 0] and {run.summary["score"] for run in runs} == {3}


def test_a_run_that_loses_wandb_s_process_is_run_again_as_is_one_that_met_none():
    tries = itertools.count(1)

    def lose_it():
        at = next(tries)
        if at == 3:
            kill_wandb()
        with wandb.init():
            if at == 1:
                kill_wandb()

    sweep_id = local.sweep(THREE)
    assert states(ran(lose_it, sweep_id)) == ["killed", "finished", "killed"]
    assert states(ran(lose_it, sweep_id)) == ["finished"] * 3


def test_wandb_s_process_may_die_while_it_is_shut_down(monkeypatch):
    monkeypatch.setattr(wandb, "teardown", mock.Mock(side_effect=SystemExit(-9)))  # what it does
    wandb_internals.shut_down()


def test_a_run_that_ended_well_although_its_agent_was_gone_is_recorded_and_not_run_again(capsys):
    runs = ran(log_score, sweep_id := local.sweep(GRID), count=2)
    sweep = store.open_sweep(sweep_id)
    for run in runs:  # as a kill leaves them, the second one before its end
        sweep.save(dataclasses.replace(run, state="running", seconds=0.0, rows=[]))
    wandb_file.find(Path.cwd(), runs[1].id).unlink()
    first, second = ran(log_score, sweep_id, count=1)
    assert (first.id, first.state, first.rows) == (runs[0].id, "finished", runs[0].rows)
    assert first.seconds == first.summary["_runtime"]
    assert second.id != runs[1].id and second.state == "finished"
    assert "run 1 ended well after its agent was gone" in capsys.readouterr().out


RING = ConnectionError("a ring")
RING.__cause__ = RING  # an error that is its own cause is one, too


@pytest.mark.parametrize("wandb_starts, state", [(True, "failed"), (False, "killed")])
def test_early_failures_end_the_agent(monkeypatch, capsys, wandb_starts, state):
    fail = mock.Mock(side_effect=RING if wandb_starts else ServicePollForTokenError("a ring"))
    if not wandb_starts:  # such runs are run again
        monkeypatch.setattr("wandb.sdk.lib.service.service_process._launch_server", fail)
    sweep_id = local.sweep(GRID)
    with pytest.raises(SweepError, match=r"^all 3 runs failed; .*: \w+Error: a ring$"):
        local.agent(sweep_id, function=fail if wandb_starts else log_score)
    assert states(local.runs(sweep_id)) == [state] * 3
    out = capsys.readouterr().out
    assert "stopping: 3 failed runs in 60 seconds" in out
    assert ("left out: 3 that failed; retry_failed=True" in out) == (state == "failed")


def test_an_interrupt_is_one_even_if_wandb_dies_of_it_and_the_sweep_goes_on():
    def interrupted():
        with wandb.init() as run:
            if run.config.a == 2:
                kill_wandb()
                raise KeyboardInterrupt
        raise KeyboardInterrupt  # after its end

    sweep_id = local.sweep(THREE)
    for state in ("finished", "killed"):
        with pytest.raises(KeyboardInterrupt):
            local.agent(sweep_id, function=interrupted)
        assert states(local.runs(sweep_id))[-1] == state
    assert states(ran(log({"score": 1}), sweep_id)) == ["finished"] * 3


@pytest.mark.parametrize("context", [contextlib.nullcontext, wandb.init])
def test_the_traceback_of_a_failure_is_shown_once(capsys, context):
    def fails_here():
        with context():
            [][1]

    with pytest.raises(SweepError) as refusal:
        ran(fails_here, count=1)
    assert isinstance(refusal.value.__cause__, IndexError)
    err = capsys.readouterr().err
    assert err.count("Traceback") == 1 and "fails_here" in err


@pytest.mark.parametrize(
    "seconds, turns, most_in_a_row, disabled",
    [  # late failures do not end it; early ones do, also apart, unless W&B's variable says otherwise
        (100, "ffffss", None, ""),
        (0.1, "ffssf", None, ""),
        (0.1, "fffsss", None, "true"),
        (0.1, "sff", 2, "true"),
    ],
)
def test_failures_end_the_agent_early_or_in_a_row(
    monkeypatch, seconds, turns, most_in_a_row, disabled
):
    monkeypatch.setenv("WANDB_AGENT_DISABLE_FLAPPING", disabled)
    clock = iter(np.arange(0, 10_000, seconds))
    monkeypatch.setattr(agents, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    order = iter(turns + "ssss")

    def train():
        with wandb.init():
            if next(order) == "f":
                raise RuntimeError("now")

    runs = ran(train, UNJUDGED, max_consecutive_failed_runs=most_in_a_row)
    assert "".join("f" if run.state == "failed" else "s" for run in runs) == turns


def test_a_sweep_whose_folder_is_deleted_says_so_at_once(tmp_path):
    def delete():
        log_score()
        shutil.rmtree(tmp_path / "wandb" / "local-sweeps")

    with pytest.raises(SweepError, match="was deleted while"):
        ran(delete)


def test_a_metric_that_is_never_logged_is_noticed_after_the_first_run():
    sweep_id = local.sweep(GRID | {"metric": {"name": "val_acuracy"}})
    with pytest.raises(SweepError, match=r"not logged .* as a number, but epoch 2, score 1\. Name"):
        local.agent(sweep_id, function=log_score)
    assert len(local.runs(sweep_id)) == 1
    for value in ("0.5", True):
        with pytest.raises(
            SweepError, match=f"metric 'score' as a number, but score {value!r}. Name"
        ):
            ran(log({"score": value}))
    for value in (math.nan, -math.inf):  # a bad result, not a wrong name
        assert len(ran(log({"score": value}), count=2)) == 2
    turns = iter([{"score": 1}, {"loss": 1}])
    assert len(ran(lambda: log(next(turns))(), count=2)) == 2  # later runs may lack it


def test_a_configuration_that_is_skipped_is_said_and_the_sweep_goes_on(capsys):
    def skips():
        with wandb.init() as run:
            if run.config.a == 2:
                run.finish()
                sys.exit(0)
            if run.config.a == 3:
                run.log({"score": 3})

    assert states(ran(skips, THREE | {"metric": METRIC})) == ["finished"] * 3
    out = capsys.readouterr().out
    assert "note: run 1 has logged nothing\n" in out and "note: run 2 has logged nothing\n" in out


@pytest.mark.parametrize("train", [lambda: None, lambda: wandb.init(mode="disabled").finish()])
def test_a_function_that_opens_no_run_ends_the_agent_after_one(train):
    sweep_id = local.sweep(THREE)
    with pytest.raises(SweepError, match=r"^all 1 runs failed; .* opened no W&B run .* mode="):
        local.agent(sweep_id, function=train)
    assert states(local.runs(sweep_id)) == ["failed"]


def test_a_run_that_asks_for_an_account_is_told_what_to_leave_out(monkeypatch):
    monkeypatch.setenv("NETRC", os.devnull)  # no key
    with pytest.raises(SweepError, match=r"No API key .* In this sweep, call .* without .*mode="):
        ran(lambda: wandb.init(mode="online"), count=1)


SUMMARIES = {"min": 1, "max": 3, "mean": 2, "last": 2, "first": 1, "none": 2, "min,max": 3}


def test_what_a_metric_s_summary_keeps_is_the_run_s_score(capsys):
    def train():
        with wandb.init() as run:
            run.define_metric("score", summary=run.config.kept)
            for score in (1, 3, 2):
                run.log({"score": score})

    kept = {"kept": {"values": list(SUMMARIES)}}
    runs = ran(train, {"method": "grid", "metric": METRIC, "parameters": kept})
    assert {run.config["kept"]: Metric(**METRIC).score(run) for run in runs} == SUMMARIES
    out = capsys.readouterr().out
    assert all(f"score {score} | kept {kept} |" in out for kept, score in SUMMARIES.items())


def test_a_line_has_room_for_any_value_in_any_output(monkeypatch):
    output = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", output)
    values = ["\u00e9", "x" * 100_000]
    ran(log({"score": 1}), {"method": "grid", "parameters": {"a": {"values": values}}})
    output.flush()
    lines = output.buffer.getvalue().decode("ascii")
    assert "| a \\xe9 |" in lines and f"| a {'x' * 57}... |" in lines and len(lines) < 1000


STOPPABLE = GRID | {"early_terminate": {"type": "hyperband", "min_iter": 2, "eta": 2}}


def log_slowly_growing(swallowed=()):
    with wandb.init() as run:
        for epoch in (1, 2, 3, 4, 5):
            with contextlib.suppress(*swallowed):
                score = epoch / run.config.a
                tensor = torch.tensor(score, dtype=torch.float64)  # as a loss is
                run.log({"epoch": epoch})  # a row without the metric does not count
                run.log({"score": tensor, "val": {"score": score}})


def test_hopeless_runs_are_stopped_inside_log_and_shown_as_such(capfd):
    swallowed = ran(lambda: log_slowly_growing([Exception]), STOPPABLE, count=3)
    assert states(swallowed) == ["finished"] * 3  # as with W&B's agent
    runs = ran(log_slowly_growing, STOPPABLE)
    assert states(runs) == ["finished"] * 2 + ["stopped"] * 4
    assert exit_codes(runs) == [0] * 6
    n_logged = [len(run.history(keys=["score"])) for run in runs]
    assert n_logged == [5, 5, 2, 4, 2, 2]  # of equals, eta lets one go on
    assert runs[2].error == "score after logging it 2 times, 1; the best runs were at 2 or above"
    assert runs[2].summary["score"] == 1 and runs[2].config["a"] == 2
    out, err = capfd.readouterr()
    assert "run 3/6 stopped | score after logging it 2 times" in out and "Traceback" not in err


def test_a_metric_inside_a_dict_is_found_by_its_dotted_name(capsys):
    metric = {"name": "val.score", "goal": "maximize"}
    runs = ran(log_slowly_growing, STOPPABLE | {"metric": metric}, count=3)
    assert states(runs) == ["finished"] * 2 + ["stopped"]
    reached = ran(log_slowly_growing, GRID | {"metric": metric | {"target": 5}})
    out = capsys.readouterr().out
    assert len(reached) == 1 and "has reached its target" in out
    assert out.count("run 1/6 finished | val.score 5 | ") == 2


def test_agents_compare_runs_with_those_of_other_agents_that_still_go_on():
    best_third = {"type": "hyperband", "min_iter": 2, "eta": 3}
    sweep_id = local.sweep(GRID | {"early_terminate": best_third})
    worse = {"sweep_id": sweep_id, "function": log_score, "count": 1}
    other = multiprocessing.get_context("spawn").Process(target=local.agent, kwargs=worse)

    def waits_for_a_worse_one():
        with wandb.init() as run:
            for score in (10, 20):
                run.log({"score": score})
            other.start()
            other.join(100)

    assert states(ran(waits_for_a_worse_one, sweep_id, count=1)) == ["finished", "stopped"]


def test_a_random_sweep_ends_at_its_run_cap_and_nested_parameters_arrive_nested():
    model = {"parameters": {"width": {"min": 1, "max": 3}, "rate": {"min": 0.0, "max": 1.0}}}
    config = {"method": "random", "run_cap": 3, "parameters": {"model": model}}

    def look():
        with wandb.init() as run:
            run.log({"seen": dict(run.config.model)})

    runs = ran(look, config)
    assert [run.config["model"] for run in runs] == [run.rows[0]["seen"] for run in runs]
    assert len({run.config["model"]["rate"] for run in runs}) == 3


def test_bayes_learns_from_the_runs_before_and_an_interrupted_run_is_tried_again(
    monkeypatch, capsys
):
    monkeypatch.setattr(store.secrets, "randbits", lambda bits: 0)  # the sweep's seed
    x = {"min": 0.0, "max": 1.0}
    sweep_id = local.sweep({"method": "bayes", "metric": {"name": "loss"}, "parameters": {"x": x}})
    seen = []

    def bowl():
        with wandb.init() as run:
            seen.append(run.config.x)
            run.log({"loss": (run.config.x - 0.8) ** 2})
            if len(seen) == 10:
                raise KeyboardInterrupt

    local.agent(sweep_id, function=bowl, count=3)
    with pytest.raises(KeyboardInterrupt):
        local.agent(sweep_id, function=bowl, count=7)
    assert capsys.readouterr().out.count("note: bayes spreads its first 4 runs evenly") == 1
    sweep = store.open_sweep(sweep_id)
    learned = dataclasses.replace(sweep.runs()[0], rows=[{"loss": -1}])  # by another agent since
    sweep.save(learned)
    runs = ran(bowl, sweep_id, count=1)
    assert seen[9] == seen[10] == runs[9].config["x"]
    assert len(set(seen)) == 10 and np.abs(np.array(seen[5:]) - 0.8).min() < 0.01
