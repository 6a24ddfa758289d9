import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest
from tiny_sweep import untimed, wait_until

from sudoku_sweep import local
from sudoku_sweep.local import SweepError, run_program

pytestmark = pytest.mark.usefixtures("in_tmp_path")
HUGE = {"text": {"value": "x" * 200_000}}
METRIC = {"name": "loss", "goal": "minimize"}
TRAIN = """
import wandb
with wandb.init(config={"width": 8}) as run:
    for epoch in range(3):
        run.log({"loss": run.config.lr / (epoch + 1)}, step=10 * epoch)
"""


WITHOUT_END = "import os, wandb\nwandb.init()\nos._exit(0)", "run without an end: call run.finish()"


def sweep(text, parameters, **more):
    """The id of a sweep by a program with this text."""
    Path("train.py").write_text(text)
    config = {"program": "train.py", "method": "grid", "metric": METRIC, "parameters": parameters}
    return local.sweep(config | more)


def test_each_run_is_a_child_process_whose_run_has_the_configuration_and_is_recorded():
    sweep_id = sweep(TRAIN, {"lr": {"values": [0.5, 0.25]}}, project="mine")
    local.agent(sweep_id)
    runs = local.runs(sweep_id)
    assert [run.config for run in runs] == [{"lr": lr, "width": 8} for lr in (0.5, 0.25)]
    assert [run.state for run in runs] == ["finished"] * 2
    rows = [{"_step": step, "loss": loss} for step, loss in ((0, 0.5), (10, 0.25), (20, 0.5 / 3))]
    assert untimed(runs[0].rows) == rows and runs[0].summary["loss"] == 0.5 / 3
    assert "WANDB_RUN_ID" not in os.environ


def test_a_program_can_read_its_configuration_from_a_file():
    text = 'import json, sys\nprint(json.load(open(sys.argv[1]))["lr"] + 1)\nexit(1)'
    command = ["${env}", "${interpreter}", "${program}", "${args_json_file}"]
    with pytest.raises(SweepError, match=r"exit status 1, 2\.5"):
        local.agent(sweep(text, {"lr": {"value": 1.5}}, command=command))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("print('hello')\nraise ValueError('too hot')", "exit status 1, ValueError: too hot"),
        ("import os\nos.kill(os.getpid(), 9)", "Killed (signal 9), no output"),
        ("import os\nos.kill(os.getpid(), 37)", "Real-time signal 3 (signal 37), no output"),
        ("print('cold\\nwandb: bye\\n')\nexit(1)", "exit status 1, cold"),
        ("print('done')", "it opened no W&B run in this folder: call wandb.init() in it"),
        (f"{TRAIN}run.finish()\nexit(3)", "exit status 3, no output"),
        ("import wandb\nwandb.init().finish(exit_code=2)", "was finished with exit code 2"),
        pytest.param(*WITHOUT_END, marks=pytest.mark.slow),  # it is waited for ten seconds
    ],
)
def test_the_output_of_a_program_that_fails_is_shown_and_the_sweep_goes_on(capfd, text, error):
    fails = textwrap.indent(text, "    ")
    text = f"import sys\nif sys.argv[1] == '--lr=2':\n{fails}\n    exit()\n{TRAIN}"
    sweep_id = sweep(text, {"lr": {"values": [1, 2, 3]}})
    local.agent(sweep_id)
    runs = local.runs(sweep_id)
    assert [run.state for run in runs] == ["finished", "failed", "finished"]
    assert error in runs[1].error and len(runs[1].error) < 300
    shown = capfd.readouterr()
    assert ("hello\n" in shown.err) == ("hello" in text) and error in shown.out


TORCHRUN = """[rank0]: Traceback (most recent call last):
[rank0]: torch.OutOfMemoryError: too large
E1129 10:00:00 12 elastic/multiprocessing/api.py] failed (exitcode: 1) local_rank: 0
Traceback (most recent call last):
    raise ChildFailedError(
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
train.py FAILED
  traceback : To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html
============================================================
"""
HYDRA = """Error executing job with overrides: ['lr=1']
ValueError: too hot

Set the environment variable HYDRA_FULL_ERROR=1 for a complete stack trace.
"""


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (TORCHRUN, "torch.OutOfMemoryError: too large"),
        (HYDRA, "ValueError: too hot"),
        (HYDRA.replace("ValueError: too hot", "\nNo 'lrr' here.\nKey 'lrr'"), "No 'lrr' here."),
        ("ValueError: in `fit`:\n\n\tbelow zero\nbye", "ValueError: in `fit`:"),
        ("ValueError: in `fit`:\n\tbelow zero\nbye", "ValueError: in `fit`: below zero"),
        ("RuntimeError: one\nRuntimeError: two", "RuntimeError: two"),
        ("val_error: 0.3\nusage: train.py\ntrain.py: error: no --lr", "train.py: error: no --lr"),
        ("", "no output"),
    ],
)
def test_of_what_a_failed_program_has_printed_the_last_error_is_taken(output, line):
    assert run_program._error_line(output.splitlines()) == line


def test_what_cannot_be_started_is_refused_before_a_run_is_claimed(capsys):
    for more in ({"program": "train"}, {"command": ["nowhere", "${program}"]}):
        (name,) = {"train", "nowhere"} & {more.get("program"), *more.get("command", [])}
        sweep_id = sweep("", {"lr": {"value": 1}}, **more)
        assert f"note: there is no {name!r} here" in capsys.readouterr().out
        with pytest.raises(SweepError, match=f"there is no {name!r} here: start the agent where"):
            local.agent(sweep_id)
        assert local.runs(sweep_id) == []
    with pytest.raises(SweepError, match=r"cannot start './train.py': Permission denied"):
        local.agent(sweep("", {"lr": {"value": 1}}, command=["./train.py"]))
    module = {"program": "my.module", "command": ["${interpreter}", "-m", "${program}"]}
    assert (
        run_program.missing(local.read_config({"method": "grid", "parameters": HUGE} | module))
        is None
    )
    with pytest.raises(SweepError, match=r"too long; .* with \$\{args_json_file\}") as refusal:
        local.agent(sweep("", HUGE))
    assert len(str(refusal.value)) < 500
    for more in ({}, {"command": ["python", "${program}"]}):
        config = {"method": "grid", "parameters": {"lr": {"value": 1}}}
        with pytest.raises(SweepError, match="names no program: give agent"):
            local.agent(local.sweep(config | more))


@pytest.mark.slow
@pytest.mark.parametrize("shell", [["sh", "-c", "python train.py; exit 0"], None])
def test_hopeless_programs_are_ended_with_what_they_have_started(monkeypatch, shell):
    text = """
import os, signal, time, wandb
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the shell has ended long before
with wandb.init() as run:
    open(f"process of {run.config.lr}", "w").write(str(os.getpid()))
    for epoch in range(100 if run.config.lr > 1 else 4):
        run.log({"loss": run.config.lr / (epoch + 1)})
        time.sleep(0.5)
"""
    stop = {"early_terminate": {"type": "hyperband", "min_iter": 2, "eta": 3}}
    stop |= {"command": shell} if shell else {}
    sweep_id = sweep(text, {"lr": {"values": [1, 3, 0.5]}}, **stop)
    monkeypatch.setattr(run_program, "KILL_SECONDS", 1)
    start = time.monotonic()
    local.agent(sweep_id)
    runs = local.runs(sweep_id)
    assert [run.state for run in runs] == ["finished", "stopped", "finished"]
    assert 2 <= len(runs[1].rows) < 30 and time.monotonic() - start < 40
    assert "loss after logging it" in runs[1].error and runs[1].summary["loss"] <= 3
    assert not psutil.pid_exists(int(Path("process of 3").read_text()))


SLOW = """
import os, time, wandb
with wandb.init() as run:
    run.log({"loss": 1})
    with open("started", "a") as file:
        print(run.config.lr, file=file)
    try:
        while not os.path.exists("end"):
            time.sleep(0.1)
    except KeyboardInterrupt:
        with open("interrupted", "a") as file:
            file.write("x")
        raise
"""


def start_agent(sweep_id):
    """A process that has an agent at work, and a program that goes on until there is a file ``end``."""
    code = f"from sudoku_sweep import local; local.agent({sweep_id!r})"
    agent = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    wait_until(Path("started").exists)
    return agent


@pytest.mark.slow
@pytest.mark.parametrize(
    "send, number",  # a terminal sends to the group
    [(os.killpg, signal.SIGINT), (os.kill, signal.SIGTERM), (os.killpg, signal.SIGHUP)],
)
def test_an_interrupt_reaches_the_program_once_and_the_run_is_run_again(send, number):
    sweep_id = sweep(SLOW, {"lr": {"values": [1, 3]}})
    agent = start_agent(sweep_id)
    send(agent.pid, number)
    agent.wait(60)
    assert Path("interrupted").read_text() == "x"
    assert [run.state for run in local.runs(sweep_id)] == ["killed"]
    Path("train.py").write_text(TRAIN)
    local.agent(sweep_id)
    assert [run.state for run in local.runs(sweep_id)] == ["finished"] * 2


@pytest.mark.slow
@pytest.mark.parametrize("shell", [["sh", "-c", "python train.py; exit 0"], None])
def test_the_program_of_a_killed_agent_ends_and_is_recorded_and_not_run_again(shell):
    command = {"command": shell} if shell else {}
    sweep_id = sweep(SLOW, {"lr": {"values": [1, 3]}}, **command)
    start_agent(sweep_id).kill()
    next_one = start_agent(sweep_id)
    wait_until(lambda: Path("started").read_text() == "1\n3\n")
    first, second = local.runs(sweep_id)
    assert first.state == second.state == "running"
    Path("end").touch()
    assert next_one.wait(60) == 0
    wait_until(lambda: local.runs(sweep_id)[0].state == "crashed")
    local.agent(sweep_id)
    runs = local.runs(sweep_id)
    assert [run.state for run in runs] == ["finished"] * 2
    assert [run.id for run in runs] == [first.id, second.id] and runs[0].summary["loss"] == 1
    assert Path("started").read_text() == "1\n3\n"
