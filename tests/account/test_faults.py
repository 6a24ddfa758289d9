"""What goes wrong between the real wandb client and its server, and what becomes of the run.

In every case the training loop goes on, the cell ends, the reader is told, and the run can be synced later. Cells
run in an interpreter of their own, which can be ended: where a server is gone, wandb may wait for ever.
"""

import json
import os
import subprocess
import sys
import time

import pytest
import wandb
from wandb_server import KEY, Server, wait_for

from sudoku_sweep import local, sweeps

# The limits that choose_backend sets, in seconds, made short.
INIT_TIMEOUT = 2
FINISH_TIMEOUT = 2
LOGIN_TIMEOUT = 2
# What a cell may take beyond them. Measured: 0.5 s for a run, 1.5 s for Python and wandb to start.
MARGIN = 6
SLOWEST_LOG = 1  # measured: 0.03 s
# What wandb tells the reader; choose_backend has told before how to sync a run that began online.
WARNING = "WARNING Fatal error while uploading data. Some run data will not be synced, but it will still be written"

EPOCHS = 300
ROWS = [{"_step": epoch - 1, "epoch": epoch, "score": epoch / 10} for epoch in range(1, EPOCHS + 1)]

# As Cell 9 of the notebook does it. Where it pauses, it waits for a line from its test.
TRAINING = f"""
import json, os, sys, time, wandb

def pause():
    print("paused", flush=True)
    sys.stdin.readline()

run = wandb.init(project="p", config={{"learning_rate": 0.1}})
run.define_metric("*", step_metric="epoch")
slowest = 0
for epoch in range(1, {EPOCHS} + 1):
    if epoch in ({EPOCHS} // 3, 2 * {EPOCHS} // 3):
        pause()
    start = time.monotonic()
    run.log({{"epoch": epoch, "score": epoch / 10}})
    slowest = max(slowest, time.monotonic() - start)
pause()
score = run.summary["score"]
run.finish()
print(json.dumps({{"slowest": slowest, "score": score, "folder": os.path.dirname(run.dir)}}))
"""


class Cell:
    """A cell of the notebook, in an interpreter of its own. ``go_on`` after each of its pauses, then ``end``."""

    def __init__(self, source, environment):
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        command = [sys.executable, "-c", source]
        self.process = subprocess.Popen(command, env=environment, text=True, **pipes)

    def wait(self):
        """Wait for the next pause."""
        assert self.process.stdout.readline() == "paused\n", self.process.stderr.read()

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def go_on_to_next_pause(self):
        self.go_on()
        self.wait()

    def end(self, within):
        """Go on to the end; returns what was printed (stdout, stderr)."""
        try:
            printed = self.process.communicate("\n", timeout=within)
        except subprocess.TimeoutExpired:
            pytest.fail(f"the cell did not end within {within} s")
        assert self.process.returncode == 0, printed
        return printed

    def kill(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def server():
    with Server() as server:
        yield server
    assert server.unknown == []


@pytest.fixture
def environment(server, tmp_path, monkeypatch):
    """What cells see after choose_backend has found the reader logged in."""
    monkeypatch.chdir(tmp_path)
    home = {"HOME": str(tmp_path), "WANDB_DIR": str(tmp_path)}  # where no .netrc holds a key
    limits = {"WANDB_INIT_TIMEOUT": str(INIT_TIMEOUT), "WANDB_FINISH_TIMEOUT": str(FINISH_TIMEOUT)}
    assert limits.keys() <= sweeps.ONLINE.keys()
    testing = {
        "WANDB_SILENT": "false",
        "WANDB__FILE_STREAM_TRANSMIT_INTERVAL": "1",  # not 15 s: rows arrive while it trains
    }
    return os.environ | server.environment | home | sweeps.ONLINE | limits | testing


@pytest.fixture
def start(environment):
    cells = []

    def start(source, **changes):
        cells.append(Cell(source, environment | changes))
        return cells[-1]

    yield start
    for cell in cells:
        cell.kill()


def begin_training(server, start, **changes):
    """A cell in its first pause, with rows that have arrived."""
    cell = start(TRAINING, **changes)
    cell.wait()
    wait_for(lambda: any(run.rows for run in server.runs.values()))
    return cell


def wandb_sync(*args, environment):
    """Run ``wandb sync``; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "wandb", "sync", *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        env=environment,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def assert_complete(run):
    assert (run.state, run.exit_code) == ("finished", 0)
    assert run.config == {"learning_rate": 0.1}
    # `wandb sync` sends all rows again, behind those that the server has: the same row under the same step
    by_step = {row["_step"]: row for row in run.rows}
    assert [by_step[step] for step in sorted(by_step)] == ROWS
    assert all(row == by_step[row["_step"]] for row in run.rows)
    assert (run.summary["epoch"], run.summary["score"]) == (EPOCHS, EPOCHS / 10)


def assert_synced_later(server, tmp_path, environment):
    """The one run on disk did not arrive, and arrives once the server is well again."""
    (folder,) = tmp_path.glob("wandb/run-*")
    (run,) = server.runs.values()
    assert (folder / f"run-{run.id}.wandb").exists()
    assert run.state == "running"
    server.heal()
    wandb_sync("--include-online", folder, environment=environment)
    assert_complete(run)


def assert_trained(printed):
    """The loop went on at its pace, to its end."""
    result = json.loads(printed)
    assert result["slowest"] < SLOWEST_LOG
    assert result["score"] == EPOCHS / 10


def assert_reader_is_told(printed):
    """One sentence says what happened and what to do."""
    assert printed.count(WARNING) == 1 and "Use `wandb sync`" in printed


# --- before the run: choose_backend ------------------------------------------------------------------------


def hang(server):
    server.fail(how="hang")


def refuse(server):
    server.fail(how=401)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "fault", "reason"),
    [
        (None, None, "No W&B key found"),
        ("tooshort", None, "did not accept"),
        ("f" * 40, None, "did not accept"),
        (KEY, refuse, "did not accept"),
        (KEY, hang, "did not answer"),
        (KEY, Server.stop, "did not answer"),
    ],
    ids=["no key", "too short a key", "wrong key", "refused key", "hanging host", "closed port"],
)
def test_without_a_usable_account_one_line_says_why_and_the_run_is_kept_for_later(
    server, environment, tmp_path, monkeypatch, capsys, key, fault, reason
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_HTTP_TIMEOUT", str(LOGIN_TIMEOUT))
    monkeypatch.setattr(sweeps, "_set_here", {})
    if key:
        monkeypatch.setenv("WANDB_API_KEY", key)
    else:
        monkeypatch.delenv("WANDB_API_KEY")
    wandb.teardown()
    if fault:
        fault(server)

    began = time.monotonic()
    assert local.choose_backend() is local
    with wandb.init(project="p", config={"learning_rate": 0.1}) as run:
        for row in ROWS:
            before = time.monotonic()
            run.log({"epoch": row["epoch"], "score": row["score"]})
            assert time.monotonic() - before < SLOWEST_LOG
    assert time.monotonic() - began < LOGIN_TIMEOUT + MARGIN
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert reason in line and "runs stay on this machine" in line and "`wandb login`" in line
    assert key is None or key not in line
    assert not server.runs

    wandb.teardown()
    if fault is Server.stop:
        server.start()
    server.heal()
    (folder,) = tmp_path.glob("wandb/offline-run-*")
    wandb_sync(folder, environment=environment)
    assert_complete(server.runs[run.id])


@pytest.mark.slow
@pytest.mark.parametrize("fault", [hang, Server.stop], ids=["hanging host", "closed port"])
def test_a_run_that_finds_no_server_is_given_up_and_says_so(server, start, fault):
    """Between choose_backend and init the network may go away."""
    fault(server)
    began = time.monotonic()
    cell = start("""if True:
        import wandb

        try:
            wandb.init(project="p")
        except wandb.errors.CommError as error:
            print(error)
    """)
    printed, _ = cell.end(within=INIT_TIMEOUT + MARGIN)
    assert time.monotonic() - began > INIT_TIMEOUT  # it is this limit that ended it
    assert "Timed out" in printed
    assert not server.runs


# --- during the run ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("how", [500, 429, "drop", "lose"])
def test_a_fault_that_passes_leaves_no_trace(server, start, how):
    cell = begin_training(server, start, WANDB_FINISH_TIMEOUT="20")
    fault = server.fail(how=how)
    cell.go_on_to_next_pause()
    wait_for(lambda: fault.hits)
    server.heal()
    cell.go_on_to_next_pause()
    out, err = cell.end(within=20)
    assert_trained(out)
    assert "WARNING" not in err
    (run,) = server.runs.values()
    assert_complete(run)


@pytest.mark.slow
def test_a_server_that_comes_back_during_the_run_gets_everything(server, start):
    cell = begin_training(server, start, WANDB_FINISH_TIMEOUT="20")
    server.stop()
    cell.go_on_to_next_pause()
    time.sleep(2)  # wandb sends every second, so it has noticed
    (run,) = server.runs.values()
    assert len(run.rows) < EPOCHS / 2
    server.start()
    cell.go_on_to_next_pause()
    out, err = cell.end(within=20)
    assert_trained(out)
    assert "WARNING" not in err
    assert_complete(run)


@pytest.mark.slow
@pytest.mark.parametrize("how", [500, 429, 401, "drop", "hang"])
def test_a_fault_that_stays_ends_the_cell_in_time_and_the_run_can_be_synced(
    server, start, environment, tmp_path, how
):
    cell = begin_training(server, start)
    fault = server.fail(how=how)
    cell.go_on_to_next_pause()
    wait_for(lambda: fault.hits)
    cell.go_on_to_next_pause()
    out, err = cell.end(within=FINISH_TIMEOUT + MARGIN)
    assert_trained(out)
    assert_reader_is_told(err)
    assert_synced_later(server, tmp_path, environment)


@pytest.mark.slow
def test_a_server_that_is_gone_at_the_end_ends_the_cell_in_time_and_the_run_can_be_synced(
    server, start, environment, tmp_path
):
    cell = begin_training(server, start)
    cell.go_on_to_next_pause()
    cell.go_on_to_next_pause()
    server.stop()
    out, err = cell.end(within=FINISH_TIMEOUT + MARGIN)
    assert_trained(out)
    assert_reader_is_told(err)
    server.start()
    (folder,) = tmp_path.glob("wandb/run-*")
    # The advice of wandb's own message is not enough: `wandb sync` passes over runs that began online.
    assert "No runs to sync" in wandb_sync(folder, environment=environment)
    assert_synced_later(server, tmp_path, environment)


AGENT = """
import wandb

def train():
    with wandb.init() as run:
        if run.config.a == 1:
            print("paused", flush=True)
            input()
        run.log({"score": run.config.a})

sweep_id = wandb.sweep({"method": "grid", "parameters": {"a": {"values": [1, 2]}}}, project="p")
wandb.agent(sweep_id, function=train, count=2)
"""


@pytest.mark.slow
def test_an_agent_waits_for_a_server_that_is_gone_and_goes_on(server, start):
    cell = start(AGENT)
    while cell.process.stdout.readline() != "paused\n":  # after the lines of wandb.sweep
        assert cell.process.poll() is None
    server.stop()
    cell.go_on()
    for line in cell.process.stderr:
        if "Waiting for job" in line:  # the reader is told
            break
    server.start()
    cell.end(within=60)
    first, second = server.runs.values()
    assert (first.config, first.state) == ({"a": 1}, "running")  # to be synced
    assert (second.config, second.state) == ({"a": 2}, "finished")
