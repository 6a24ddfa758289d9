"""Bad input by generation: whatever comes in, it is taken or refused by an error of this package that names the place.

`make test` takes some hundred examples of each kind, always the same. For many thousands, always others:
``pytest tests/test_bad_input.py --hypothesis-profile=long``.
"""

import contextlib
import io
import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sudoku_sweep import data, local, model, solver, sweeps
from sudoku_sweep.analysis import results, tables
from sudoku_sweep.boards import generator, rules
from sudoku_sweep.cli import commands, replay
from sudoku_sweep.cli.main import main
from sudoku_sweep.errors import BoardError, CheckpointError, SudokuError
from sudoku_sweep.local import SweepError, search
from sudoku_sweep.local.distributions import QUANTILES, QUANTIZED
from sudoku_sweep.train import Config, build_model

SECONDS = 10  # of processor time that an example may take: whatever else the machine does
pytestmark = [
    pytest.mark.usefixtures("in_tmp_path"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]
# The folder and the fixtures are shared by all examples of a test: each writes its own files anew.
by_generation = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


class Hang(BaseException):
    """No ``Exception``: nothing but the test may catch it."""


@contextlib.contextmanager
def time_limit():
    def ring(*_):
        raise Hang(f"more than {SECONDS} seconds")

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def taken(function, *arguments, error=SudokuError, names=""):
    """What a function returns, None if it refuses its arguments in words in which the place is named."""
    with time_limit():
        try:
            return function(*arguments)
        except error as refusal:
            assert re.search(names, str(refusal)), refusal
            assert not re.search(r"Traceback|site-packages", str(refusal)), refusal
            return None


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-2, 40)
    | st.floats()
    | st.text(max_size=6)
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def damaged(draw, content):
    """A few bytes of a file changed, taken out, put in or doubled; or its end cut off."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, 10**6)) % max(len(content), 1)
        length = draw(st.sampled_from([1, 1, 1, 2, 81, 1000]))
        old = content[at : at + length]
        new = draw(
            st.binary(min_size=len(old), max_size=len(old))
            | st.binary(max_size=4)
            | st.sampled_from(
                [b"", old * 2, b'"', b"\n", b",", b"\0", b"-1", b"1e999", b"\xef\xbb\xbf", b"null"]
            )
        )
        content = content[:at] + new + (content[at + length :] if draw(st.integers(0, 9)) else b"")
    return content


# --- boards -----------------------------------------------------------------------------------------------

FEW = generator.make_boards(20, seed=33)
NET = build_model(Config(embedding_dim=6, attention_dim=6))


@st.composite
def board_texts(draw):
    """A quiz as text with some characters changed, or a text of about that length."""
    quiz = list("".join(map(str, draw(st.sampled_from(list(FEW.quizzes))))))
    for _ in range(draw(st.integers(0, 4))):
        quiz[draw(st.integers(0, 80))] = draw(
            st.sampled_from([*"0123456789. \n-x", "٣", "²", "\0", ""])
        )
    return "".join(quiz)


@by_generation
@given(board_texts() | st.text(max_size=90) | st.text("0123456789.", min_size=81, max_size=81))
def test_boards_as_text(text):
    board = taken(data.parse_board, text, error=BoardError, names=r"row|81|repeat|digit")
    if board is None:
        return
    found = taken(solver.solve, NET, board[None], error=BoardError, names=r"board 0 .*row")
    if found is not None and found.solved[0]:
        assert rules.obeys_rules(found.boards.numpy()).all()


arrays = st.tuples(
    st.sampled_from(["uint8", "int8", "int64", "float32", "bool", "complex64", "float16"]),
    st.sampled_from([(81,), (1, 81), (3, 81), (0, 81), (2, 80), (1, 9, 9), ()]),
    st.integers(-3, 12),
    st.integers(0, 2**32 - 1),
)


@by_generation
@given(arrays)
def test_boards_as_arrays(drawn):
    kind, shape, largest, seed = drawn
    values = np.random.default_rng(seed).integers(min(largest, 0), max(largest, 0) + 1, shape)
    values = np.where(
        np.random.default_rng(seed).random(shape) < 0.9, 0, values
    )  # else all break rules
    taken(solver.solve, NET, values.astype(kind), error=BoardError, names="board")


@by_generation
@given(st.integers(-2, 3), st.integers(-2, 2**70), st.integers(-5, 90), st.integers(-5, 90))
def test_orders_for_boards(n, seed, low, high):
    boards = taken(
        generator.make_boards, n, seed, (low, high), error=BoardError, names="boards|clues"
    )
    if boards is not None:
        data.check_boards(boards)


# --- CSV files --------------------------------------------------------------------------------------------

BOARDS = data.boards_to_csv(FEW)
IN_ANOTHER_DIALECT = (
    BOARDS.replace(b"\n", b"\r\n")
    .replace(b"quizzes", b"name,quizzes")
    .replace(b"\r\n", b"\r\nx,", 3)
)


@by_generation
@given(damaged(BOARDS) | damaged(IN_ANOTHER_DIALECT))
def test_files_of_boards(content):
    Path("any.csv").write_bytes(content)
    boards = taken(data.load_boards, "any.csv", error=BoardError, names=r"any\.csv")
    if boards is not None:
        assert rules.obeys_rules(boards.solutions).all()
    quizzes = taken(data.load_quizzes, "any.csv", error=BoardError, names=r"any\.csv")
    if quizzes is not None:
        assert quizzes.shape[1] == 81 and quizzes.max() <= 9


SWEEP = {
    "method": "grid",
    "metric": {"name": "val_accuracy", "goal": "maximize"},
    "name": "quick",
    "parameters": {
        "learning_rate": {"values": [0.001, 0.01]},
        "n_heads": {"values": [1, 3]},
        "epochs": {"value": 4},
        "seed": {"value": 0},
    },
}


def recorded_runs():
    """The runs of ``SWEEP`` as if they had been trained."""
    runs = []
    for index, config in enumerate(local.grid_points(SWEEP)):
        rows = [
            {
                "_step": epoch,
                "epoch": epoch + 1,
                "train_loss": 2.0 - epoch / 4,
                "val_accuracy": epoch / 9,
            }
            for epoch in range(config["epochs"])
        ]
        summary = rows[-1] | {
            "device": "CPU",
            "commit": "0000000",
            "seconds": 1.5,
            "cpu_seconds": 1.5,
        }
        state, error = ("failed", "ValueError: no luck") if index == 2 else ("finished", None)
        name = f"run-{index + 1}"
        runs.append(local.LocalRun(index, name, name, state, config, summary, error, 1.5, rows))
    return runs


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A file of results, as bytes."""
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_DIR", str(folder))
        sweep_id = local.import_runs(SWEEP, recorded_runs())
        results.save(folder / "runs.csv", sweep_id)
    return (folder / "runs.csv").read_bytes()


def use(path):
    """All that this package does with a file of results."""
    config, runs = results.load(path)
    frame = tables.runs_frame(runs)
    tables.leaderboard(frame).to_string()
    tables.history_frame(runs, "train_loss")
    for further in (results.resume, results.repeat):
        taken(further, path, error=SweepError)
    taken(replay.compare, config, runs, 1, 16, ["random"], error=SweepError)


@by_generation
@given(st.data())
def test_files_of_results(recorded, draws):
    Path("runs.csv").write_bytes(draws.draw(damaged(recorded)))
    taken(use, "runs.csv", error=SweepError, names=r"runs\.csv")


@by_generation
@given(st.data(), anything)
def test_cells_of_files_of_results(recorded, draws, value):
    """A file that is well-formed, but for one cell or the sweep in its header."""
    lines = recorded.decode().splitlines(keepends=True)
    table = [*results.csv.reader(lines[3:])]
    row, column = (
        draws.draw(st.integers(0, len(table) - 1)),
        draws.draw(st.integers(0, len(table[0]) - 1)),
    )
    table[row][column] = draws.draw(st.sampled_from([json.dumps(value), str(value)]))
    text = io.StringIO()
    results.csv.writer(text, lineterminator="\n").writerows(table)
    header = lines[:3]
    if draws.draw(st.booleans()):
        header[1] = f"# {json.dumps(changed(SWEEP, draws, value))}\n"
    Path("runs.csv").write_text("".join(header) + text.getvalue(), "utf-8", "surrogatepass")
    taken(use, "runs.csv", error=SweepError, names=r"runs\.csv")


def changed(config, draws, value):
    """A nested dict with one value anywhere in it replaced."""
    config = json.loads(json.dumps(config))
    inside = config
    while True:
        key = draws.draw(st.sampled_from(sorted(inside)))
        if not isinstance(inside[key], dict) or not inside[key] or draws.draw(st.booleans()):
            inside[key] = value
            return config
        inside = inside[key]


# --- sweeps -----------------------------------------------------------------------------------------------

numbers = (
    st.integers(-3, 40)
    | st.floats()
    | st.integers()
    | st.sampled_from([0.0, 1.0, 1e-5, "1e-5", 10**400])
)
# What a refusal of a sweep names: a part of its configuration.
NAMED = "parameter|method|metric|early_terminate|run_cap|project|configuration|sweep|grid"
entries = st.fixed_dictionaries(
    {},
    optional={
        "distribution": st.sampled_from([*QUANTILES, *QUANTIZED, "flat"]) | scalars,
        "value": anything,
        "values": st.lists(scalars, max_size=4) | anything,
        "probabilities": st.lists(st.sampled_from([0, 0.25, 0.5, 1.0]), max_size=4) | anything,
        **dict.fromkeys(["min", "max", "mu", "sigma", "q", "a", "b"], numbers | scalars),
        "parameters": anything,
    },
)
names = st.sampled_from([*Config.__dataclass_fields__, "a", "b.c"]) | st.text(max_size=4)
sweep_configs = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["grid", "random", "bayes"]) | scalars,
        "parameters": st.dictionaries(names, entries | anything, max_size=4) | anything,
    },
    optional={
        "metric": st.fixed_dictionaries(
            {"name": st.just("score") | scalars},
            optional={
                "goal": st.sampled_from(search.GOALS) | scalars,
                "impute": st.sampled_from(search.IMPUTE) | scalars,
                "target": numbers | anything,
            },
        )
        | anything,
        "run_cap": st.integers(-1, 5) | anything,
        "early_terminate": st.fixed_dictionaries(
            {"type": st.just("hyperband")},
            optional=dict.fromkeys(
                ["min_iter", "max_iter", "s", "eta", "strict"], numbers | anything
            ),
        )
        | anything,
        "name": scalars,
        "project": scalars,
        "colour": anything,
    },
)


def plan(config):
    """All that is done with a sweep before a run starts."""
    size = search.check(config)
    with contextlib.redirect_stdout(io.StringIO()):
        local.sweep(config)
    done = [
        {
            "point": [0.5] * len(search._searched(config)),
            "state": "finished",
            "rows": [],
            "summary": {"score": s},
        }
        for s in (0.25, 0.75)
    ]
    for number in range(min(size or 3, 3)):
        point = search.propose(config, 7, number, done if config["method"] == "bayes" else [])
        values = search.configuration(config, point)
        json.dumps(values)
        yaml.safe_dump(values)
    sweeps.check_sweep(config, count=1)


@by_generation
@given(sweep_configs | anything)
def test_sweep_configurations(config):
    taken(plan, config, error=SweepError, names=NAMED)


@by_generation
@given(st.data())
def test_sweeps_with_one_thing_wrong(draws):
    config = draws.draw(st.sampled_from([SWEEP, RANDOM, BAYES]))
    config = changed(config, draws, draws.draw(anything | entries | numbers))
    taken(plan, config, error=SweepError, names=NAMED)


RANDOM = {
    "method": "random",
    "run_cap": 3,
    "parameters": {
        "learning_rate": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2},
        "embedding_dim": {"distribution": "q_uniform", "min": 6, "max": 30, "q": 3},
        "n_heads": {"values": [1, 3], "probabilities": [0.5, 0.5]},
        "attention_dim": {"value": 9},
    },
}
BAYES = RANDOM | {
    "method": "bayes",
    "metric": {"name": "score", "goal": "minimize", "target": 0.1, "impute": "worst"},
    "early_terminate": {"type": "hyperband", "max_iter": 27, "s": 2, "eta": 3, "strict": True},
}
YAML = yaml.safe_dump(BAYES).encode()
ODD_YAML = [
    "2026-13-01",
    "!!bool x",
    "!!timestamp x",
    "!!int x",
    "&a [*a]",
    "!!python/object:os.x {}",
    "[" * 2000,
    "? {a: 1}\n: 2",
]


@by_generation
@given(damaged(YAML) | st.sampled_from([f"method: {odd}".encode() for odd in ODD_YAML]))
def test_files_of_sweeps(content):
    Path("any.yaml").write_bytes(content)
    config = taken(commands._read_sweep, "any.yaml", error=SweepError, names=r"any\.yaml")
    taken(plan, config, error=SweepError, names=NAMED)


@by_generation
@given(st.data())
def test_the_store_of_a_sweep(monkeypatch, draws):
    """Files of the store, damaged by somebody."""
    monkeypatch.setattr(local.secrets, "randbits", lambda _: 7)  # each time the same file
    with contextlib.redirect_stdout(io.StringIO()):
        sweep_id = local.import_runs(SWEEP, recorded_runs())
    folder = local._store() / sweep_id
    path = draws.draw(st.sampled_from([folder / "sweep.json", *sorted(folder.glob("runs/*.json"))]))
    content = path.read_bytes()
    if draws.draw(st.booleans()):
        content = draws.draw(damaged(content) | st.sampled_from([b"", b"[]", b"{}", b"[" * 5000]))
    else:
        content = json.dumps(changed(json.loads(content), draws, draws.draw(anything))).encode()
    path.write_bytes(content)
    runs = taken(local.runs, sweep_id, error=SweepError, names=f"{path.name}|{NAMED}")
    if runs is not None:
        assert len(runs) == 4
        tables.leaderboard(tables.runs_frame(runs))
        tables.history_frame(runs, "train_loss")


# --- checkpoints ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A net's file, as bytes."""
    path = tmp_path_factory.mktemp("net") / "net.pt"
    model.save_checkpoint(path, NET, about={"config": {"seed": 0}})
    return path.read_bytes()


@by_generation
@given(st.data())
def test_checkpoints(checkpoint, draws):
    Path("net.pt").write_bytes(draws.draw(damaged(checkpoint)))
    loaded = taken(model.load_checkpoint, "net.pt", error=CheckpointError, names=r"net\.pt")
    if loaded is not None:
        solver.solve(loaded[0], FEW.quizzes[:1])


@by_generation
@given(st.data(), anything)
def test_checkpoints_with_other_contents(draws, value):
    """A file that PyTorch can read, with anything in it."""
    weights = {
        name: [float(x) for x in weight.flatten()[:3]] for name, weight in NET.state_dict().items()
    }
    content = changed({"shape": NET.shape, "about": {"seed": 0}, "weights": weights}, draws, value)
    if draws.draw(st.booleans()):  # else the weights are no tensors
        content["weights"] = NET.state_dict()
    torch.save(content, "net.pt")
    loaded = taken(model.load_checkpoint, "net.pt", error=CheckpointError, names=r"net\.pt")
    if loaded is not None:
        solver.solve(loaded[0], FEW.quizzes[:1])


# --- flags ------------------------------------------------------------------------------------------------

words = st.text(
    st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), max_size=8
)  # no path leads out of the folder
ODD = [
    "",
    "-1",
    "0",
    "1",
    "3",
    "1e-3",
    "nan",
    "inf",
    "1e999",
    "9" * 12,
    "9" * 30,
    "٣",
    "x.pt",
    "x.csv",
]
values = words | st.sampled_from(ODD)
SMALL = ["--boards=2", "--validation-boards=1", "--epochs=1", "--steps-per-epoch=1"]
HYPERPARAMETERS = [f"--{name.replace('_', '-')}" for name in Config.__dataclass_fields__]
FLAGS = {  # but for those that ask for long work: that is no bad input
    "train": [flag for flag in HYPERPARAMETERS if flag not in ("--epochs", "--validate-every")]
    + ["--row", "--results", "--save", "--device", "--threads", "--nonsense", "--preset"],
    "data": ["--out", "--clues", "--seed", "--folder"],
    "sweep": ["--preset", "--resume", "--repeat", "--count", "--boards", "--device"],
    "agent": ["--count", "--workers", "--device", "--threads"],
    "export": ["--nonsense"],
    "report": ["--nonsense"],
    "replay": ["--results", "--epochs", "--nonsense"],
    "solve": ["--file", "--out", "--net"],
    "nonsense": ["--nonsense"],
}


@pytest.fixture
def few_boards(monkeypatch):
    monkeypatch.setattr(data, "load_split", lambda name: FEW)
    monkeypatch.setattr(data, "SPLIT_SIZES", dict.fromkeys(data.SPLIT_SEEDS, 20))


@pytest.mark.usefixtures("few_boards")
@by_generation
@given(st.sampled_from(sorted(FLAGS)), st.data())
def test_flags(command, draws):
    flag = st.sampled_from(FLAGS[command])
    drawn = draws.draw(st.lists(st.tuples(flag | st.none(), values), min_size=1, max_size=3))
    fixed = {
        "train": SMALL,
        "data": ["--boards=20"],
        "replay": ["--out=x.csv", "--epochs=10", "--repetitions=1"],
    }
    arguments = [command, *fixed.get(command, [])]
    arguments += [f"{name}={value}" if name else value for name, value in drawn]
    os.environ["WANDB_DIR"] = f"sweeps for {command}"  # no agent finds a sweep
    errors = io.StringIO()
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(errors),
        time_limit(),
    ):
        try:
            status = main(arguments)
        except SystemExit as left:  # argparse's way
            status = left.code
    assert status in (0, 1, 2)
    assert status != 2 or re.search(r"^(error: |usage: )", errors.getvalue()), errors.getvalue()
    assert "Traceback" not in errors.getvalue()
