import contextlib
import hashlib
import io
import multiprocessing
import re

import numpy as np
import pytest
import torch
from dancing_links import solutions
from hypothesis import given, settings
from hypothesis import strategies as st

from sudoku_sweep import data
from sudoku_sweep.boards import generator, rules, symmetry
from sudoku_sweep.data import Boards
from sudoku_sweep.errors import BoardError

SMALL_SET_SHA256 = "924d5c82adde0048d88c9dc47e0796bae7fff2fc568e1d7f340f1a82285b24fb"


@pytest.fixture(scope="module")
def made():
    return generator.make_boards(1000, seed=7)


@pytest.fixture(scope="module")
def splits():
    return {name: data.load_split(name) for name in data.SPLIT_SEEDS}


def as_text(board):
    return "".join(map(str, board))


def scramble(grid, rng):
    """Another form of the same grid: new digits, lines and bands permuted, perhaps transposed."""
    lines = [
        np.concatenate([3 * band + rng.permutation(3) for band in rng.permutation(3)])
        for _ in range(2)
    ]
    square = grid.reshape(9, 9)[lines[0]][:, lines[1]]
    if rng.random() < 0.5:
        square = square.T
    return (rng.permutation(9) + 1)[square - 1].astype(np.uint8).reshape(81)


# --- making -----------------------------------------------------------------------------------------------


def test_units_are_the_rows_columns_and_boxes_of_a_board():
    boxes = "000111222" * 3 + "333444555" * 3 + "666777888" * 3
    for unit in range(9):
        assert rules.UNITS[unit].tolist() == list(range(9 * unit, 9 * unit + 9))
        assert rules.UNITS[9 + unit].tolist() == list(range(unit, 81, 9))
        assert rules.UNITS[18 + unit].tolist() == [
            cell for cell in range(81) if boxes[cell] == str(unit)
        ]


def test_every_made_board_has_one_solution_says_an_independent_solver(made):
    for quiz, solution in zip(*made, strict=True):
        assert solutions(as_text(quiz)) == [as_text(solution)]


def test_count_solutions_agrees_with_the_independent_solver(made):
    rng = np.random.default_rng(0)
    for quiz in made.quizzes[:60]:
        # often ambiguous
        board = np.where(rng.random(81) < rng.choice([0, 0.1, 0.3]), 0, quiz).astype(np.uint8)
        assert rules.count_solutions(board) == len(solutions(as_text(board)))


def test_hidden_singles_alone_solve_every_made_board(made):
    """The generator's proof of uniqueness, read backwards, by a solver that knows nothing else."""
    for quiz, solution in zip(made.quizzes[:200], made.solutions[:200], strict=True):
        board = quiz.copy()
        progress = True
        while progress:
            progress = False
            for unit in rules.UNITS:
                for digit in set(range(1, 10)) - set(board[unit]):
                    places = [
                        c for c in unit if not board[c] and digit not in board[rules.PEERS[c]]
                    ]
                    if len(places) == 1:
                        board[places[0]] = digit
                        progress = True
        assert (board == solution).all()


def test_a_small_set_never_changes():
    content = data.boards_to_csv(generator.make_boards(100, seed=3))
    assert hashlib.sha256(content).hexdigest() == SMALL_SET_SHA256


def test_the_first_boards_of_a_larger_set_are_the_smaller_set(made):
    assert (generator.make_boards(2500, seed=7).quizzes[:1000] == made.quizzes).all()
    assert (generator.make_boards(10, seed=8).quizzes != made.quizzes[:10]).any()


def test_clues_stay_in_the_range_asked_for_unless_a_board_cannot_get_there():
    clues = (generator.make_boards(500, seed=1, clues=(40, 45)).quizzes > 0).sum(1)
    assert set(clues) == set(range(40, 46))
    hard = (generator.make_boards(500, seed=1, clues=(17, 17)).quizzes > 0).sum(1)
    assert 28 <= hard.min() <= 33 and 34 < hard.mean() < 37


@pytest.mark.parametrize(
    "arguments", [(-1, 0), (5, 0, (16, 30)), (5, 0, (50, 40)), (5, 0, (30, 82))]
)
def test_impossible_requests_are_refused(arguments):
    with pytest.raises(BoardError):
        generator.make_boards(*arguments)


# --- the shipped files ------------------------------------------------------------------------------------


def test_shipped_files_are_what_their_seeds_make_and_what_the_readme_says(splits):
    readme = (data.DATA_DIR / "README.md").read_text("utf-8")
    for name, seed in data.SPLIT_SEEDS.items():
        content = (data.DATA_DIR / f"sudoku_{name}.csv").read_bytes()
        boards = generator.make_boards(len(splits[name].quizzes), seed)
        assert content == data.boards_to_csv(boards)
        clues = (boards.quizzes > 0).sum(1)
        numbers = f"{len(clues):,} | {seed} | {clues.min()} | {clues.mean():.1f} | {clues.max()}"
        assert (
            f"| `sudoku_{name}.csv` | {numbers} | `{hashlib.sha256(content).hexdigest()}` |"
            in readme
        )
    counts = np.histogram((splits["train"].quizzes > 0).sum(1), bins=[30, 35, 40, 45, 50, 55, 61])[
        0
    ]
    assert "| " + " | ".join(f"{count:,}" for count in counts) + " |" in readme


def test_no_grid_of_one_split_is_a_form_of_a_grid_of_another(splits):
    assert len(symmetry.leaked(splits["validation"], splits["train"])) == 0
    assert len(symmetry.leaked(splits["test"], splits["train"])) == 0
    assert len(symmetry.leaked(splits["test"], splits["validation"])) == 0


def test_a_scrambled_training_grid_planted_in_validation_is_found(splits):
    rng = np.random.default_rng(1)
    planted = Boards(*(part.copy() for part in splits["validation"]))
    for place in (3, 1500):
        planted.solutions[place] = scramble(splits["train"].solutions[place], rng)
    assert symmetry.leaked(planted, splits["train"]).tolist() == [3, 1500]


def test_fingerprints_ignore_symmetries_and_tell_grids_apart(made):
    rng = np.random.default_rng(2)
    scrambled = np.stack([scramble(grid, rng) for grid in made.solutions])
    assert (symmetry.fingerprints(scrambled) == symmetry.fingerprints(made.solutions)).all()
    assert rules.obeys_rules(scrambled).all()
    assert len(np.unique(symmetry.fingerprints(made.solutions))) == len(made.solutions)


# --- reading, writing, checking ---------------------------------------------------------------------------


def test_written_boards_are_read_back(tmp_path, made):
    path = tmp_path / "boards.csv"
    path.write_bytes(data.boards_to_csv(made))
    again = data.load_boards(path)
    assert (again.quizzes == made.quizzes).all() and (again.solutions == made.solutions).all()


def test_other_csv_dialects_are_read_too(tmp_path, made):
    text = data.boards_to_csv(made.first(5)).decode()
    lines = text.splitlines()
    dialects = {
        "crlf.csv": text.replace("\n", "\r\n"),
        "no_last_newline.csv": text.rstrip("\n"),
        "extra_column.csv": "\n".join(
            ["id,quizzes,solutions", *(f"7,{line}" for line in lines[1:])]
        )
        + "\n",
        "blank_lines.csv": text.replace("\n", "\n\n"),
        "swapped.csv": "\n".join(",".join(reversed(line.split(","))) for line in lines) + "\n",
    }
    for name, content in dialects.items():
        (tmp_path / name).write_bytes(content.encode())
        again = data.load_boards(tmp_path / name)
        assert (again.quizzes == made.quizzes[:5]).all(), name
        assert (again.solutions == made.solutions[:5]).all(), name


def change_character(content, line, column, new):
    lines = content.splitlines(keepends=True)
    lines[line - 1] = lines[line - 1][:column] + new + lines[line - 1][column + 1 :]
    return b"".join(lines)


def malformed():
    boards = generator.make_boards(20, seed=5)
    good = data.boards_to_csv(boards)
    clue = int(np.flatnonzero(boards.quizzes[3])[0])
    other = str(boards.quizzes[3, clue] % 9 + 1).encode()
    at = f"row {clue // 9 + 1}, column {clue % 9 + 1}"
    solution_digit = str(boards.solutions[4, 0] % 9 + 1).encode()
    blank = int(np.flatnonzero(boards.quizzes[5] == 0)[0])
    swapped = str(boards.solutions[5, blank] % 9 + 1).encode()
    return {
        "letter": (change_character(good, 5, 40, b"x"), ["line 5", "row 5, column 5"]),
        "contradiction": (change_character(good, 5, clue, other), ["line 5", at, "contradicts"]),
        "zero in solution": (change_character(good, 6, 82, b"0"), ["line 6", "row 1, column 1"]),
        "rule broken": (change_character(good, 7, 82 + blank, swapped), ["line 7", "repeats"]),
        "short row": (change_character(good, 9, 10, b""), ["line 9", "80 characters"]),
        "no such column": (good.replace(b"quizzes", b"puzzles"), ["columns quizzes and solutions"]),
        "empty": (b"", ["columns quizzes and solutions"]),
        "not text": (bytes(range(256)) * 3, ["columns quizzes and solutions"]),
        "not latin": (change_character(good, 5, 40, "数".encode()), ["line 5", "row 5, column 5"]),
    } | {"first cell": (change_character(good, 6, 0, solution_digit), ["line 6"])}


@pytest.mark.parametrize("name", malformed())
def test_a_malformed_file_is_refused_with_the_place(tmp_path, name):
    content, expected = malformed()[name]
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(BoardError) as refusal:
        data.load_boards(path)
    for part in ["bad.csv", *expected]:
        assert part in str(refusal.value)


def test_blank_lines_do_not_shift_the_line_that_a_message_names(tmp_path):
    lines = data.boards_to_csv(generator.make_boards(4, seed=5)).splitlines(keepends=True)
    lines[3] = lines[3][:10] + b"x" + lines[3][11:]
    (tmp_path / "gaps.csv").write_bytes(b"".join([lines[0], b"\n", lines[1], b"\n", *lines[2:]]))
    with pytest.raises(BoardError, match=r"line 6 .*row 2, column 2"):
        data.load_boards(tmp_path / "gaps.csv")


def test_a_missing_file_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(BoardError, match="python -m sudoku_sweep data"):
        data.load_boards(tmp_path / "nothing.csv")
    with pytest.raises(BoardError, match="train, validation, test"):
        data.load_split("trian")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.booleans())
def test_no_file_makes_the_reader_fail_in_any_other_way(tmp_path_factory, content, with_header):
    path = tmp_path_factory.mktemp("fuzz") / "any.csv"
    path.write_bytes(data.HEADER * with_header + content)
    try:
        boards = data.load_boards(path)
    except BoardError as refusal:
        assert "any.csv" in str(refusal)
    else:
        assert rules.obeys_rules(boards.solutions).all()


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789. \nx", max_size=100))
def test_parse_board_takes_81_digits_and_nothing_else(text):
    cells = re.sub(r"\s", "", text)
    if re.fullmatch(r"[0-9.]{81}", cells):
        assert as_text(data.parse_board(text)) == cells.replace(".", "0")
    else:
        with pytest.raises(BoardError):
            data.parse_board(text)


def test_parse_board_names_the_cell_that_is_no_digit():
    with pytest.raises(BoardError, match="row 2, column 1"):
        data.parse_board("0" * 9 + "x" + "0" * 71)


def test_count_solutions_of_special_boards(made):
    assert rules.count_solutions(np.zeros(81, np.uint8), limit=5) == 5
    assert rules.count_solutions(made.solutions[0]) == 1
    twice = np.zeros(81, np.uint8)
    twice[[0, 1]] = 5
    assert rules.count_solutions(twice) == 0


# --- the cache --------------------------------------------------------------------------------------------


def test_made_boards_are_made_once_and_an_edited_file_is_made_again(tmp_path, capsys, monkeypatch):
    first = data.made_boards(50, seed=9, folder=tmp_path)
    path = next(tmp_path.glob("*.csv"))
    content = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(data, "make_boards", lambda *_: pytest.fail("made a second time"))
        assert (data.made_boards(50, seed=9, folder=tmp_path).quizzes == first.quizzes).all()
    assert capsys.readouterr().out == ""
    for damaged in (content[:3000], content.replace(b"1", b"2", 1)):
        path.write_bytes(damaged)
        assert (data.made_boards(50, seed=9, folder=tmp_path).quizzes == first.quizzes).all()
        assert "making it again" in capsys.readouterr().out
        assert path.read_bytes() == content
    path.with_suffix(".sha256").write_bytes(b"\xff")
    data.made_boards(50, seed=9, folder=tmp_path)
    assert "making it again" in capsys.readouterr().out


def ask_for_boards(folder):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        boards = data.made_boards(300, seed=4, folder=folder)
    return int(boards.quizzes.sum()), said.getvalue()


def test_two_processes_may_ask_for_the_same_boards_at_once(tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        answers = pool.map(ask_for_boards, [tmp_path] * 4, chunksize=1)
    assert len(set(answers)) == 1 and answers[0][1] == ""
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".csv", ".sha256"]


def test_more_training_boards_begin_with_the_shipped_ones(splits, tmp_path, monkeypatch, capsys):
    sizes = {"train": 300, "validation": 100, "test": 100}
    few = {name: boards.first(sizes[name]) for name, boards in splits.items()}
    monkeypatch.setattr(data, "load_split", few.get)
    monkeypatch.setattr(data, "made_boards", lambda n, seed: generator.make_boards(n, seed))
    assert (data.training_boards(50).quizzes == few["train"].quizzes[:50]).all()
    more = data.training_boards(400)
    assert len(more.quizzes) == 400 and (more.quizzes[:300] == few["train"].quizzes).all()
    few["test"].solutions[7] = scramble(more.solutions[350], np.random.default_rng(0))
    fewer = data.training_boards(400)
    assert len(fewer.quizzes) == 399 and len(symmetry.leaked(fewer, few["test"])) == 0
    assert "1 boards left out" in capsys.readouterr().out


# --- augmentation -----------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
def test_augmented_boards_are_renamed_boards_with_some_blanks_filled_in(seed):
    made = generator.make_boards(32, seed=11)
    quizzes, solutions_before = (torch.from_numpy(part.copy()) for part in made)
    new, new_solutions = data.augment(
        quizzes, solutions_before, torch.Generator().manual_seed(seed)
    )
    assert rules.obeys_rules(new_solutions.numpy()).all()
    assert ((new == 0) | (new == new_solutions)).all()
    assert (new[quizzes > 0] > 0).all()  # clues stay
    for before, after in zip(solutions_before, new_solutions, strict=True):
        # one new name per digit
        assert len(set(zip(before.tolist(), after.tolist(), strict=True))) == 9


def test_augmentation_renames_at_random_and_reveals_between_nothing_and_everything():
    made = generator.make_boards(1000, seed=12)
    quizzes, solutions_before = (torch.from_numpy(part.copy()) for part in made)
    new, new_solutions = data.augment(quizzes, solutions_before, torch.Generator().manual_seed(0))
    left = ((new == 0).sum(1) / (quizzes == 0).sum(1)).numpy()
    assert left.min() < 0.1 and left.max() > 0.9 and abs(left.mean() - 0.5) < 0.03
    same = (new_solutions == solutions_before).float().mean()
    assert abs(same - 1 / 9) < 0.01
