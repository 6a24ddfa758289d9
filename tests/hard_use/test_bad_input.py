"""Bad input by generation: whatever comes in, it is taken or refused by an error of this package that names the place.

Some hundred examples of each kind, always the same. For thousands, always others: ``--hypothesis-profile=long``.
Configurations of sweeps, and the files of their store, are tried in ``tests/local``.
"""

import contextlib
import functools
import io
import os
import re
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sudoku_sweep import checkpoint, data, solver
from sudoku_sweep.boards import generator, rules
from sudoku_sweep.cli.main import main
from sudoku_sweep.errors import BoardError, CheckpointError
from sudoku_sweep.train import Config, build_model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("in_tmp_path"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]
# The folder and the fixtures are shared by all examples of a test: each writes its own files anew.
by_generation = settings(
    max_examples=max(500, settings.default.max_examples),
    deadline=10_000,  # milliseconds
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
FEW = generator.make_boards(20, seed=33)
NET = build_model(Config(embedding_dim=6, attention_dim=6))


def taken(function, *arguments, error, names):
    """What a function returns; None if it refuses its arguments by an error in which the place is named."""
    try:
        return function(*arguments)
    except error as refusal:
        assert re.search(names, str(refusal)), refusal
        assert not re.search(r"Traceback|site-packages", str(refusal)), refusal
        return None


numbers = st.integers() | st.integers(-2, 40) | st.floats()
scalars = st.none() | st.booleans() | numbers | st.text(max_size=6)
anything = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=4), scalars)
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
    if board is not None:
        found = taken(solver.solve, NET, board[None], error=BoardError, names=r"board 0 .*row")
        if found is not None and found.solved[0]:
            assert rules.obeys_rules(found.boards.numpy()).all()


@by_generation
@given(damaged(data.boards_to_csv(FEW)))
def test_files_of_boards(content):
    Path("any.csv").write_bytes(content)
    boards = taken(data.load_boards, "any.csv", error=BoardError, names=r"any\.csv")
    if boards is not None:
        assert rules.obeys_rules(boards.solutions).all()


SAVED, SHAPE = io.BytesIO(), {name: getattr(NET.config, name) for name in checkpoint.SIZES}
torch.save({"shape": SHAPE, "metadata": {"seed": 0}, "weights": NET.state_dict()}, SAVED)


@st.composite
def other_contents(draw):
    """A file that PyTorch can read, with anything in the place of something."""
    content = torch.load(io.BytesIO(SAVED.getvalue()), weights_only=True)
    inside = draw(st.sampled_from([content, *content.values()]))
    inside[draw(st.sampled_from(sorted(inside)))] = draw(anything)
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


@by_generation
@given(damaged(SAVED.getvalue()) | other_contents())
def test_checkpoints(content):
    Path("net.pt").write_bytes(content)
    loaded = taken(checkpoint.load_checkpoint, "net.pt", error=CheckpointError, names=r"net\.pt")
    if loaded is not None:
        solver.solve(loaded[0], FEW.quizzes[:1])


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
    with contextlib.redirect_stdout(text):
        main([command, "--help"])
    known = set(re.findall(rf"--(?!{LEFT_OUT})[a-z][a-z-]*", text.getvalue()))
    return ["--nonsense", *sorted(known)]


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
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
        status = main(arguments)
    assert status in (0, 1, 2)
    assert status != 2 or re.search(r"(?i)^(error|usage): ", errors.getvalue()), errors.getvalue()
    assert "Traceback" not in errors.getvalue()
