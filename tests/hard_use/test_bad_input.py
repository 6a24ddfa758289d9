"""Bad input by generation: whatever comes in, it is taken or refused by an error of this package that names the place.

Some hundred examples of each kind, always the same. For thousands, always others: ``--hypothesis-profile=long``.
Configurations of sweeps, and the files of their store, are tried in ``tests/local``.
"""

import contextlib
import functools
import io
import json
import os
import re
import signal
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sudoku_sweep import data, model, solver
from sudoku_sweep.boards import generator, rules
from sudoku_sweep.cli.main import main
from sudoku_sweep.errors import BoardError, CheckpointError
from sudoku_sweep.train import Config, build_model

SECONDS = 10  # of processor time that an example may take: whatever else the machine does
pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("in_tmp_path"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]
# The folder and the fixtures are shared by all examples of a test: each writes its own files anew.
by_generation = settings(
    max_examples=max(500, settings.default.max_examples),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
FEW = generator.make_boards(20, seed=33)
NET = build_model(Config(embedding_dim=6, attention_dim=6))


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


def taken(function, *arguments, error, names):
    """What a function returns; None if it refuses its arguments by an error in which the place is named."""
    with time_limit():
        try:
            return function(*arguments)
        except error as refusal:
            assert re.search(names, str(refusal)), refusal
            assert not re.search(r"Traceback|site-packages", str(refusal)), refusal
            return None


numbers = st.integers() | st.integers(-2, 40) | st.floats()
scalars = st.none() | st.booleans() | numbers | st.text(max_size=6)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=5,
)
ODD = [b"", b'"', b"\n", b",", b"\0", b"-1", b"1e999", b"\xef\xbb\xbf", b"null"]


@st.composite
def damaged(draw, content):
    """A few bytes of a file changed, taken out, put in or doubled; or its end cut off."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, 10**6)) % max(len(content), 1)
        length = draw(st.sampled_from([1, 1, 1, 2, 81, 1000]))
        old = content[at : at + length]
        other = st.binary(min_size=len(old), max_size=len(old)) | st.binary(max_size=4)
        new = draw(other | st.sampled_from([*ODD, old * 2]))
        content = content[:at] + new + (content[at + length :] if draw(st.integers(0, 9)) else b"")
    return content


# --- boards ---


@st.composite
def board_texts(draw):
    """A quiz as text with some characters changed, or a text of about that length."""
    quiz = list("".join(map(str, draw(st.sampled_from(list(FEW.quizzes))))))
    odd = st.sampled_from([*"0123456789. \n-x", "٣", "²", "\0", ""])
    for _ in range(draw(st.integers(0, 4))):
        quiz[draw(st.integers(0, 80))] = draw(odd)
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


# --- checkpoints ---


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A net's file."""
    path = tmp_path_factory.mktemp("net") / "net.pt"
    model.save_checkpoint(path, NET, {"config": {"seed": 0}})
    return path


@by_generation
@given(st.data())
def test_checkpoints(checkpoint, draws):
    Path("net.pt").write_bytes(draws.draw(damaged(checkpoint.read_bytes())))
    loaded = taken(model.load_checkpoint, "net.pt", error=CheckpointError, names=r"net\.pt")
    if loaded is not None:
        solver.solve(loaded[0], FEW.quizzes[:1])


@by_generation
@given(st.data(), anything)
def test_checkpoints_with_other_contents(checkpoint, draws, value):
    """A file that PyTorch can read, with anything in it."""
    content = torch.load(checkpoint, weights_only=True)
    weights = content["weights"]
    content["weights"] = {name: weight.flatten()[:3].tolist() for name, weight in weights.items()}
    content = changed(content, draws, value)
    if draws.draw(st.booleans()):  # else the weights are no tensors
        content["weights"] = weights
    torch.save(content, "net.pt")
    loaded = taken(model.load_checkpoint, "net.pt", error=CheckpointError, names=r"net\.pt")
    if loaded is not None:
        solver.solve(loaded[0], FEW.quizzes[:1])


# --- flags ---

letters = st.characters(exclude_characters="\0/", exclude_categories=["Cs"])  # paths stay inside
values = st.text(letters, max_size=8) | st.sampled_from(
    ["-1", "0", "1", "1e-3", "nan", "inf", "1e999", "9" * 12, "9" * 30, "٣", "x.pt", "x.csv"]
)
COMMANDS = {  # and what keeps each of them short
    "train": ["--boards=2", "--validation-boards=1", "--epochs=1", "--steps-per-epoch=1"],
    **{name: [] for name in ("sweep", "agent", "export", "report", "solve", "nonsense")},
}
# Flags that ask for long work, or for W&B: that is no bad input.
LEFT_OUT = "boards|validation-boards|epochs|steps-per-epoch|validate-every|minimal|wandb|test|help"


@functools.cache
def flags(command):
    """The flags that ``--help`` of a command names, and one that is none."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        main([command, "--help"])
    known = set(re.findall(r"--[a-z][a-z-]*", text.getvalue()))
    return [
        "--nonsense",
        *sorted(name for name in known if not re.fullmatch(f"--({LEFT_OUT})", name)),
    ]


@by_generation
@given(st.sampled_from(sorted(COMMANDS)), st.data())
def test_flags(monkeypatch, command, draws):
    monkeypatch.setattr(data, "load_split", lambda name: FEW)
    flag = st.sampled_from(flags(command)) | st.none()
    drawn = draws.draw(st.lists(st.tuples(flag, values), min_size=1, max_size=3))
    arguments = [command, *COMMANDS[command]]
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
