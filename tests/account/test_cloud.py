"""The path with an account: the real wandb client, against a server on this machine."""

import contextlib
import io
import os
import random
import re
from functools import partial
from pathlib import Path
from unittest import mock

import matplotlib.pyplot as plt
import nbformat
import pytest
import wandb
import yaml
from signed_in import wandb_command
from snippets import run_blocks
from tiny_sweep import GRID, log_score, logged
from wandb_server import ENTITY, KEY

from sudoku_sweep import data, local, sweeps, train
from sudoku_sweep.analysis import tables

ADVICE = "ignore:Read the `app_url`"  # wandb's to itself
pytestmark = pytest.mark.filterwarnings(ADVICE, "ignore:FigureCanvasAgg is non-interactive")
REPOSITORY = Path(__file__).resolve().parents[2]
GUIDE = (REPOSITORY / "WANDB_GUIDE.md").read_text("utf-8")
CELLS = nbformat.read(REPOSITORY / "llm_on_sudoku.ipynb", as_version=4).cells


BUDGET = {"epochs": 2, "batch_size": 8, "steps_per_epoch": 1, "validation_boards": 4}
PARAMETERS = sweeps.PRESETS["quick"].parameters | {k: {"value": n} for k, n in BUDGET.items()}
TINY = sweeps.Preset("quick", "6 runs of 2 steps", PARAMETERS)


@pytest.fixture
def tiny(monkeypatch):
    """The notebook's ``quick`` sweep is one of moments."""
    monkeypatch.setitem(sweeps.PRESETS, "quick", TINY)


def run_cells(names, *cells):
    """Run cells of the notebook, as they stand, in a namespace; returns what they printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for at in cells:
            exec(compile(CELLS[at].source, f"Cell {at}", "exec"), names)
    plt.close("all")
    return printed.getvalue()


@pytest.mark.slow
def test_cells_9_to_16_do_the_same_with_an_account_as_without(server, tiny):
    offline, online = {}, {}
    with mock.patch.dict(os.environ, WANDB_MODE="offline"):
        wandb.teardown()
        printed = run_cells(offline, 1, 3, 5, 7, 9, 10, 12, 14, 16)
    assert offline["backend"] is local
    assert "WANDB_MODE is offline" in printed and "this run is offline" in printed
    assert not server.n_requests

    wandb.teardown()
    printed = run_cells(online, 1, 3, 5, 7, 9, 10, 12, 14, 16)
    assert online["backend"] is wandb
    assert "Logged in" in printed and f"{server.url}/{ENTITY}/{sweeps.PROJECT}/runs/" in printed

    single, *arrived = server.runs.values()
    assert (single.name, single.sweep, single.state) == ("single-run", None, "finished")
    assert single.config == dict(online["config"])
    assert logged(single.rows) == online["single"].history == offline["single"].history
    assert "same curve as in Cell 7: True" in printed

    here = offline["runs"]
    assert [(run.sweep, run.state) for run in arrived] == [(online["sweep_id"], "finished")] * 6
    for run, same in zip(arrived, here, strict=True):
        assert run.config == same.config and logged(run.rows) == logged(same.rows)
        assert run.summary["val_accuracy"] == same.summary["val_accuracy"]
    assert [run.id for run in online["runs"]] == [run.id for run in arrived]  # read back by Cell 12
    assert {run.state for run in online["runs"]} == {"finished"}
    assert len({run.summary["val_accuracy"] for run in here}) > 1  # else equality would say little


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["offline", "online"])
def test_cell_10_goes_on_with_its_sweep_also_in_a_new_kernel(server, tiny, mode):
    """Which needs Cells 1, 3 and 5, and trains no net again; a change of the configuration makes another sweep."""
    before, after = {}, {}
    with mock.patch.dict(os.environ, WANDB_MODE=mode):
        wandb.teardown()
        run_cells(before, 1, 3, 5)
        with mock.patch.object(
            before["backend"], "agent", partial(before["backend"].agent, count=4)
        ):
            run_cells(before, 10)  # interrupted after four runs
        first = before["sweep_id"]

        os.environ.pop("WANDB_PROJECT", None)  # wandb.sweep leaves it behind; a new kernel has none
        run_cells(after, 1, 3, 5, 10, 12, 14)
        assert after["sweep_id"] == first
        assert [run.config["attention_dim"] for run in after["runs"]] == [9, 9, 9, 36, 36, 36]
        run_cells(after, 10, 12)  # all is done
        assert (after["sweep_id"], len(after["runs"])) == (first, 6)

        after["COUNT"] = 1
        for _ in range(2):  # a limit: the second time nothing is left
            run_cells(after, 10)
            second = after["sweep_id"]
            assert second != first and len(after["fetch"](second)) == 1


@pytest.mark.slow
def test_a_stop_ends_cells_7_and_9_and_leaves_no_run_open(server, monkeypatch):
    names = {}
    run_cells(names, 1, 3, 5)
    monkeypatch.setattr(train, "fit", mock.Mock(side_effect=KeyboardInterrupt))
    for at in (7, 9):
        with pytest.raises(KeyboardInterrupt):
            run_cells(names, at)
        assert wandb.run is None
    (run,) = server.runs.values()
    assert names["by_hand_results"] == {} and run.state == "failed"


@pytest.mark.slow
@pytest.mark.parametrize("place", ["environment", "login"])
def test_a_key_is_in_no_output_and_no_file_but_its_own(server, tiny, tmp_path, capfd, place):
    """wandb keeps a key in .netrc, where it belongs."""
    netrc = tmp_path / ".netrc"
    if place == "login":
        del os.environ["WANDB_API_KEY"]
        wandb.login(key=KEY)
        assert KEY in netrc.read_text("utf-8")
    names = {}
    printed = run_cells(names, 1, 3, 5, 7)
    names["COUNT"] = 2
    printed += run_cells(names, 9, 10, 12)
    assert names["backend"] is wandb and len(names["runs"]) == 2

    def fail():
        with wandb.init(project="p"):
            raise ValueError("on purpose")

    for call in (fail, lambda: local.agent(local.sweep(GRID), fail)):
        with pytest.raises(ValueError, match="on purpose") as refusal:
            call()
        printed += str(refusal.value)
    wandb.teardown()
    shown = capfd.readouterr()
    assert KEY not in printed + shown.out + shown.err
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path != netrc]
    assert {".wandb", ".json"} <= {path.suffix for path in files}
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    assert not any(KEY in repr(vars(run)) for run in server.runs.values())
    assert not any(KEY.encode() in content for content in server.storage.values())


@pytest.mark.slow
def test_sweep_yaml_runs_from_the_command_line_and_trains_as_the_notebook_does(server):
    config = yaml.safe_load((REPOSITORY / "sweep.yaml").read_text("utf-8"))
    config["parameters"] = PARAMETERS
    Path("sweep.yaml").write_text(yaml.safe_dump(config))
    printed = wandb_command("sweep", "sweep.yaml")
    path = re.search(rf"wandb agent ({ENTITY}/{sweeps.PROJECT}/\w+)", printed)[1]
    wandb_command("agent", "--count", "2", path)
    runs = list(server.runs.values())
    trained = [train.Config(**local.grid(config)[index]) for index in (0, 1)]
    assert [run.config for run in runs] == [dict(one) for one in trained]
    assert {run.state for run in runs} == {"finished"}
    boards = data.load_split("train"), data.load_split("validation").first(4)
    assert logged(runs[1].rows) == train.fit(trained[1], *boards).history


def test_the_snippets_that_need_an_account_run_with_one(server, capsys):
    """Those of Cell 11 and of the guide; they find the runs of a small sweep."""

    def log_accuracy():
        with wandb.init() as run:
            for epoch in (1, 2):
                accuracy = 0.1 * run.config.n_heads
                run.log({"epoch": epoch, "train_loss": 2.0, "val_accuracy": accuracy})

    metric = {"name": "val_accuracy", "goal": "maximize"}
    config = {"method": "grid", "metric": metric, "parameters": {"n_heads": {"values": [1, 3]}}}
    sweep_id = wandb.sweep(config, project=sweeps.PROJECT)
    wandb.agent(sweep_id, function=log_accuracy, count=2)
    names = dict(wandb=wandb, sweeps=sweeps, tables=tables, sweep_id=sweep_id, sweep_config=config)
    for text, where in ((CELLS[11].source, "Cell 11"), (GUIDE, "WANDB_GUIDE.md")):
        capsys.readouterr()
        after = run_blocks(text, where, dict(names), account=True)
        assert after["best"].config == {"n_heads": 3}
        assert [row["epoch"] for row in after["curve"]] == [1, 2]
        assert "0.3" in capsys.readouterr().out
    assert len(server.sweeps[after["cloud_id"]].prior_runs) == 2


def test_a_sweep_of_the_same_configuration_is_found_again_on_the_server(server):
    assert local.find_sweep(wandb, GRID, "p") == (None, False)
    ids = [wandb.sweep(config, project="p") for config in (GRID, GRID, GRID | {"run_cap": 2})]
    assert local.find_sweep(wandb, GRID, "p") == (ids[1], False)
    assert local.find_sweep(wandb, GRID, "another") == (None, False)
    server.sweeps[ids[1]].left.clear()
    assert local.find_sweep(wandb, GRID, "p") == (ids[1], True)


def log_oddly():
    """Rows as ``log_score`` logs them, behind some with steps and commits of all kinds."""
    with wandb.init(tags=["odd"]) as run:
        rng = random.Random(run.config.a)
        for number in range(30):
            step = rng.choice([None, None, number, number + 3])
            run.log({rng.choice("abc"): number}, step, commit=rng.choice([None, True, False]))
        run.log({"score": run.config.a * run.config.b})


ATTRIBUTES = "id name state config project group tags lastHistoryStep"
HISTORIES = [  # arguments of ``history``, and of ``scan_history``
    *({"samples": 1000}, {"keys": ["score"]}, {"keys": ["a", "_runtime"], "x_axis": "b"}),
    *({}, {"keys": ["score", "_step"]}, {"page_size": 3}, {"min_step": 7}),
    *({"min_step": 2, "max_step": 9}, {"max_step": 999, "keys": ["a"]}, {"max_step": 0}),
]


def as_read(run):
    """What a reader of ``wandb.Api`` sees of a run."""
    summary = run.summary
    values = [summary.get("score"), summary.get("no", 1), summary["score"], "score" in summary]
    dicts = dict(summary.items()), dict(summary._json_dict)
    for entries in dicts:
        entries.pop("_wandb", None)  # W&B's bookkeeping
    seen = [getattr(run, name) for name in ATTRIBUTES.split()]
    seen += [*values, "no" in summary, *dicts]
    for arguments in HISTORIES[:4]:
        seen.append(run.history(**arguments, pandas=False))
        seen.append(run.history(**arguments).fillna(-1).to_dict("records"))
    return seen + [list(run.scan_history(**arguments)) for arguments in HISTORIES[3:]]


@pytest.mark.slow
def test_runs_of_a_local_sweep_are_synced_and_join_a_sweep_on_the_server(server):
    with mock.patch.dict(os.environ, WANDB_MODE="offline"):
        wandb.teardown()
        local_id = local.sweep(GRID, project="p")
        local.agent(local_id, function=log_oddly, count=4)
        here = local.runs(local_id)
    assert not server.runs
    wandb_command("sync", *Path("wandb").glob("offline-run-*"))
    assert server.runs.keys() == {run.id for run in here}
    for run in here:
        arrived = server.runs[run.id]
        assert (arrived.state, arrived.sweep) == ("finished", None)
        assert arrived.group == f"sweep-{local_id}" and arrived.history == run.rows
        theirs = wandb.Api().run(f"{ENTITY}/p/{run.id}")
        assert as_read(run) == as_read(theirs)  # name, config, summary and so on
        assert type(run.created_at) is str and len(run.created_at) == len(theirs.created_at)

    wandb.teardown()
    sweep_id = wandb.sweep(GRID, project="p", prior_runs=[run.id for run in here])
    assert server.sweeps[sweep_id].prior_runs == [run.id for run in here]
    wandb.agent(sweep_id, function=log_score, count=2)
    configs = [run.config for run in wandb.Api().sweep(f"p/{sweep_id}").runs]
    assert len(configs) == 6 and all(point in configs for point in local.grid(GRID))
