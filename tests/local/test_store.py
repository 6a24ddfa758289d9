import dataclasses
import json
import os
from pathlib import Path

import pytest
import wandb
from tiny_sweep import GRID, log_score

from sudoku_sweep import local
from sudoku_sweep.cli.main import main
from sudoku_sweep.local import Run, SweepError, store

pytestmark = pytest.mark.usefixtures("in_tmp_path")


def a_run(index, config):
    row = {"_step": 0, "score": index}
    return Run(index, f"id{index}", "name", "finished", config, row, None, 1.5, [row], index)


@pytest.fixture
def imported():
    """A sweep whose runs are written and were never made."""
    return local.sweep(GRID, prior_runs=list(map(a_run, range(6), local.grid(GRID))))


def test_runs_are_read_back_as_they_were(imported):
    assert local.runs(imported) == list(map(a_run, range(6), local.grid(GRID)))
    assert local.open_sweep(f"entity/project/{imported}").config == GRID
    run = local.runs(imported)[0]
    assert run.summary._json_dict == run.summary == {"_step": 0, "score": 0}
    assert run.url is run.group is run.created_at is None and run.tags == []


def test_a_long_history_is_sampled_evenly_and_all_of_it_can_be_scanned():
    rows = [{"_step": 10 * at, "a": at} | ({"b": -at} if at % 2 else {}) for at in range(1000)]
    run = Run(0, "id", "name", "finished", {}, {}, rows=rows)
    assert list(run.scan_history()) == run.history(1000, pandas=False) == rows
    assert list(run.scan_history(["b"], 10, 10, 40)) == [
        {"_step": n, "b": -n // 10} for n in (10, 30)
    ]
    sample = run.history(keys=["b"], x_axis="a", samples=5)
    assert sample["a"].tolist() == [1, 251, 501, 749, 999] and list(sample) == ["a", "b"]
    assert len(run.history()) == 500 and run.lastHistoryStep == 9990
    assert Run(0, "id", "name", "running", {}, {}).lastHistoryStep == -1
    with pytest.raises(ValueError, match="keys must be specified in a list"):
        run.scan_history("b")
    with pytest.raises(SweepError, match="stays in W&B's file"):
        run.history(stream="system")


def test_the_latest_sweep_is_found():
    with pytest.raises(SweepError, match=r"no local sweep in .* yet: make one with `sweep`"):
        local.latest_sweep()
    earlier, older, latest = (local.sweep(GRID) for _ in range(3))
    path = store.store() / earlier / "sweep.json"
    path.touch()  # as a copy does it
    assert local.latest_sweep() == latest
    content = json.loads((store.store() / older / "sweep.json").read_text())
    del content["created_at"]  # older releases do not note it
    (store.store() / older / "sweep.json").write_text(json.dumps(content))
    os.utime(store.store() / older / "sweep.json", (60, 60))
    assert local.sweeps() == [older, earlier, latest]
    assert local.open_sweep(older).created_at == "1970-01-01T00:01:00.000000+00:00"


@pytest.mark.parametrize("name", ["sweep.json", "runs/00002.json"])
def test_a_damaged_file_is_named(imported, name):
    path = store.store() / imported / name
    content = json.loads(path.read_text())
    damages = {b"": "JSON", b"[]": "TypeError", b"[" * 5000: "Recursion", b"\xff": "Unicode"}
    damages[b'{"id": "3"}'] = "missing"
    for key in content.keys() - {"params"}:  # that is the search method's own
        damages[json.dumps(content | {key: [3]}).encode()] = key
    for damage, reason in damages.items():
        path.write_bytes(damage)
        with pytest.raises(SweepError, match=f"{name} cannot be read; if it is damaged") as refusal:
            local.runs(imported)
        assert reason in str(refusal.value).partition("again")[2]


@pytest.mark.parametrize("name", ["sweep.json", "runs/00002.json"])
def test_a_damaged_file_of_one_sweep_blocks_no_other(imported, capsys, name):
    Path("train.py").touch()
    named, damaged = (
        local.sweep(GRID | {"name": title, "program": "train.py"}, prior_runs=local.runs(imported))
        for title in ("named", "damaged")
    )
    (store.store() / damaged / name).write_text("")
    for command in (["report"], ["agent"], ["export", "all.csv"]):
        assert main([*command, "named"]) == 0
    if name == "sweep.json":
        assert main(["report"]) == 0  # of the newest that can be read
    shown = capsys.readouterr()
    assert f"local sweep {named}, 6 of 6 runs done" in shown.out
    assert f"{damaged}/{name} cannot be read; if it is damaged" in shown.err


@pytest.mark.parametrize("project", ["x" * 129, *(f"a{letter}b" for letter in "/\\#?%:")])
def test_a_project_that_wandb_refuses_is_refused(project):
    for config, given in ((GRID, project), (GRID | {"project": project}, None)):
        with pytest.raises(SweepError, match=r"^W&B refuses the project's name: "):
            local.sweep(config, project=given)
    with pytest.raises(wandb.errors.UsageError):
        wandb.Settings(project=project)


def test_an_intact_file_whose_configuration_is_refused_is_not_called_damaged(imported):
    path = store.store() / imported / "sweep.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"config": GRID | {"run_cap": -1}}))
    with pytest.raises(SweepError, match=r"^(?!.*damaged).*run_cap is -1"):
        local.agent(imported, function=log_score)


def test_a_run_is_read_again_when_written_anew_and_crashed_if_nobody_holds_its_lock(imported):
    sweep = local.open_sweep(imported)
    changed = dataclasses.replace(sweep.runs()[3], state="running", seconds=2.5)
    sweep.save(changed)
    assert sweep.runs()[3] == dataclasses.replace(changed, state="crashed")
    assert sweep.saved(sweep.path(3)) == changed
    sweep.path(3).unlink()
    assert sweep.saved(sweep.path(3)) is None and len(sweep.runs()) == 5


def test_files_of_older_releases_are_read(imported):
    sweep = local.open_sweep(imported)
    path = sweep.path(0)
    content = json.loads(path.read_text())
    for name in ("project", "group", "tags", "created_at"):
        del content[name]
    path.write_text(json.dumps(content))
    assert sweep.runs()[0] == a_run(0, local.grid(GRID)[0])


def test_a_sweep_is_kept_with_what_repeats_it(monkeypatch, capsys):
    monkeypatch.setattr(store.secrets, "randbits", lambda bits: bits)
    sweep_id = local.sweep(GRID | {"project": "its own"})
    sweep = local.open_sweep(sweep_id)
    assert (sweep.project, sweep.seed, sweep.id) == ("its own", 32, sweep_id)
    where = os.path.relpath(store.store() / sweep_id)
    assert f"grid, 6 runs, kept in {where}" in capsys.readouterr().out


def test_an_interrupted_run_of_an_unknown_proposal_is_proposed_anew():
    sweep_id = local.sweep(GRID)
    first = local.grid(GRID)[0]
    store.open_sweep(sweep_id).save(Run(0, "id0", "name", "killed", first, {}))
    local.agent(sweep_id, function=log_score, count=1)
    (run,) = local.runs(sweep_id)
    assert run.state == "finished" and run.config == first and run.params == 0
