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
from signed_in import wandb_command
from wandb_server import KEY, Server, wait_for

from sudoku_sweep.local.backend import ONLINE

pytestmark = pytest.mark.slow
# The limits that choose_backend sets, in seconds, made short.
INIT_TIMEOUT = FINISH_TIMEOUT = LOGIN_TIMEOUT = 2
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
print(json.dumps({{"slowest": slowest, "score": score}}))
"""
CHOICE = "from sudoku_sweep import local; assert local.choose_backend() is local\n"


class Cell(subprocess.Popen):
    """A cell of the notebook, in an interpreter of its own. ``go_on`` after each of its pauses, then ``end``."""

    def __init__(self, source, environment):
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        super().__init__([sys.executable, "-c", source], env=environment, text=True, **pipes)

    def pause(self):
        """Wait for the next pause; returns the lines that were printed before it."""
        lines = []
        while (line := self.stdout.readline()) != "paused\n":
            assert line, self.stderr.read()
            lines.append(line)
        return lines

    def go_on(self):
        """Go on to the next pause."""
        self.stdin.write("\n")
        self.stdin.flush()
        self.pause()

    def end(self, within):
        """Go on to the end, for so many seconds at most; returns what was printed (stdout, stderr)."""
        printed = self.communicate("\n", timeout=within)
        assert self.returncode == 0, printed
        return printed


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
    assert limits.keys() <= ONLINE.keys()
    limits |= {"WANDB__FILE_STREAM_TRANSMIT_INTERVAL": "1"}  # not 15 s: rows arrive while it trains
    return os.environ | server.environment | home | ONLINE | limits | {"WANDB_SILENT": "false"}


@pytest.fixture
def start(environment):
    cells = []

    def start(source, **changes):
        cells.append(Cell(source, environment | changes))
        return cells[-1]

    yield start
    for cell in cells:
        cell.kill()
        cell.communicate()


def misbehave(server, how):
    """From now on: ``"gone"``, or what ``Server.fail`` knows. Returns a function that waits until wandb has met it."""
    if how == "gone":
        server.stop()
        return lambda: time.sleep(2)  # wandb sends every second
    fault = server.fail(how)
    return lambda: wait_for(lambda: fault.hits)


def recover(server, how):
    server.start() if how == "gone" else server.heal()


def begin_training(server, start, **changes):
    """A cell in its first pause, with rows that have arrived."""
    cell = start(TRAINING, **changes)
    cell.pause()
    wait_for(lambda: any(run.rows for run in server.runs.values()))
    return cell


def assert_trained(printed):
    """The loop went on at its pace, to its end."""
    result = json.loads(printed)
    assert result["slowest"] < SLOWEST_LOG and result["score"] == EPOCHS / 10


def assert_complete(run):
    assert (run.state, run.exit_code) == ("finished", 0)
    assert run.config == {"learning_rate": 0.1}
    # `wandb sync` sends all rows again, behind those that the server has: the same row under the same step
    by_step = {row["_step"]: row for row in run.rows}
    assert [by_step[step] for step in sorted(by_step)] == ROWS
    assert all(row == by_step[row["_step"]] for row in run.rows)
    assert (run.summary["epoch"], run.summary["score"]) == (EPOCHS, EPOCHS / 10)


@pytest.mark.parametrize(
    ("key", "how", "reason"),
    [
        (None, None, "no W&B key found"),
        ("tooshort", None, "did not accept"),
        (KEY, 401, "did not accept"),
        (KEY, "hang", "did not answer"),
        (KEY, "gone", "did not answer"),
    ],
)
def test_without_an_account_a_line_says_why(server, start, environment, tmp_path, key, how, reason):
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        del environment[name]
    if how:
        misbehave(server, how)
    began = time.monotonic()
    changes = {"WANDB_API_KEY": key} if key else {}
    cell = start(CHOICE + TRAINING, WANDB_HTTP_TIMEOUT=str(LOGIN_TIMEOUT), **changes)
    (line,) = cell.pause()
    assert time.monotonic() - began < LOGIN_TIMEOUT + 2 * MARGIN
    assert reason in line and "Runs stay on this machine" in line and "`wandb login`" in line
    assert key is None or key not in line
    cell.go_on()
    cell.go_on()
    assert_trained(cell.end(within=MARGIN)[0])
    assert not server.runs
    if how:
        recover(server, how)
    (folder,) = tmp_path.glob("wandb/offline-run-*")
    wandb_command("sync", folder, environment=environment | {"WANDB_API_KEY": KEY})
    (run,) = server.runs.values()
    assert_complete(run)


@pytest.mark.parametrize("how", ["hang", "gone"])
def test_a_run_that_finds_no_server_is_given_up_and_says_so(server, start, how):
    """Between choose_backend and init the network may go away."""
    misbehave(server, how)
    began = time.monotonic()
    cell = start('import wandb; wandb.init(project="p")')
    err = cell.communicate(timeout=INIT_TIMEOUT + MARGIN)[1]
    assert time.monotonic() - began > INIT_TIMEOUT  # it is this limit that ended it
    assert cell.returncode and "CommError" in err and "Timed out" in err and not server.runs


@pytest.mark.parametrize("how", [500, 429, "drop", "lose", "gone"])
def test_a_fault_that_passes_leaves_no_trace(server, start, how):
    cell = begin_training(server, start, WANDB_FINISH_TIMEOUT="20")
    wait_until_met = misbehave(server, how)
    cell.go_on()
    wait_until_met()
    recover(server, how)
    cell.go_on()
    out, err = cell.end(within=20)
    assert_trained(out)
    assert "WARNING" not in err
    (run,) = server.runs.values()
    assert_complete(run)


@pytest.mark.parametrize("how", [500, 429, 401, "drop", "hang", "gone"])
def test_a_fault_that_stays_ends_the_cell(server, start, environment, tmp_path, how):
    cell = begin_training(server, start)
    wait_until_met = misbehave(server, how)
    cell.go_on()
    wait_until_met()
    cell.go_on()
    out, err = cell.end(within=FINISH_TIMEOUT + MARGIN)
    assert_trained(out)
    assert err.count(WARNING) == 1 and "Use `wandb sync`" in err  # the reader is told
    (folder,) = tmp_path.glob("wandb/run-*")
    (run,) = server.runs.values()
    assert (folder / f"run-{run.id}.wandb").exists() and run.state == "running"
    recover(server, how)
    # The advice of wandb's own message is not enough: `wandb sync` passes over runs that began online.
    assert "No runs to sync" in wandb_command("sync", folder, environment=environment)
    wandb_command("sync", "--include-online", folder, environment=environment)
    assert_complete(run)
