import itertools
import os
import socket
import subprocess
import sys
import time
from unittest import mock

import pytest
import wandb
from click.testing import CliRunner
from wandb.cli.cli import cli

from sudoku_sweep import local, sweeps
from sudoku_sweep.local import SweepError


def test_the_full_grid_has_240_runs_and_all_of_them_can_be_trained():
    points = local.grid_points(sweeps.FULL)
    assert (
        local.grid_size(sweeps.FULL)
        == sweeps.check_sweep(sweeps.FULL)
        == len(points)
        == 240
        == 5 * 4 * 4 * 3
    )
    assert all(point["attention_dim"] % point["n_heads"] == 0 for point in points)
    assert {point["epochs"] for point in points} == {50} and {
        point["batch_size"] for point in points
    } == {512}


def test_grid_order_sorts_names_and_changes_the_last_one_fastest():
    config = {"parameters": {"b": {"values": [2, 1]}, "a": {"values": [7, 8]}, "c": {"value": 0}}}
    assert local.grid_points(config) == [
        {"a": a, "b": b, "c": 0} for a, b in itertools.product([7, 8], [2, 1])
    ]


@pytest.mark.parametrize(
    "parameters, word",
    [
        (
            {"attention_dim": {"values": [9, 10]}, "n_heads": {"values": [3]}},
            "1 of 2 .* multiple of n_heads",
        ),
        ({"epochs": {"value": -1}}, "epochs=-1"),
        ({"learning_rate": {"values": []}}, r"learning_rate: 'values' is \[\]"),
        ({"learning_rate": {"values": "abc"}}, "'values' is 'abc'"),
        (
            {"learning_rate": {"min": 0.1, "max": 0.2}},
            "a grid needs 'values'.* not a uniform range",
        ),
        ({"learning_rate": 0.1}, "learning_rate: give a dict"),
        ({"dropout": {"value": 0.1}}, "no hyperparameter dropout"),
        ({}, "at least one parameter"),
    ],
)
def test_a_grid_that_cannot_be_trained_is_refused_before_it_starts(parameters, word):
    with pytest.raises(SweepError, match=word):
        sweeps.check_sweep({"method": "grid", "parameters": parameters})


def test_a_sweep_is_as_long_as_whatever_ends_it_first():
    random = {"method": "random", "parameters": {"learning_rate": {"min": 0.001, "max": 0.01}}}
    assert sweeps.check_sweep(sweeps.FULL, count=5) == 5
    assert sweeps.check_sweep(sweeps.FULL | {"run_cap": 7}, count=500) == 7
    assert sweeps.check_sweep(random, count=20) == 20
    assert sweeps.check_sweep(random | {"run_cap": 3}) == 3
    with pytest.raises(SweepError, match="never ends"):
        sweeps.check_sweep(random)
    for wrong in (0, -1, 2.5, True):
        with pytest.raises(SweepError, match="count="):
            sweeps.check_sweep(sweeps.FULL, count=wrong)


@pytest.mark.parametrize(
    "name, spec, accepted",
    [
        ("epochs", {"min": 0, "max": 5}, False),
        ("epochs", {"min": 1, "max": 5}, True),
        ("learning_rate", {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2}, True),
        ("learning_rate", {"distribution": "log_uniform", "min": -9.0, "max": -4.6}, True),
        ("learning_rate", {"distribution": "q_uniform", "min": -0.1, "max": 0.1, "q": 0.1}, False),
    ],
)
def test_both_ends_of_a_range_are_checked(name, spec, accepted):
    config = {"method": "bayes", "run_cap": 2, "parameters": {name: spec}}
    if accepted:
        assert sweeps.check_sweep(config) == 2
    else:
        with pytest.raises(SweepError, match="cannot be trained"):
            sweeps.check_sweep(config)


def test_no_configuration_at_all_is_refused():
    for wrong in (None, [], {"method": "grid"}):
        with pytest.raises(SweepError, match="'parameters'"):
            local.grid_points(wrong)


BUDGET = ("epochs", "batch_size", "steps_per_epoch")


@pytest.mark.parametrize("name", sweeps.PRESETS)
def test_every_preset_is_a_sweep_that_can_be_trained(name):
    preset = sweeps.PRESETS[name]
    parameters = sweeps.FULL["parameters"] | preset.parameters
    assert sweeps.check_sweep(sweeps.FULL | {"parameters": parameters}) == {"quick": 6}.get(
        name, 240
    )
    assert preset.budget == {
        name: spec["value"]
        for name, spec in parameters.items()
        if name in BUDGET and "value" in spec
    }
    assert f"{6 if name == 'quick' else 'all 240'} runs" in preset.what


def test_presets_are_chosen_by_argument_then_environment_and_quick_is_the_default(monkeypatch):
    monkeypatch.setenv("SUDOKU_PRESET", "laptop")
    assert sweeps.choose_preset().name == "laptop"
    assert sweeps.choose_preset("full").name == "full"
    monkeypatch.delenv("SUDOKU_PRESET")
    assert sweeps.choose_preset().name == "quick"
    with pytest.raises(SweepError, match="no preset 'fast': choose quick, laptop, full"):
        sweeps.choose_preset("fast")


def test_the_cost_line_is_in_units_that_one_can_picture():
    assert "6 runs x 5 s" in sweeps.cost_line(6, 5.0) and "about 30 s" in sweeps.cost_line(6, 5.0)
    assert "about 4 min" in sweeps.cost_line(6, 40.0)
    assert "about 40.0 h" in sweeps.cost_line(240, 600.0)


# --- where it runs ----------------------------------------------------------------------------------------


@pytest.fixture
def no_account(monkeypatch, tmp_path):
    """An environment without key or netrc, as a newcomer has it; what choose_backend sets is undone."""
    monkeypatch.setattr(sweeps, "_set_here", {})
    wandb.teardown()  # before the environment is kept: it holds the address of wandb's background process
    with mock.patch.dict(os.environ):
        for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_HTTP_TIMEOUT", "WANDB_SILENT"):
            os.environ.pop(name, None)
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{closed_port()}")
        yield monkeypatch
        wandb.teardown()
        monkeypatch.undo()


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_offline_mode_is_respected(monkeypatch, capsys):
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert local.choose_backend() is local
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize("mode", ["offline", "disabled"])
def test_what_wandb_was_set_to_in_this_folder_is_respected(no_account, tmp_path, capsys, mode):
    no_account.chdir(tmp_path)
    no_account.setenv("WANDB_API_KEY", "a" * 40)
    # With WANDB_DIR, wandb writes such settings and does not read them.
    no_account.delenv("WANDB_DIR", raising=False)
    wandb.teardown()
    assert CliRunner().invoke(cli, [mode]).exit_code == 0
    assert local.choose_backend() is local
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and f"set to {mode}" in out and "wandb online" in out
    with wandb.init(project="after") as run:
        assert run.settings.mode == mode
    assert CliRunner().invoke(cli, ["online"]).exit_code == 0
    no_account.setenv("WANDB_HTTP_TIMEOUT", "2")
    local.choose_backend()
    assert "W&B did not accept the login" in capsys.readouterr().out


def test_without_a_key_runs_stay_here_and_one_line_says_why(no_account, capsys):
    start = time.monotonic()
    assert local.choose_backend() is local
    assert time.monotonic() - start < 10
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and "No W&B key found" in out and "wandb login" in out
    assert os.environ["WANDB_MODE"] == "offline" and "WANDB_HTTP_TIMEOUT" not in os.environ


@pytest.mark.parametrize("key", ["a" * 40, "tooshort"])
def test_a_key_that_cannot_be_used_ends_in_local_runs(no_account, capsys, key):
    no_account.setenv("WANDB_API_KEY", key)
    no_account.setenv("WANDB_HTTP_TIMEOUT", "2")
    start = time.monotonic()
    assert local.choose_backend() is local
    assert time.monotonic() - start < 12
    out = capsys.readouterr().out
    assert "W&B did not accept the login" in out and key not in out


@pytest.mark.slow
def test_a_host_that_accepts_and_never_answers_is_given_up(no_account, capsys):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        no_account.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        no_account.setenv("WANDB_API_KEY", "a" * 40)
        no_account.setenv("WANDB_HTTP_TIMEOUT", "2")
        start = time.monotonic()
        assert local.choose_backend() is local
        assert time.monotonic() - start < 13
    assert "did not answer" in capsys.readouterr().out
    with wandb.init(project="after") as run:  # and the next run works
        assert run.settings.mode == "offline"


def test_a_key_that_w_and_b_accepts_means_w_and_b(no_account, monkeypatch, capsys):
    """The decision alone: what asks the server is replaced by a yes."""
    no_account.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setattr(sweeps, "_why_not_online", lambda: None)
    assert local.choose_backend() is wandb
    assert "Logged in" in capsys.readouterr().out
    assert "WANDB_MODE" not in os.environ and "WANDB_SILENT" not in os.environ  # warnings are seen
    assert {name: os.environ[name] for name in sweeps.ONLINE} == sweeps.ONLINE


def test_what_the_reader_has_set_stays(no_account, monkeypatch):
    no_account.setenv("WANDB_SILENT", "false")
    local.choose_backend()
    assert os.environ["WANDB_SILENT"] == "false"
    no_account.setenv("WANDB_FINISH_TIMEOUT", "5")
    monkeypatch.setattr(sweeps, "_why_not_online", lambda: None)
    local.choose_backend()
    assert (os.environ["WANDB_SILENT"], os.environ["WANDB_FINISH_TIMEOUT"]) == ("false", "5")
    no_account.setenv("WANDB_MODE", "disabled")
    assert local.choose_backend() is local and os.environ["WANDB_MODE"] == "disabled"


def test_after_a_login_the_next_choice_takes_the_account(no_account, monkeypatch):
    assert local.choose_backend() is local
    assert os.environ.items() >= sweeps.OFFLINE.items()
    monkeypatch.setattr(sweeps, "_why_not_online", lambda: None)
    assert local.choose_backend() is wandb
    assert not os.environ.keys() & sweeps.OFFLINE.keys()


def test_asking_again_tries_again_and_gives_the_real_reason(no_account, capsys):
    for _ in range(2):
        assert local.choose_backend() is local
        assert "No W&B key found" in capsys.readouterr().out


def test_a_refused_login_leaves_wandb_ready_for_offline_runs(no_account, tmp_path):
    no_account.setenv("WANDB_DIR", str(tmp_path))
    local.choose_backend()
    with wandb.init(project="after") as run:
        assert run.settings.mode == "offline"


def test_importing_the_package_imports_neither_wandb_nor_matplotlib_nor_pandas():
    slow = {"wandb", "matplotlib", "pandas", "sklearn"}
    code = f"import sys, sudoku_sweep.sweeps; print({slow} & set(sys.modules))"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "set()"
