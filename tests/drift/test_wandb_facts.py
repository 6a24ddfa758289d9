"""What is true of wandb itself, and what the guide says of it, tried on the installed version: ``make drift``."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import nbclient
import nbformat
import pytest
import wandb
import yaml
from click.testing import CliRunner
from tiny_sweep import GRID, log_score
from wandb.agents import pyagent
from wandb.cli.cli import cli
from wandb.sdk.launch.sweeps.utils import load_sweep_config
from wandb.sdk.lib import urls
from wandb.sdk.lib.wbauth.wbnetrc import read_netrc_auth
from wandb_server import ENTITY

from sudoku_sweep.local.backend import ONLINE

ADVICE = "ignore:Read the `app_url`"  # wandb's to itself
pytestmark = [pytest.mark.drift, pytest.mark.filterwarnings(ADVICE)]
AGENT_SECONDS = pyagent.Agent.HEARTBEAT_SLEEP_SECONDS  # before a fixture makes it short


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """Offline in a folder of the test's own, without a key, and with all that wandb has to say."""
    monkeypatch.chdir(tmp_path)
    wandb.teardown()
    home = dict.fromkeys(("HOME", "WANDB_DIR", "WANDB_CONFIG_DIR"), str(tmp_path))
    home |= {"NETRC": str(tmp_path / "netrc"), "WANDB_SILENT": "false"}
    monkeypatch.setattr(wandb.errors.term, "_printed_messages", set())  # some come once per process
    with mock.patch.dict(os.environ, home):  # wandb.sweep leaves WANDB_PROJECT behind
        yield tmp_path
        wandb.teardown()


@pytest.fixture
def talkative(server):
    """A server, and all that wandb has to say about it to a reader of the notebook."""
    os.environ |= ONLINE | {"WANDB_SILENT": "false"}  # put back by ``server``
    return server


def log_once(**settings):
    with wandb.init(project="p", **settings) as run:
        run.log({"score": 1})


def test_a_run_prints_lines_with_paths_unless_it_is_silent(offline, monkeypatch, capsys):
    log_once()
    assert f"saved locally in {offline}" in capsys.readouterr().err
    wandb.teardown()
    monkeypatch.setenv("WANDB_SILENT", "true")
    log_once()
    assert capsys.readouterr() == ("", "")


def test_a_quiet_run_prints_a_few_lines_with_links_and_no_paths(talkative, tmp_path, capsys):
    log_once()
    err = capsys.readouterr().err
    assert f"{talkative.url}/{ENTITY}/p/runs/" in err
    assert err.count("\n") < 10 and "Run summary" not in err and str(tmp_path) not in err


def test_sweeps_agents_and_the_api_need_a_key_even_offline(offline):
    agent = {"sweep_id": "abcd1234", "function": log_score, "project": "p"}
    for call, arguments in ((wandb.sweep, {"sweep": GRID}), (wandb.agent, agent), (wandb.Api, {})):
        with pytest.raises(wandb.errors.UsageError, match="No API key configured"):
            call(**arguments)


def test_the_defaults_are_what_the_guide_says(offline):
    """90 seconds for `init`, no limit for `finish`."""
    defaults = wandb.Settings()
    assert (defaults.init_timeout, defaults.finish_timeout) == (90, 0)


def test_addresses_are_those_of_the_guide():
    """So that the next move is noticed."""
    guide = (Path(__file__).resolve().parents[2] / "WANDB_GUIDE.md").read_text("utf-8")
    server, app = wandb.Settings().base_url, wandb.Settings().app_url
    host = urls.forge_host(server)
    assert (server, app) == (urls.DEFAULT_BASE_URL, f"https://{host}{urls.FORGE_APP_PATH}")
    settings = f"https://{host}/settings#apikeys"
    project = f"{host}{urls.FORGE_APP_PATH}/ENTITY/PROJECT"
    for address in (f"`{server}`", f"({app})", f"({settings})", f"`{project}`"):
        assert address in guide


def test_the_old_server_is_the_new_one_with_the_same_key(offline):
    old, key = "api.wandb.ai", "0123456789" * 4
    assert urls.FORGE_HOSTS[urls.forge_host(f"https://{old}")] == old
    assert wandb.Settings(base_url=f"https://{old}").app_url == wandb.Settings().app_url
    (offline / "netrc").write_text(f"machine {old} login user password {key}\n")
    assert read_netrc_auth(host=urls.DEFAULT_BASE_URL) == key


def test_a_sweep_is_ended_as_the_guide_says():
    flags = {name: flag.help for flag in cli.commands["sweep"].params for name in flag.opts}
    assert "Let active runs finish" in flags["--stop"] and "Kill active" in flags["--cancel"]
    assert "Temporarily stop" in flags["--pause"] and "Resume a paused" in flags["--resume"]


def fails_at(*values):
    """A training function that fails where ``a`` is one of some values."""

    def train():
        with wandb.init() as run:
            run.log({"score": run.config.a})
            if run.config.a in values:
                raise RuntimeError("no luck")

    return train


def points(*values):
    return {"method": "grid", "parameters": {"a": {"values": list(values)}}}


def runs_of(server, config, function, **arguments):
    """Run a sweep on the server; returns its runs, as they arrived."""
    sweep_id = wandb.sweep(config, project="p")
    assert wandb.agent(sweep_id, function=function, **arguments) is None
    return [run for run in server.runs.values() if run.sweep == sweep_id]


def test_the_agent_starts_at_most_one_run_per_five_seconds(server, monkeypatch):
    monkeypatch.setattr(pyagent.Agent, "HEARTBEAT_SLEEP_SECONDS", AGENT_SECONDS)
    starts = []
    runs_of(server, points(1, 2), lambda: starts.append(time.monotonic()), count=2)
    assert starts[1] - starts[0] > 4.5


def test_three_failures_in_the_first_minute_end_the_agent(talkative, monkeypatch, capsys):
    runs = runs_of(talkative, points(1, 2, 3, 4, 5), fails_at(1, 3, 4))
    assert [run.state for run in runs] == ["failed", "finished", "failed", "failed"]
    err = capsys.readouterr().err
    assert "RuntimeError: no luck" in err
    assert "Detected 3 failed runs in the first 60 seconds, killing sweep" in err
    monkeypatch.setattr(pyagent.Agent, "FLAPPING_MAX_SECONDS", 0)  # later failures do not end it
    assert len(runs_of(talkative, points(1, 2, 3, 4), fails_at(1, 2, 3), count=4)) == 4


def test_a_run_that_the_server_stops_ends_by_a_plain_exception_and_the_agent_goes_on(server):
    caught = []

    def train():
        with wandb.init() as run:
            if run.config.a == 2:
                return
            server.runs[run.id].stopped = True
            try:
                for _ in range(600):
                    time.sleep(0.05)
            except Exception as error:  # as a reader might write it: without `raise` it would go on
                caught.append(error)
                raise

    runs = runs_of(server, points(1, 2), train, count=2)
    assert [type(error) for error in caught] == [Exception]
    assert [run.exit_code for run in runs] == [1, 0]


def test_yaml_without_a_dot_is_text_and_with_one_a_number(tmp_path):
    text = "method: grid\nparameters: {rate: {values: [1e-5, 1.0e-5]}}"
    (tmp_path / "sweep.yaml").write_text(text)
    for config in (yaml.safe_load(text), load_sweep_config(str(tmp_path / "sweep.yaml"))):
        assert config["parameters"]["rate"]["values"] == ["1e-5", 1e-5]


NOTEBOOK = """
import wandb
first = wandb.init(project="p")
second = wandb.init(project="p")
try:
    first.log({"score": 1})
except wandb.errors.UsageError as error:
    print(first is second, error)
second.finish()
"""


def test_a_second_init_finishes_the_first_run_in_a_notebook_alone(offline, monkeypatch):
    monkeypatch.setenv("WANDB_SILENT", "true")
    cell = nbformat.v4.new_code_cell(NOTEBOOK)
    nbclient.NotebookClient(nbformat.v4.new_notebook(cells=[cell])).execute()
    assert re.match(r"False Run \(\w+\) is finished", cell.outputs[0].text)
    with wandb.init(project="p") as first:
        assert wandb.init(project="p") is first


def test_a_step_that_is_over_is_dropped_with_a_warning_that_silence_hides(talkative, capsys):
    for silent in ("false", "true"):
        wandb.teardown()
        os.environ["WANDB_SILENT"] = silent
        with wandb.init(project="p") as run:
            run.log({"score": 1}, step=5)
            run.log({"score": 2}, step=3)
        assert talkative.runs[run.id].rows == [{"_step": 5, "score": 1}]
        warned = "WARNING Tried to log to step 3 that is less than the current step 5"
        assert (warned in capsys.readouterr().err) == (silent == "false")


def test_an_offline_run_is_one_file_that_leet_reads_and_its_summary_is_empty_in_the_end(offline):
    with wandb.init(project="p", config={"rate": 0.1}) as run:
        run.log({"score": 1})
        assert run.summary["score"] == 1
    assert dict(run.summary) == {}
    (folder,) = offline.glob("wandb/offline-run-*")
    assert (folder / f"run-{run.id}.wandb").exists()
    assert not [path for path in folder.rglob("*") if re.search("config|summary", path.name)]
    leet = [sys.executable, "-m", "wandb", "leet", "inspect", "--summary", "--json", folder]
    read = json.loads(subprocess.run(leet, capture_output=True, check=True, timeout=60).stdout)
    assert (read["config"]["rate"], read["summary"]["score"]) == (0.1, 1)


def test_max_over_summaries_picks_failed_runs_and_breaks_on_the_text_nan(server):
    first, _ = runs_of(server, points(1, 2), fails_at(2), count=2)
    path = f"p/{first.sweep}"

    def score(run):
        return run.summary.get("score", 0)

    assert max(wandb.Api().sweep(path).runs, key=score).state == "failed"
    first.summary["score"] = "NaN"  # by hand here, as W&B's server sends it
    runs = list(wandb.Api().sweep(path).runs)
    assert [run.summary["score"] for run in runs] == ["NaN", 2]
    with pytest.raises(TypeError):
        max(runs, key=score)


def test_history_is_a_sample_of_500_rows_and_scan_history_has_all(server):
    with wandb.init(project="p") as run:
        for step in range(600):
            run.log({"score": step})
    there = wandb.Api().run(f"{ENTITY}/p/{run.id}")
    assert len(there.history()) == 500
    assert [row["score"] for row in there.scan_history(keys=["score"])] == list(range(600))


@pytest.mark.parametrize("reinit", [True, False, "finish_previous", "return_previous"])
def test_a_boolean_reinit_is_deprecated_and_finish_previous_is_not(offline, capsys, reinit):
    first = wandb.init(project="p", reinit=reinit)
    warned = "boolean value for 'reinit' is deprecated" in capsys.readouterr().err
    assert warned == isinstance(reinit, bool)
    with wandb.init(project="p", reinit=reinit) as second:
        assert (second is first) == (reinit in (False, "return_previous"))


def test_what_older_tutorials_write_is_gone_or_has_no_effect_or_still_works(offline, capsys):
    refusal = CliRunner().invoke(cli, ["sync", "--sync-all"])
    assert refusal.exit_code == 1 and "`--sync-all` has been removed" in refusal.output
    log_once(anonymous="allow")
    assert "The anonymous setting has no effect and will be removed" in capsys.readouterr().err
    assert not importlib.util.find_spec("wandb.keras")
    assert importlib.util.find_spec("wandb.integration.keras")
    with wandb.init(project="p", config={"rate": 0.1}) as run:
        wandb.log({"score": wandb.config.rate})
        assert run.summary["score"] == 0.1
