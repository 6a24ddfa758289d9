"""Killed at any moment, on a full disk, many at once, with failing runs: nothing is lost, nothing half is read.

Processes are forked, so that each starts at once; a run takes about a fifth of a second.
"""

import errno
import gc
import itertools
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path
from statistics import quantiles

import psutil
import pytest
import torch
import wandb

from sudoku_sweep import checkpoint, local, train
from sudoku_sweep.analysis import results
from sudoku_sweep.errors import StorageError
from sudoku_sweep.files import write_atomically

fork = multiprocessing.get_context("fork")
pytestmark = pytest.mark.usefixtures("in_tmp_path")


def grid(n):
    return {"method": "grid", "parameters": {"a": {"values": list(range(n))}}}


def log_a():
    with wandb.init() as run:
        run.log({"score": run.config.a})


def start(function, *arguments):
    """A process of its own that runs a function, in silence."""

    def quiet():
        os.setpgrp()  # with wandb's background process, so that both can be killed
        null = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(null, stream)
        function(*arguments)

    process = fork.Process(target=quiet)
    process.start()
    return process


def kill(process):
    """Kill -9, of its whole group; returns whether it was still at work."""
    alive = process.is_alive()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # it has ended, or has not yet made its group
        process.kill()
    process.join()
    return alive


def test_what_is_no_plain_file_stays_what_it_is(tmp_path):
    target, link, pipe = (tmp_path / name for name in ("target", "link", "pipe"))
    write_atomically(target, b"old")
    target.chmod(0o600)
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert link.is_symlink() and target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o600
    os.mkfifo(pipe)
    writer = threading.Thread(target=write_atomically, args=(pipe, b"through"))
    writer.start()
    assert pipe.read_bytes() == b"through" and pipe.is_fifo()
    writer.join()
    before = os.umask(0o077)
    try:
        write_atomically(tmp_path / "private", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_agents_that_are_killed_lose_no_finished_run_and_finish_every_configuration_once():
    rng = random.Random(0)
    sweep_id, kept, kills = local.sweep(grid(120)), {}, 0
    agents = [start(local.agent, sweep_id, log_a) for _ in range(6)]
    while kills < 50 and len(kept) < 120:
        time.sleep(rng.uniform(0.02, 0.3))
        at = rng.randrange(len(agents))
        kills += kill(agents[at])
        agents[at] = start(local.agent, sweep_id, log_a)
        runs = local.runs(sweep_id)  # reads every file of the sweep
        now = {run.index: run.id for run in runs if run.state == "finished"}
        assert kept.items() <= now.items(), "a run was lost"
        kept = now
    assert kills >= 20  # on a fast machine the sweep may end before the fiftieth
    for agent in agents:
        agent.join()
    local.agent(sweep_id, log_a)  # what was being run when the last agent was killed
    runs = local.runs(sweep_id)
    assert [run.state for run in runs] == ["finished"] * 120
    assert [run.summary["score"] for run in runs] == list(range(120))
    assert len({run.id for run in runs}) == 120
    assert kept.items() <= {run.index: run.id for run in runs}.items()


PROGRAM = """
import time, wandb
with wandb.init() as run:
    run.log({"score": run.config.a})
    time.sleep(1)
with open("ended", "a") as file:
    print(run.config.a, file=file)
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_of_an_agent_with_programs_outlives_a_signal_and_nothing_is_trained_twice():
    rng = random.Random(2)
    Path("own.py").write_text(PROGRAM)
    sweep_id = local.sweep(grid(15) | {"program": "own.py"})
    command = [sys.executable, "-m", "sudoku_sweep", "agent", sweep_id, "--workers"]
    here = dict(env=os.environ | {"PYTHONPATH": str(Path(local.__file__).parents[2])})
    for number in 2 * [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL]:
        agent = subprocess.Popen([*command, rng.choice("12")], start_new_session=True, **here)
        time.sleep(rng.uniform(1, 5))
        processes = psutil.Process(agent.pid).children(recursive=True)
        rng.choice([os.kill, os.killpg])(agent.pid, number)
        agent.wait(35)
        assert not psutil.wait_procs(processes, timeout=35)[1]
    subprocess.run([*command, "3"], check=True, **here)
    assert [run.state for run in local.runs(sweep_id)] == ["finished"] * 15
    ended = Path("ended").read_text().split()
    assert len(ended) == len(set(ended)) >= 7


@pytest.mark.slow
def test_a_process_killed_while_it_writes_leaves_a_whole_checkpoint_or_none():
    rng, seen, path = random.Random(1), 0, Path("net.pt")
    net = train.build_model(train.Config(embedding_dim=6, attention_dim=6))

    def write_for_ever():
        while True:
            checkpoint.save_checkpoint(path, net, {})

    for _ in range(50):
        process = start(write_for_ever)
        time.sleep(rng.uniform(0.01, 0.1))
        assert kill(process)
        seen += path.exists()
        if path.exists():
            checkpoint.load_checkpoint(path)
    assert seen > 10


def test_a_full_disk_is_one_clear_error_and_damages_nothing(tmp_path):
    path = tmp_path / "results.csv"
    write_atomically(path, b"what was there")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))  # no file may grow beyond that
    try:
        with pytest.raises(StorageError, match=r"cannot write results\.csv in .*: .*unchanged"):
            write_atomically(path, bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"what was there" and os.listdir(tmp_path) == ["results.csv"]
    with pytest.raises(StorageError, match=r"cannot write net\.pt"):
        write_atomically(path / "net.pt", b"")  # a file is no folder


@pytest.fixture
def shut(monkeypatch):
    """A folder that can be read but not written, with a sweep of which one run has been made."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as folder:  # not in tmp_path, which others cannot enter
        monkeypatch.setenv("WANDB_DIR", folder)
        sweep_id = local.sweep(grid(2))
        local.agent(sweep_id, log_a, count=1)
        os.system(f"chmod -R a-w,a+rX '{folder}'")
        if user == 0:  # root may write everywhere
            os.seteuid(65534)
        yield Path(folder), sweep_id
        os.seteuid(user)
        os.system(f"chmod -R u+w '{folder}'")


def test_a_folder_that_must_not_be_written_is_one_clear_error_for_everything(shut):
    folder, sweep_id = shut

    def content():
        return {path: path.stat().st_mtime for path in folder.rglob("*") if path.suffix != ".log"}

    before = content()
    runs = local.runs(sweep_id)  # reading is no problem
    assert [run.state for run in runs] == ["finished"]
    for write in (
        lambda: write_atomically(folder / "net.pt", b""),
        lambda: local.sweep(grid(2)),
        lambda: local.agent(sweep_id, log_a),
        lambda: results.export(folder / "runs", runs, {}),
    ):
        with pytest.raises(StorageError, match=f"cannot write .*{os.strerror(errno.EACCES)}"):
            write()
    assert content() == before


def test_a_run_without_enough_memory_fails_alone_and_lets_go_of_what_it_had(boards, monkeypatch):
    nets, build_model = [], train.build_model

    def remembered(config):
        gc.collect()
        assert [net() for net in nets] == [None] * len(nets)  # those of the runs before
        net = build_model(config)
        nets.append(weakref.ref(net))
        return net

    def train_one():
        with wandb.init() as run:
            n = (
                10**14 if run.config.a == 7 else 0
            )  # more than there is: a CPU's PyTorch raises then
            config = train.Config(embedding_dim=run.config.a, attention_dim=6, epochs=1)
            few = boards.first(16), boards.first(2)
            train.fit(config, *few, log=lambda metrics: torch.empty(n))

    monkeypatch.setattr(train, "build_model", remembered)
    sweep_id = local.sweep({"method": "grid", "parameters": {"a": {"values": [7, 6, 5]}}})
    local.agent(sweep_id, train_one)
    large, *others = local.runs(sweep_id)
    assert large.state == "failed" and [run.state for run in others] == ["finished"] * 2
    assert large.error.startswith("not enough memory") and len(nets) == 3


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux has /proc")
def test_five_hundred_runs_get_no_slower_and_leave_nothing_behind(boards, tmp_path):
    few, seen = boards.first(32), []

    def train_tiny():
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        files = len(os.listdir("/proc/self/fd"))
        # the time of this process: what others do on the machine is not in it
        seen.append((time.process_time(), pages, files, threading.active_count()))
        with wandb.init() as run:
            config = train.Config(embedding_dim=6, attention_dim=6, epochs=1, batch_size=16)
            train.fit(config, few, few.first(2), log=run.log)

    sweep_id = local.sweep(grid(500))
    local.agent(sweep_id, train_tiny)
    seconds, memory, files, threads = zip(*seen, strict=True)
    each = [after - before for before, after in itertools.pairwise(seconds)]
    # the tenth part that was least disturbed, for a busy machine costs processor time, too
    first, last = (quantiles(part, n=10)[0] for part in (each[10:110], each[-100:]))
    assert last < 1.1 * first  # it would be more if each run read the files of all others
    assert max(memory[-20:]) < 1.05 * max(memory[20:40])
    assert max(files[-20:]) <= max(files[20:40]) and max(threads[-20:]) <= max(threads[20:40])
    store = tmp_path / "wandb" / "local-sweeps" / sweep_id
    size = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    assert size / 500 < 2_000  # bytes per run
