"""``sweep`` and ``agent``."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest import mock

import psutil
import pytest
import yaml
from tiny_sweep import wait_until

from sudoku_sweep import local, sweeps
from sudoku_sweep.analysis import results
from sudoku_sweep.cli import agent
from sudoku_sweep.cli.main import main

SWEEP_YAML = Path(__file__).resolve().parents[2] / "sweep.yaml"
TINY = dict(embedding_dim=6, attention_dim=6, n_heads=3, epochs=1, batch_size=32, steps_per_epoch=1)
TINY |= dict(validation_boards=4)
PARAMETERS = {name: {"value": value} for name, value in TINY.items()}
PARAMETERS |= {"learning_rate": {"values": [1e-3, 2e-3, 3e-3, 4e-3]}}
SMALL = sweeps.FULL | {"parameters": PARAMETERS}


def save(name, config):
    Path(name).write_text(yaml.safe_dump(config))


@pytest.fixture(autouse=True)
def small(in_tmp_path):
    """The configuration of a small sweep of the Sudoku net, as a file."""
    save("small.yaml", SMALL | {"project": sweeps.PROJECT})


def test_the_notebook_s_sweep_is_set_up_by_a_preset_and_by_sweep_yaml(capsys, monkeypatch):
    assert main(["sweep"]) == 0  # the tests' environment asks for quick
    quick = sweeps.PRESETS["quick"].sweep_config | {"project": sweeps.PROJECT}
    assert local.open_sweep(local.latest_sweep()).config == quick
    monkeypatch.setenv("SUDOKU_PRESET", "nonsense")  # which a file has no use for
    assert main(["sweep", str(SWEEP_YAML)]) == 0
    config = local.open_sweep(local.latest_sweep()).config
    assert config == yaml.safe_load(SWEEP_YAML.read_text("utf-8"))
    assert config.items() >= (sweeps.FULL | {"project": sweeps.PROJECT}).items()
    out = capsys.readouterr().out
    assert "240 runs" in out and f"python -m sudoku_sweep agent {local.latest_sweep()}" in out


POWERS = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
ALIASES = "\n".join(["a0: &a0 [0]", *POWERS])  # of aliases: 10 ** 19 values


@pytest.mark.parametrize(
    "content",
    [
        "parameters: [",
        "[1, 2]",
        "{method: grid, parameters: {epochs: {value: -1}}}",
        ALIASES,
        ALIASES.replace("[", "{<<: [", 99).replace("{<<: [0", "{x: [0").replace("]", "]}"),
        "method: grid\nparameters: &all {a: {value: *all}}",
    ],
)
def test_a_file_that_is_no_sweep_is_refused(content, capsys):
    Path("wrong.yaml").write_text(content)
    assert main(["sweep", "wrong.yaml"]) == 2 and not Path("wandb").exists()
    assert capsys.readouterr().err.startswith("error: ")


def test_a_sweep_of_somebody_else_s_is_never_taken_for_the_sudoku_net(capsys):
    save("theirs.yaml", SMALL | {"project": "theirs"})
    assert main(["sweep", "theirs.yaml"]) == 2
    assert "names no program: add `program: your_script.py`" in capsys.readouterr().err
    local.sweep(SMALL, project="theirs")
    assert main(["agent"]) == 2 and "names no program" in capsys.readouterr().err
    Path("train.py").write_text("print('theirs')\nexit(1)")
    save("theirs.yaml", SMALL | {"project": "theirs", "program": "train.py"})
    assert main(["sweep", "theirs.yaml"]) == 0 and main(["agent", "--device=cpu"]) == 2
    assert "not for a sweep with a program of its own" in capsys.readouterr().err
    assert main(["agent", "--count=1"]) == main(["agent", "--count=1", "--retry-failed"]) == 2
    (run,) = local.runs(local.latest_sweep())
    assert run.error == "exit status 1, theirs"


@pytest.fixture
def popen(monkeypatch):
    """In the place of the processes that ``agent`` starts: one that ends at once."""
    assert main(["sweep", "small.yaml"]) == 0
    popen = mock.Mock()
    popen.return_value.wait.return_value = 0
    monkeypatch.setattr(subprocess, "Popen", popen)
    return popen


@pytest.mark.parametrize(
    ("visible", "used"),
    [(None, ["0", "1", "0"]), ("2,MIG-5", ["2", "MIG-5", "2"]), ("7", ["7"] * 3), ("", [""] * 3)],
)
def test_workers_take_turns_on_their_gpus(popen, monkeypatch, tmp_path, visible, used):
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    monkeypatch.setattr(agent, "DEVICES", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert main(["agent", "--workers", "3", "--count", "2", "--boards", "64"]) == 0
    environments = [call.kwargs["env"] for call in popen.call_args_list]
    assert [environment["CUDA_VISIBLE_DEVICES"] for environment in environments] == used
    assert {environment["OMP_NUM_THREADS"] for environment in environments} == {"1"}
    assert all({"--count=2", "--boards=64"} <= {*call.args[0]} for call in popen.call_args_list)


def test_each_interrupt_is_passed_on_to_the_workers_and_said_once(popen, capsys):
    workers = popen.side_effect = [mock.Mock(), mock.Mock()]
    workers[0].wait.side_effect = [KeyboardInterrupt, KeyboardInterrupt, 0]
    assert main(["agent", "--workers", "2"]) == 130
    assert [worker.terminate.call_count for worker in workers] == [2, 2]
    again = f"python -m sudoku_sweep agent {local.latest_sweep()}"
    assert capsys.readouterr().err == f"interrupted. Go on with: {again}\n"


SLOW = """
import os, time, wandb
with wandb.init() as run:
    open(f"process of {run.config.a}", "w").write(str(os.getpid()))
    time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_workers_and_their_programs_end_with_the_process_that_started_them(tmp_path, number):
    Path("slow.py").write_text(SLOW)
    parameters = {"a": {"values": [1, 2, 3]}}
    local.sweep({"program": "slow.py", "method": "grid", "parameters": parameters})
    command = [sys.executable, "-m", "sudoku_sweep", "agent", "--workers", "2"]
    where = os.environ | {"PYTHONPATH": str(SWEEP_YAML.parent)}
    parent = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=where)
    programs = [tmp_path / f"process of {a}" for a in (1, 2)]
    wait_until(lambda: all(path.exists() and path.read_text() for path in programs))
    started = psutil.Process(parent.pid).children(recursive=True)
    parent.send_signal(number)
    _, said = parent.communicate(timeout=60)
    assert len(said.splitlines()) == (number != signal.SIGKILL), said
    assert not psutil.wait_procs(started, timeout=20)[1]
    assert [run.state for run in local.runs(local.latest_sweep())] == ["killed"] * 2


@pytest.mark.slow
def test_workers_share_a_sweep_and_what_it_found_is_exported_and_resumed(capfd):
    lines = ["sweep small.yaml", "agent --count 1 --boards 64", "export one.csv"]
    lines += ["sweep --prior one.csv", "agent --workers 2 --boards 64", "export all.csv", "report"]
    assert {main(line.split()) for line in lines} == {0}
    out = capfd.readouterr().out
    assert "1 of 1 prior runs" in out and out.count(" finished |") == 4
    assert "4 of 4 runs done" in out
    frame = results.load("all.csv").frame
    assert frame["state"].tolist() == ["finished"] * 4
    assert frame["config.learning_rate"].tolist() == [1e-3, 2e-3, 3e-3, 4e-3]
    assert set(frame["config.mlp_ratio"]) == {2}  # defaults are recorded, too
    assert frame["summary.device"].str.contains("1 thread(s), torch", regex=False).all()
    assert (frame["summary.commit"].fillna("") == sweeps.commit()).all()  # empty outside a checkout
