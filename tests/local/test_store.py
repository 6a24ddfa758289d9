import dataclasses
import json
import os

import pytest
from tiny_sweep import GRID, log_score

from sudoku_sweep import local
from sudoku_sweep.local import Run, SweepError, store

pytestmark = pytest.mark.usefixtures("in_tmp_path")


def a_run(index, config, state="finished"):
    row = {"_step": 0, "score": index}
    return Run(index, f"id{index}", "name", state, config, row, None, 1.5, [row])


@pytest.fixture
def imported():
    """A sweep whose runs are written and were never made."""
    points = enumerate(local.grid(GRID))
    return local.import_runs(GRID, [a_run(at, config) for at, config in points])


def test_runs_are_read_back_as_they_were(imported):
    runs = local.runs(imported)
    assert [run.config for run in runs] == list(local.grid(GRID)) and runs[3].index == 3
    assert runs[2].rows == [{"_step": 0, "score": 2}] and runs[2].seconds == 1.5
    assert local.open_sweep(f"entity/project/{imported}").config == GRID


def test_history_holds_the_rows_with_the_keys_that_were_asked_for():
    rows = [{"_step": 0, "a": 1}, {"_step": 1, "a": 2, "b": 3}]
    run = Run(0, "id", "name", "finished", {}, {}, None, 1, rows)
    assert list(run.scan_history()) == rows and run.history()["a"].tolist() == [1, 2]
    assert list(run.scan_history(keys=["a"])) == [{"a": 1}, {"a": 2}]
    assert list(run.scan_history(keys=["a", "b"])) == [{"a": 2, "b": 3}]
    assert run.history(keys=["b"])["b"].tolist() == [3]


def test_imported_runs_are_not_made_again():
    points = list(local.grid(GRID))
    sweep_id = local.import_runs(GRID, [a_run(0, points[0]), a_run(4, points[4])], project="p")
    local.agent(sweep_id, function=log_score)
    runs = local.runs(sweep_id)
    assert [run.config for run in runs] == points
    assert [run.id for run in runs if run.id.startswith("id")] == ["id0", "id4"]


@pytest.mark.parametrize(
    "change, index, word",
    [
        ({}, 1, "run 2 has another config"),
        ({}, 6, "run 7 has another config"),
        ({"method": "random", "run_cap": 9}, 0, "a sweep by random has no grid"),
        ({"run_cap": 0}, 0, "run_cap is 0"),
    ],
)
def test_runs_that_are_not_those_of_the_grid_are_refused(change, index, word):
    with pytest.raises(SweepError, match=word):
        local.import_runs(GRID | change, [a_run(index, local.grid(GRID)[0])])


def test_the_latest_sweep_is_found():
    with pytest.raises(SweepError, match=r"no local sweep in .* yet: make one with `sweep`"):
        local.latest_sweep()
    earlier, latest = local.sweep(GRID), local.sweep(GRID)
    os.utime(store.store() / earlier / "sweep.json", (0, 0))
    assert local.latest_sweep() == latest


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


def test_an_intact_file_whose_configuration_is_refused_is_not_called_damaged(imported):
    path = store.store() / imported / "sweep.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"config": GRID | {"run_cap": -1}}))
    with pytest.raises(SweepError, match="run_cap is -1") as refusal:
        local.agent(imported, function=log_score)
    assert "damaged" not in str(refusal.value) and "delete" not in str(refusal.value)


def test_a_record_is_read_again_when_it_was_written_anew(imported):
    sweep = store.open_sweep(imported)
    changed = dataclasses.replace(sweep.runs()[3], state="failed")
    sweep.save(changed)
    assert sweep.runs(besides=2)[2] == changed
    path = sweep.path(3)
    path.unlink()
    assert sweep.saved(path) is None and len(sweep.runs()) == 5


def test_a_run_whose_lock_nobody_holds_has_crashed(imported):
    sweep = store.open_sweep(imported)
    sweep.save(dataclasses.replace(sweep.runs()[1], state="running"))
    assert local.runs(imported)[1].state == "crashed"
    assert sweep.saved(sweep.path(1)).state == "running"


def test_a_sweep_is_kept_with_what_repeats_it(monkeypatch, capsys):
    monkeypatch.setattr(store.secrets, "randbits", lambda bits: bits)
    sweep_id = local.sweep(GRID | {"project": "its own"})
    content = json.loads((store.store() / sweep_id / "sweep.json").read_text())
    assert content["project"] == "its own" and content["seed"] == 32 and content["id"] == sweep_id
    where = os.path.relpath(store.store() / sweep_id)
    assert f"grid, 6 runs, kept in {where}" in capsys.readouterr().out
