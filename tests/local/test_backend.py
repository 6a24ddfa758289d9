import os
from unittest import mock

import pytest
import wandb
from click.testing import CliRunner
from wandb.cli.cli import cli

from sudoku_sweep import local
from sudoku_sweep.local import SweepError, backend

NAMES = ("WANDB_MODE", "WANDB_API_KEY", "WANDB_HTTP_TIMEOUT", "WANDB_SILENT")


@pytest.fixture
def no_account(monkeypatch, in_tmp_path, tmp_path):
    """An environment without key or netrc, as a newcomer has it; what choose_backend sets is undone."""
    monkeypatch.setattr(backend, "_set_here", {})
    wandb.teardown()  # before the environment is kept: it holds the address of wandb's background process
    places = {"NETRC": str(tmp_path / "netrc"), "WANDB_CONFIG_DIR": str(tmp_path)}
    places |= {"WANDB_BASE_URL": "http://127.0.0.1:9"}  # where nobody listens
    with mock.patch.dict(os.environ, places):
        for name in NAMES:
            os.environ.pop(name, None)
        yield monkeypatch
        wandb.teardown()
        monkeypatch.undo()


def log_in(monkeypatch):
    """The decision alone: what asks the server is replaced by a yes."""
    monkeypatch.setattr(backend, "why_not_online", lambda limit: None)


@pytest.mark.parametrize("mode", ["offline", "disabled"])
def test_what_wandb_was_set_to_in_this_folder_is_respected(no_account, capsys, mode):
    assert CliRunner().invoke(cli, [mode]).exit_code == 0
    log_in(no_account)
    assert local.choose_backend() is local
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and f"set to {mode}" in out and "wandb online" in out
    with wandb.init(project="after") as run:
        assert run.settings.mode == mode
    assert CliRunner().invoke(cli, ["online"]).exit_code == 0
    assert local.choose_backend() is wandb


def test_without_a_key_runs_stay_here_and_one_line_says_why(no_account, capsys):
    for _ in range(2):  # asking again tries again, and gives the real reason
        assert local.choose_backend() is local
        out = capsys.readouterr().out
        assert out.count("\n") == 1 and "no W&B key found" in out and "wandb login" in out
        assert "WANDB_HTTP_TIMEOUT" not in os.environ
    with wandb.init(project="after") as run:
        assert run.offline


@pytest.mark.parametrize("seconds", ["abc", "inf"])
def test_a_time_limit_that_is_no_number_is_refused_by_name(no_account, seconds):
    no_account.setenv("WANDB_HTTP_TIMEOUT", seconds)
    with pytest.raises(SweepError, match=f"WANDB_HTTP_TIMEOUT is '{seconds}': write seconds"):
        local.choose_backend()


def test_after_a_login_the_next_choice_takes_the_account(no_account, capsys):
    assert local.choose_backend() is local
    assert os.environ.items() >= backend.OFFLINE.items()
    log_in(no_account)
    assert local.choose_backend() is wandb
    assert "Logged in" in capsys.readouterr().out
    assert not os.environ.keys() & backend.OFFLINE.keys()  # warnings are seen
    assert os.environ.items() >= backend.ONLINE.items()
    no_account.setenv("WANDB_SILENT", "false")
    no_account.setenv("WANDB_FINISH_TIMEOUT", "5")
    no_account.setenv("WANDB_MODE", "offline")
    for _ in range(2):
        assert local.choose_backend() is local and os.environ["WANDB_MODE"] == "offline"
    assert "stay on this machine: WANDB_MODE is offline. Unset it" in capsys.readouterr().out
    assert (os.environ["WANDB_SILENT"], os.environ["WANDB_FINISH_TIMEOUT"]) == ("false", "5")


def test_a_sweep_of_the_same_configuration_is_found_again_in_its_folder(in_tmp_path):
    """The newest one, however its numbers and defaults are written."""
    ranged = {"method": "random", "parameters": {"x": {"min": 0, "max": 9}}, "run_cap": 2}
    assert local.find_sweep(local, ranged, "p") == (None, False)
    ids = [local.sweep(ranged, project=project) for project in ("p", "p", "another")]
    local.sweep(ranged | {"run_cap": 3}, project="p")
    assert local.find_sweep(local, ranged, "p") == (ids[1], False)
    in_full = {"x": {"min": 0, "max": 9, "distribution": "int_uniform"}}
    assert local.find_sweep(local, ranged | {"parameters": in_full}, "p")[0] == ids[1]
    assert local.find_sweep(local, ranged | {"method": "grid"}, "p") == (None, False)
