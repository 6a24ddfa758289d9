"""``python -m sudoku_sweep solve``: what it says is checked by the rules, not taken from the net."""

import numpy as np
import pandas as pd
import pytest

from sudoku_sweep import data, model, train
from sudoku_sweep.boards import rules
from sudoku_sweep.cli import solve
from sudoku_sweep.cli.main import main

HOPELESS = "12345678" + "0" * 72 + "9"  # r1c9 can only be 9, and stands in column 9 already


@pytest.fixture(scope="module")
def few():
    return data.load_split("test").first(20)


@pytest.fixture
def said(capsys):
    """A function that runs ``solve``: its status, and the last line that it printed."""

    def said(*arguments):
        status = main(["solve", *map(str, arguments)])
        return status, capsys.readouterr().out.splitlines()[-1]

    return said


def text_of(board):
    return "".join(map(str, board))


def test_a_board_is_solved_step_by_step(few, capsys):
    quiz, solution = few.quizzes[0], few.solutions[0]
    assert main(["solve", text_of(quiz).replace("0", ".")]) == 0
    out = capsys.readouterr().out
    assert out.startswith("step 1, at least ")
    assert solve.grid_text(solution) in out
    assert "solved in" in out and "by the rules; least sure of r" in out
    filled = dict(part.split("=") for part in out.split() if part.startswith("r") and "=" in part)
    assert len(filled) >= (quiz == 0).sum()
    for cell in np.flatnonzero(quiz == 0):
        assert filled[solve.name_of(cell)].rstrip() == str(solution[cell])


def test_a_full_board_is_solved_already(few, said):
    assert said(text_of(few.solutions[0])) == (0, "solved: it was full already")


def test_an_empty_board_is_not_called_solved_unless_it_is(said):
    status, end = said("0" * 81)
    assert ("solved in" in end and "other solutions" in end) if status == 0 else "several" in end


def test_a_board_without_a_solution_is_status_1_and_says_why(said):
    status, end = said(HOPELESS)
    assert status == 1 and end.startswith("not solved: the board has no solution")


def test_a_board_that_takes_hours_to_count_is_given_up(said):
    board = ".....5.8....6.1.43..........1.5........1.6...3.......553.....61........4........."
    assert rules.count_solutions(data.parse_board(board), guesses=100) is None
    status, end = said(board)
    assert status == 1 and "whether it has a solution took too long to find out" in end


def test_the_first_wrong_digit_and_its_step_are_named(few, tmp_path, capsys):
    """By a net that knows nothing; what it fills in before is right."""
    model.save_checkpoint(tmp_path / "net.pt", train.build_model(train.Config()), {})
    quiz, solution = few.quizzes[0], few.solutions[0]
    assert main(["solve", text_of(quiz), "--net", str(tmp_path / "net.pt")]) == 1
    *lines, end = capsys.readouterr().out.splitlines()
    steps = [line.split(": ")[1].split() for line in lines if line.startswith("step ")]
    right = {f"{solve.name_of(cell)}={solution[cell]}" for cell in range(81)}
    n, wrong = next(
        (n, digit) for n, step in enumerate(steps, 1) for digit in step if digit not in right
    )
    assert f"it has one solution, and step {n} went wrong: {wrong} (" in end


def test_a_file_is_solved_and_what_is_unsolved_stays_empty(few, tmp_path, capsys):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    arguments = ["solve", "--file", str(source), "--out", str(target)]
    quizzes = [text_of(quiz) for quiz in few.quizzes]
    pd.DataFrame({"name": "x", "quizzes": [*quizzes, HOPELESS]}).to_csv(source, index=False)
    assert main(arguments) == 1
    written = pd.read_csv(target, dtype=str, keep_default_na=False)
    assert written["quizzes"].tolist() == [*quizzes, HOPELESS]
    assert written["solutions"].tolist() == [*map(text_of, few.solutions), ""]
    out = capsys.readouterr().out
    assert "20 of 21 boards solved" in out
    unsolved = out.split("not solved: board 20, least sure digit ")[1]
    assert 0 < float(unsolved.split("%")[0]) < 100  # blanks that were left do not count
    pd.DataFrame({"quizzes": quizzes}).to_csv(source, index=False)
    assert main(arguments) == 0


@pytest.mark.parametrize(
    "arguments, word",
    [
        ([], "give one board"),
        (["12"], "a board has 81 cells; this text has 2"),
        (["5" * 81], "impossible"),
        (["0" * 81, "--file", "in.csv", "--out", "out.csv"], "give one board"),
        (["--file", "in.csv"], "give one board"),
        (["--file", "nowhere.csv", "--out", "out.csv"], "nowhere.csv is no CSV file"),
        (["0" * 81, "--net", "nowhere.pt"], "no checkpoint nowhere.pt"),
        (["0" * 81, "--net", "n" * 300], "File name too long"),
    ],
)
def test_what_cannot_be_solved_is_one_line_and_status_2(arguments, word, capsys):
    assert main(["solve", *arguments]) == 2
    error = capsys.readouterr().err
    assert word in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "content, word",
    [
        ("boards\n" + "0" * 81 + "\n", "no CSV file with a column quizzes"),
        ("quizzes\n" + "0" * 81 + "\n" + "0" * 80 + "\n", "line 3: a board has 81 cells"),
        ("quizzes\n", "holds no boards"),
    ],
)
def test_a_file_that_holds_no_boards_is_refused(content, word, tmp_path, capsys):
    source = tmp_path / "in.csv"
    source.write_text(content)
    assert main(["solve", "--file", str(source), "--out", str(tmp_path / "out.csv")]) == 2
    assert word in capsys.readouterr().err and not (tmp_path / "out.csv").exists()
