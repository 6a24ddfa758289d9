import hashlib
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from sudoku_sweep import data
from sudoku_sweep.boards import generator, rules
from sudoku_sweep.config import Config
from sudoku_sweep.errors import BoardError

GOOD = generator.make_boards(20, seed=5)


def test_the_readme_says_what_the_shipped_files_are():
    readme = (data.DATA_DIR / "README.md").read_text("utf-8")
    for name, seed in [*data.SPLIT_SEEDS.items(), ("minimal", data.SPLIT_SEEDS["train"])]:
        path = data.DATA_DIR / f"sudoku_{name}.csv"
        clues = (data.load_boards(path).quizzes > 0).sum(1)
        numbers = f"{len(clues):,} | {seed} | {clues.min()} | {clues.mean():.1f} | {clues.max()}"
        checksum = hashlib.sha256(path.read_bytes()).hexdigest()
        assert f"| `{path.name}` | {numbers} | `{checksum}` |" in readme
    clues = (data.load_split("train").quizzes > 0).sum(1)
    counts, _ = np.histogram(clues, [30, 35, 40, 45, 50, 55, 61])
    assert "| " + " | ".join(f"{count:,}" for count in counts) + " |" in readme


DIALECTS = {
    "as written": lambda text: text,
    "CR LF": lambda text: text.replace("\n", "\r\n"),
    "no last newline": lambda text: text.rstrip("\n"),
    "blank lines": lambda text: text.replace("\n", "\n , \n\n"),
    "byte order mark, spaces": lambda text: "\ufeff" + re.sub("([0-9])\n", r"\1 \n", text),
    "one more column": lambda text: "id," + text.replace("\n", "\n7,").removesuffix("7,"),
    "swapped": lambda text: re.sub("(.*),(.*)\n", r"\2,\1\n", text),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_written_boards_are_read_back_in_other_dialects_of_csv_too(tmp_path, dialect):
    path = tmp_path / "boards.csv"
    path.write_bytes(DIALECTS[dialect](data.boards_to_csv(GOOD).decode()).encode())
    again = data.load_boards(path)
    assert (again.quizzes == GOOD.quizzes).all() and (again.solutions == GOOD.solutions).all()


CLUE = int(np.flatnonzero(GOOD.quizzes[3])[0])
BLANK = int(np.flatnonzero(GOOD.quizzes[5] == 0)[0])


def changed(line, column, new):
    """The file of the good boards with another character in one place."""
    lines = data.boards_to_csv(GOOD).splitlines(keepends=True)
    lines[line - 1] = lines[line - 1][:column] + new + lines[line - 1][column + 1 :]
    return b"".join(lines)


def another(digit):
    return str(digit % 9 + 1).encode()


@pytest.mark.parametrize(
    "content, named",
    [
        (changed(5, 40, b"x"), ["line 5", "row 5, column 5"]),
        (changed(5, 40, "数".encode()), ["line 5", "row 5, column 5"]),
        (changed(5, CLUE, another(GOOD.quizzes[3, CLUE])), ["line 5", "contradicts"]),
        (changed(6, 82, b"0"), ["line 6", "row 1, column 1"]),
        (changed(7, 82 + BLANK, another(GOOD.solutions[5, BLANK])), ["line 7", "repeats"]),
        (changed(9, 10, b""), ["line 9", "this text has 80"]),
        (changed(9, 10, b"x").replace(b"\n", b"\n\n"), ["line 17", "row 2, column 2"]),
        (changed(1, 0, b"x"), ["columns quizzes and solutions"]),
        (b"", ["columns quizzes and solutions"]),
        (bytes(range(256)) * 3, ["columns quizzes and solutions"]),
    ],
)
def test_a_malformed_file_is_refused_with_the_place(tmp_path, content, named):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(BoardError) as refusal:
        data.load_boards(path)
    for part in ["bad.csv", *named]:
        assert part in str(refusal.value)


def test_a_missing_file_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(BoardError, match=r"scripts/make_boards\.py"):
        data.load_boards(tmp_path / "nothing.csv")
    with pytest.raises(BoardError, match="train, validation, test"):
        data.load_split("trian")


def test_text_is_a_board_if_it_has_81_digits_and_the_cell_that_is_none_is_named():
    in_lines = "\n".join("".join(map(str, row)) for row in GOOD.quizzes[0].reshape(9, 9))
    for text in (in_lines, in_lines.replace("0", ".")):
        assert (data.parse_board(text) == GOOD.quizzes[0]).all()
    with pytest.raises(BoardError, match="this text has 80"):
        data.parse_board("1" * 80)
    with pytest.raises(BoardError, match="row 2, column 1"):
        data.parse_board("0" * 9 + "x" + "0" * 71)


def test_minimal_training_boards_are_the_first_ones_with_fewer_clues():
    boards = data.training_boards(6)
    mixed = data.training_boards(6, n_minimal=3)
    assert (mixed.solutions == boards.solutions).all()
    fewer = (mixed.quizzes > 0).sum(1) < (boards.quizzes > 0).sum(1)
    assert fewer.tolist() == [True] * 3 + [False] * 3
    for n, n_minimal, most in ((6, 7, 6), (None, 10_001, 10_000)):
        with pytest.raises(BoardError, match=f"{n_minimal} minimal boards .* {most} at most"):
            data.training_boards(n, n_minimal)
    with pytest.raises(BoardError, match="no 20001 training boards: there are 20,000"):
        data.training_boards(20_001)


@pytest.mark.slow
def test_boards_and_nets_come_along_when_the_package_is_installed(tmp_path):
    """Without ``-e``, and away from the checkout."""
    root = data.DATA_DIR.parent
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", tmp_path]
    subprocess.run([*pip, root], check=True)
    code = "from sudoku_sweep import checkpoint, data; print(data.DATA_DIR, len(data.load_split('test').quizzes))"
    code += "; checkpoint.load_checkpoint(data.DATA_DIR / 'winner.pt')"
    where = dict(cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)})
    done = subprocess.run([sys.executable, "-c", code], **where, capture_output=True, text=True)
    assert done.stdout == f"{tmp_path}/sudoku_sweep/shipped 2000\n", done.stderr


def test_augmented_boards_are_renamed_boards_with_some_blanks_filled_in():
    quizzes, before = map(torch.from_numpy, generator.make_boards(1000, seed=12))
    new, after = data.augment(quizzes, before, torch.Generator().manual_seed(0))
    assert rules.obeys_rules(after.numpy()).all()
    assert ((new == 0) | (new == after)).all() and (new[quizzes > 0] > 0).all()  # clues stay
    names = torch.stack([before, after], 2)  # [board, cell, old and new]
    assert all(len(board.unique(dim=0)) == 9 for board in names)  # one new name per digit
    assert abs((after == before).float().mean() - 1 / 9) < 0.01  # which is any of the nine
    left = ((new == 0).sum(1) / (quizzes == 0).sum(1)).numpy()
    assert left.min() < 0.1 and left.max() > 0.9 and abs(left.mean() - 0.5) < 0.03
    half, _ = data.augment(quizzes, before, torch.Generator().manual_seed(0), max_revealed=0.5)
    left = ((half == 0).sum(1) / (quizzes == 0).sum(1)).numpy()
    assert left.min() > 0.25 and abs(left.mean() - 0.75) < 0.02


@pytest.mark.parametrize(
    "steps, rollout, n_boards, n_batches",
    [(None, 0, 20_000, 313), (40, 0, 20_000, 40), (40, 0, 100, 2), (None, 32, 20_000, 625)],
)
def test_an_epoch_is_all_boards_or_as_many_steps_as_asked_for(steps, rollout, n_boards, n_batches):
    config = Config(batch_size=64, steps_per_epoch=steps, rollout=rollout)
    assert data.steps_per_epoch(config, n_boards) == n_batches


def test_every_batch_is_augmented_afresh():
    one = GOOD.first(1)
    batches = data.Batches(one, Config(), "cpu")
    seen = [batch for _ in range(40) for batch in batches]
    digits = {tuple(solutions.flatten().tolist()) for _, solutions in seen}
    blanks = {int((quizzes == 0).sum()) for quizzes, _ in seen}
    assert len(digits) > 35  # renamed
    assert len(blanks) > 15 and max(blanks) <= (one.quizzes == 0).sum()  # revealed
