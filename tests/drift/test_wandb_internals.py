"""The names of wandb that ``local/wandb_internals.py`` uses though no documentation promises them: ``make drift``."""

import inspect
import os
import sys

import pytest
import wandb
import yaml

from sudoku_sweep.local import wandb_internals
from sudoku_sweep.local.backend import OFFLINE

pytestmark = [pytest.mark.drift, pytest.mark.usefixtures("in_tmp_path")]
OPEN_RUN = wandb_internals.IN_SWEEP | {"WANDB_MODE": "offline", "WANDB_RUN_ID": "mine"}


def test_the_records_of_a_run_s_file_have_the_fields_that_are_read():
    fields = wandb_internals.Record.DESCRIPTOR.fields_by_name
    for kind, names in {
        "run": {"display_name", "run_group", "tags", "config"},
        "config": {"update", "remove"},
        "summary": {"update", "remove"},
        "history": {"item", "step"},
        "exit": {"exit_code"},
    }.items():
        assert names <= set(fields[kind].message_type.fields_by_name)
    item = fields["history"].message_type.fields_by_name["item"].message_type
    assert {"key", "nested_key", "value_json"} <= set(item.fields_by_name)


def test_the_words_of_a_command_are_made_by_wandb():
    template, args = wandb_internals.sweep_command([], {"rate": 0.1})
    assert "${args}" in template
    assert args["args"] == ["--rate=0.1"]


def test_a_lost_background_process_has_errors_of_its_own():
    for error in (wandb_internals.HandleAbandonedError, wandb_internals.MailboxClosedError):
        assert issubclass(error, Exception) and wandb_internals.lost_wandb(error())


def test_the_environment_makes_init_open_the_run_of_a_sweep(tmp_path):
    """WANDB_SWEEP_PARAM_PATH, WANDB_LAUNCH, WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL, and the name of the file."""
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"rate": {"value": 0.1}}))
    environment = OPEN_RUN | {wandb_internals.CONFIG_FILE: str(tmp_path / "config.yaml")}
    with wandb_internals.restored():
        os.environ.update(environment)
        wandb_internals.set_up(environment)
        assert wandb.setup().settings.x_transaction_log_flush_interval == 1
        with wandb.init(id="other", project="elsewhere") as run:
            assert (run.id, dict(run.config)) == ("mine", {"rate": 0.1})
    assert list(tmp_path.glob(wandb_internals.RUN_FILE.format(id="mine")))


def test_what_is_reset_by_hand_is_there():
    """``_settings_environ``, ``finish_all_active_runs``, WANDB_SERVICE, ``wandb.run``, the hooks of ``sys``."""
    hooks = sys.exit, sys.excepthook
    assert hasattr(wandb.setup(), "_settings_environ")
    run = wandb.init(mode="offline", reinit="create_new")
    assert os.environ["WANDB_SERVICE"] and (sys.exit, sys.excepthook) != hooks
    wandb_internals.finish_runs()
    assert run._is_finished
    wandb_internals.shut_down()
    assert "WANDB_SERVICE" not in os.environ and wandb.run is None


def test_the_older_word_for_offline_is_still_taken():
    assert OFFLINE["WANDB_MODE"] == wandb_internals.OFFLINE_MODE == "dryrun"
    assert wandb.Settings(mode="dryrun")._offline


def test_log_and_exit_can_be_replaced_with_the_arguments_that_they_have():
    assert [*inspect.signature(wandb.Run.log).parameters] == ["self", "data", "step", "commit"]
    assert len(inspect.signature(wandb.Run.__exit__).parameters) == 4
    seen = []
    hooks = wandb_internals.hooked(lambda run, *row: seen.append(row), lambda error: False)
    with hooks, wandb.init(mode="offline") as run:
        run.log({"a": 1})
        run.log({"a": 2}, step=5)
        run.log({"a": 3}, step=2)  # over: dropped
    assert seen == [({"a": 1}, 0), ({"a": 2}, 5)]
