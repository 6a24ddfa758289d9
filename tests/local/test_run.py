import math
import multiprocessing
import os
import sys
import threading
import time
import zlib
from pathlib import Path

import pytest
import tiny_sweep
import wandb
from wandb.proto.wandb_internal_pb2 import Record, RunExitRecord

from sudoku_sweep import local
from sudoku_sweep.local import Run, SweepError, execution, wandb_file

pytestmark = pytest.mark.usefixtures("in_tmp_path")


def ran(function, **parameters):
    """The runs of a new sweep, one run unless it is given parameters."""
    values = {name: {"value": value} for name, value in parameters.items()}
    sweep = tiny_sweep.GRID | {"parameters": values or {"a": {"value": 1}}, "project": "mine"}
    return tiny_sweep.ran(function, sweep)


def as_lightning(scores):
    run = wandb.init(project="lightning_logs", dir=".", resume="allow")
    run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
    run.config.update({"lr": 0.1}, allow_val_change=True)
    for step, score in enumerate(scores):
        run.log({"loss": 1 - score, "trainer/global_step": step})
        run.log({"score": score, "trainer/global_step": step})


def as_transformers(scores):
    wandb.init(project="huggingface", name="trainer_output")
    wandb.config.update({"lr": 0.1, "dtype": None}, allow_val_change=True)
    wandb.define_metric("*", step_metric="train/global_step", step_sync=True)
    for step, score in enumerate(scores):
        wandb.log({"score": score, "train/global_step": step})
    wandb.run.summary["train_runtime"] = 1.5
    wandb.log({"train/global_step": len(scores)})


@pytest.mark.parametrize("logger", [as_lightning, as_transformers])
def test_what_loggers_leave_in_a_run_that_they_do_not_finish_is_recorded(logger):
    scores = [0.2, 0.9, 0.7]
    (run,) = ran(lambda: logger(scores))
    assert run.state == "finished" and run.history(keys=["score"])["score"].tolist() == scores
    assert run.summary["score"] == 0.7 and (run.config["a"], run.config["lr"]) == (1, 0.1)


def log_in_child():
    with wandb.init() as run:
        run.log({"score": run.config.a})


def log_inherited(run, a):
    run.log({"score": a})  # wandb keeps no config in a fork


def in_child(method, function, *arguments):
    child = multiprocessing.get_context(method).Process(target=function, args=arguments)
    child.start()
    child.join()


def forked():
    with wandb.init() as run:
        in_child("fork", log_inherited, run, run.config.a)


@pytest.mark.parametrize("train", [lambda: in_child("spawn", log_in_child), forked])
def test_what_a_child_process_logs_is_recorded(train):
    (run,) = ran(train)
    assert (run.state, run.config, run.summary["score"]) == ("finished", {"a": 1}, 1)


def test_the_sweep_decides_about_id_project_and_entity_and_the_run_about_its_folder():
    seen, wishes = [], {"id": "my-id", "project": "elsewhere", "entity": "somebody"}
    wishes |= {"group": "own", "dir": Path("logs").absolute()}
    wishes["dir"].mkdir()

    def train():
        with wandb.init(**wishes) as run:
            seen.append((run.id, run.project, run.entity))
            run.log({"score": 1})

    (run,) = ran(train)
    assert seen == [(run.id, run.project, "")] and run.project == "mine" and run.group == "own"
    assert run.summary["score"] == 1


def test_the_exit_code_decides_about_a_run_and_a_good_exit_is_none_that_failed():
    def train():
        with wandb.init() as run:
            run.log({"score": 1})
            run.finish(exit_code=1) if run.config.b == 0.5 else sys.exit(0)

    failed, good = tiny_sweep.ran(train, count=2)
    assert (failed.state, good.state) == ("failed", "finished")
    assert failed.error == "its W&B run was finished with exit code 1"


def test_of_several_runs_in_one_call_the_last_one_is_recorded():
    def folds():
        for fold in (1, 2, 3):
            with wandb.init(config={"fold": fold}) as run:
                run.log({"score": fold})

    (run,) = ran(folds)
    assert run.config == {"a": 1, "fold": 3} and [row["score"] for row in run.rows] == [3]


def test_not_a_number_stays_one():
    def train():
        with wandb.init() as run:
            run.log({"score": 1, "gap": math.nan})

    (run,) = ran(train)
    assert math.isnan(run.rows[0]["gap"]) and math.isnan(run.summary["gap"])


def test_a_second_agent_in_the_same_process_is_refused_at_once():
    refusals = []

    def start_another():
        try:
            ran(log_in_child)
        except SweepError as error:
            refusals.append(str(error))

    def train():
        start_another()
        thread = threading.Thread(target=start_another)
        thread.start()
        thread.join()
        log_in_child()

    assert [run.state for run in ran(train)] == ["finished"]
    assert len(refusals) == 2 and all("an agent is at work" in text for text in refusals)
    assert len(ran(log_in_child)) == 1  # it is free again


def test_after_the_agent_all_is_as_before(monkeypatch):
    monkeypatch.setenv("WANDB_DIR", ".")
    Path("elsewhere").mkdir()

    def train():
        os.chdir("elsewhere")
        os.environ["WANDB_NOTES"] = "mine"
        log_in_child()

    def state():
        environment = {name: os.environ[name] for name in os.environ if name.startswith("WANDB")}
        return sys.exit, sys.excepthook, os.getcwd(), environment, wandb.Run.log, wandb.Run.__exit__

    before = state()
    assert len(ran(train)) == 1
    assert state() == before


def test_the_address_of_a_background_process_that_is_gone_does_no_harm(monkeypatch):
    wandb.setup().ensure_service()
    address = os.environ["WANDB_SERVICE"]
    wandb.teardown()
    monkeypatch.setenv("WANDB_SERVICE", address)
    assert [run.state for run in ran(log_in_child)] == ["finished"]


def test_of_a_file_that_ends_anywhere_what_is_whole_is_read(tmp_path):
    def train():
        with wandb.init(config={"words": ["x" * 100] * 700}) as run:  # longer than two blocks
            for step in range(3):
                run.log({"score": step})

    (run,) = ran(train)
    content = wandb_file.find(tmp_path, run.id).read_bytes()
    n_rows = []
    for length in (*range(0, 200), *range(len(content) - 2000, len(content) + 1)):
        (tmp_path / "cut").write_bytes(content[:length])
        exit_code = wandb_file.read_into(run, tmp_path / "cut")
        n_rows.append(len(run.rows))
        assert exit_code is None or length == len(content)
    assert sorted(set(n_rows)) == [0, 1, 2, 3] and n_rows == sorted(n_rows)
    assert len(run.config["words"]) == 700 and exit_code == 0


def chunk(record):
    whole = record.SerializeToString()
    checksum = zlib.crc32(bytes([wandb_file.WHOLE]) + whole)
    return wandb_file.CHUNK.pack(checksum, len(whole), wandb_file.WHOLE) + whole


@pytest.mark.parametrize("left", range(7))  # bytes of a block in which no header fits any more
def test_a_record_behind_the_unused_end_of_a_block_is_read(tmp_path, left):
    content = bytes(wandb_file.HEADER_BYTES)
    overhead = len(content) + wandb_file.CHUNK.size + 5  # of the record itself
    long = Record(uuid="x" * (wandb_file.BLOCK_BYTES - overhead - left))
    for record in (long, Record(exit=RunExitRecord(exit_code=3))):
        content += chunk(record) + bytes(left)
    (tmp_path / "file").write_bytes(content)
    run = Run(0, "id", "name", "running", {}, {})
    assert wandb_file.read_into(run, tmp_path / "file") == 3


def test_what_the_sweep_gave_stays_in_a_run_that_was_killed_before_it_wrote_it(tmp_path):
    given = Record()
    given.run.config.update.add(key="width", value_json="8")
    (tmp_path / "file").write_bytes(bytes(wandb_file.HEADER_BYTES) + chunk(given))
    run = Run(0, "id", "name", "running", {"a": 1, "width": 4}, {})
    assert wandb_file.read_into(run, tmp_path / "file") is None
    assert run.config == {"a": 1, "width": 8}


def test_of_a_damaged_file_what_stands_before_the_damage_is_recorded(monkeypatch):
    monkeypatch.setattr(execution, "WRITE_SECONDS", 0.01)

    def train():
        with wandb.init() as run:
            for step in range(3):
                run.log({"score": step})
        path = wandb_file.find(Path.cwd(), run.id)
        whole = Run(0, run.id, "", "running", {}, {})
        while wandb_file.read_into(whole, path) is None:  # wandb writes the end a little later
            time.sleep(0.01)
        content = path.read_bytes()
        at = content.rindex(b"score")  # in the last summary
        path.write_bytes(content[:at] + b"x" + content[at + 1 :])

    sweep_id = local.sweep(tiny_sweep.GRID)
    said = "what W&B wrote is damaged after step 1, and recorded up to there: wandb/offline-run"
    with pytest.raises(SweepError, match=said):
        local.agent(sweep_id, function=train, count=1)
    (run,) = local.runs(sweep_id)
    assert run.state == "failed" and run.config["a"] == 1 and run.error.startswith(said)
    assert tiny_sweep.logged(run.rows) == [{"score": 0}, {"score": 1}]
