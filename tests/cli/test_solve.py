"""``solve``: what it says is checked by the rules, not taken from the net."""

import numpy as np
import pytest

from sudoku_sweep import data, train
from sudoku_sweep.checkpoint import save_checkpoint
from sudoku_sweep.cli import solve
from sudoku_sweep.cli.main import main
from sudoku_sweep.config import Config

FEW = data.load_split("test").first(20)
QUIZ, SOLUTION = FEW.quizzes[0], FEW.solutions[0]
HOPELESS = "12345678" + "0" * 72 + "9"  # r1c9 can only be 9, and stands in column 9 already
ENDLESS = ".....5.8....6.1.43..........1.5........1.6...3.......553.....61........4........."


@pytest.fixture
def said(capsys):
    """A function that runs ``solve``: its status, and the lines that it printed."""

    def said(*arguments):
        status = main(["solve", *map(str, arguments)])
        return status, capsys.readouterr().out.splitlines()

    return said


def text_of(board):
    return "".join(map(str, board))


def test_a_board_is_solved_step_by_step(said):
    status, lines = said(text_of(QUIZ).replace("0", "."))
    assert status == 0 and lines[0].startswith("step 1, at least ")
    assert solve.grid_text(SOLUTION) in "\n".join(lines)
    assert "solved in" in lines[-1] and "by the rules; least sure of r" in lines[-1]
    filled = " ".join(lines[:-1]).split()
    blanks = np.flatnonzero(QUIZ == 0)
    assert {f"{solve.cell_name(cell)}={SOLUTION[cell]}" for cell in blanks} <= set(filled)


@pytest.mark.parametrize(
    "board, status, end",
    [
        (text_of(SOLUTION), 0, "solved: it was full already"),
        ("0" * 81, 0, "; the board has other solutions, too"),
        (HOPELESS, 1, "not solved: the board has no solution"),
        (ENDLESS, 1, "not solved: whether it has a solution took too long to find out"),
    ],
)
def test_the_end_is_said_by_the_rules(board, status, end, said):
    found, (*_, last) = said(board)
    assert found == status and end in last


def test_a_net_that_knows_nothing_went_wrong(tmp_path, said):
    save_checkpoint(tmp_path / "net.pt", train.build_model(Config()), {})
    status, (*_, end) = said(text_of(QUIZ), "--net", tmp_path / "net.pt")
    assert status == 1 and end == "not solved: the board has one solution, and the net went wrong"
