import contextlib
import io
import os
import re
import sys
from types import SimpleNamespace

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from nbconvert.preprocessors.coalescestreams import CR_PAT
from tiny_sweep import log_score, ran

from sudoku_sweep.local import progress
from sudoku_sweep.local.progress import Progress

pytestmark = pytest.mark.usefixtures("in_tmp_path")


@pytest.mark.parametrize(
    "n_runs, count, done, again, ended",  # ended: {second: (index of the run, seconds left)}
    [
        (6, None, "", False, {10: (0, 50), 20: (1, 40), 60: (5, 0)}),
        (6, None, "ffxs", False, {10: (4, 10), 20: (5, 0)}),
        (6, None, "ffxsff", True, {10: (2, 0)}),
        (6, None, "", False, {10: (0, 50), 20: (2, 20), 30: (4, 6)}),  # two agents
        (10**400, None, "", False, {10: (0, 10**10)}),
        (6, 2, "", False, {10: (0, 10), 30: (1, 0)}),
        (6, 5, "fff", False, {10: (3, 20), 20: (4, 10), 30: (5, 0)}),
        (None, 3, "ff", False, {10: (2, 20), 20: (3, 10), 30: (4, 0)}),
    ],
)
def test_the_time_left_goes_by_how_fast_the_sweep_moves(
    monkeypatch, n_runs, count, done, again, ended
):
    clock = iter([0, *ended])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    states = {"f": "finished", "x": "failed", "s": "stopped"}
    runs = [SimpleNamespace(index=at, state=states[letter]) for at, letter in enumerate(done)]
    sweep = SimpleNamespace(runs=lambda: runs, space=SimpleNamespace(n_runs=n_runs))
    shown = Progress(sweep, count, again)
    assert [shown.seconds_left(index) for index, _ in ended.values()] == [
        left for _, left in ended.values()
    ]


def test_a_redirected_output_has_a_line_for_the_start_and_the_end_of_each_run(capsys):
    with contextlib.redirect_stdout(None):  # as in a process without outputs
        ran(log_score, count=1)
    ran(log_score, count=2)
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.partition(" | ")[0] for line in lines] == [
        "run 1 of 6 started",
        "run 1/6 finished",
        "run 2 of 6 started",
        "run 2/6 finished",
    ]
    assert re.fullmatch(r"run 1/6 .* \| \d s \| about \d s left", lines[1])
    assert re.fullmatch(r"run 2/6 .* \| \d s", lines[3])


def test_in_a_terminal_a_bar_is_there_until_a_run_prints_or_ends_and_leaves_nothing(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", terminal)

    def talk():
        log_score()
        print("mine", end=", ")
        print("all mine")

    ran(talk, count=2)
    text = terminal.getvalue()
    assert re.findall(r"\r(run .*?) \|.{20}\| (\d/6)", text) == [
        ("run 1 of 6", "0/6"),
        ("run 2 of 6", "1/6"),
    ]
    left = [line.partition(" | ")[0] for line in CR_PAT.sub("", text).splitlines()[1:]]
    assert left == ["mine, all mine", "run 1/6 finished", "mine, all mine", "run 2/6 finished"]


CELL = """
import sys
from tqdm import tqdm
from sudoku_sweep import local
from tiny_sweep import GRID, log_score

def train():
    log_score()
    for _ in tqdm(range(3)):
        print("a warning", file=sys.stderr)

local.agent(local.sweep(GRID), function=log_score, count=2)
local.agent(local.latest_sweep(), function=train, count=3)
"""


@pytest.mark.slow
def test_nothing_of_the_bar_remains_in_a_saved_notebook(monkeypatch):
    """Not even beside a warning and a bar of the run's own."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook).execute()
    assert "\rrun 5 of 6 |" in "".join(one.get("text", "") for one in notebook.cells[0].outputs)
    CoalesceStreamsPreprocessor().preprocess(notebook, {})
    printed = [one.text for one in notebook.cells[0].outputs if one.get("name") == "stdout"]
    lines = [line.partition(" | ")[0].strip() for line in "".join(printed).splitlines()[1:]]
    assert list(filter(None, lines)) == [f"run {at}/6 finished" for at in range(1, 6)]
