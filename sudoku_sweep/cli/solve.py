"""``solve``: a board from a user, solved step by step by a trained net, and checked."""

import click
import numpy as np

from ..boards.rules import count_solutions

GUESSES = 100_000  # to count the solutions of a board: seconds, and far more than most boards take
# what is said for each number of solutions, counted up to 2; None: it took too many guesses
OTHER_SOLUTIONS = {
    1: "",
    2: "; the board has other solutions, too",
    None: "; whether there are others took too long to find out",
}
WHY_UNSOLVED = {
    0: "the board has no solution",
    1: "the board has one solution, and the net went wrong",
    2: "the board has several solutions, and none follows from its clues",
    None: "whether it has a solution took too long to find out",
}


@click.command()
@click.argument("board", help="81 digits, 0 or . for a blank")
@click.option("--net", metavar="FILE.pt", help="default: data/winner.pt")
def solve(board, net):
    """Solve a board with a trained net."""
    from .. import data, solver
    from ..checkpoint import load_checkpoint

    quiz = data.parse_board(board)
    model, _ = load_checkpoint(net or data.DATA_DIR / "winner.pt")
    found = solver.solve(model, quiz[None], solver.SURE)
    filled, step, confidence, solved = (field[0].numpy() for field in vars(found).values())
    print_steps(filled, step, confidence)
    print(outcome(quiz, filled, step, confidence, solved))
    return 0 if solved else 1


# quiz, filled, step and confidence are arrays [81]


def cell_name(cell):
    """A cell as players write it: row and column from 1, such as r1c9."""
    return f"r{cell // 9 + 1}c{cell % 9 + 1}"


def grid_text(board):
    """A board [81] as nine lines with bars between the boxes, a dot for a blank."""
    rows = ["".join(str(digit) if digit else "." for digit in row) for row in board.reshape(9, 9)]
    lines = [" | ".join(" ".join(row[at : at + 3]) for at in (0, 3, 6)) for row in rows]
    bar = "------+-------+------"
    return "\n".join([*lines[:3], bar, *lines[3:6], bar, *lines[6:]])


def print_steps(filled, step, confidence):
    """Print what was filled in at each step, how sure the net was, and the board in the end."""
    for number in range(1, step.max() + 1):
        cells = np.flatnonzero(step == number)
        digits = " ".join(f"{cell_name(cell)}={filled[cell]}" for cell in cells)
        print(f"step {number}, at least {confidence[cells].min():.1%} sure: {digits}")
    print(grid_text(filled))


def outcome(quiz, filled, step, confidence, solved):
    """The end in a sentence or two. The rules are checked here, never taken from the net."""
    if solved and not step.any():
        return "solved: it was full already"
    n_solutions = count_solutions(quiz, guesses=GUESSES)
    if solved:
        cell = np.where(step > 0, confidence, 2).argmin()
        least = f"{cell_name(cell)}={filled[cell]} ({confidence[cell]:.1%})"
        others = OTHER_SOLUTIONS[n_solutions]
        return f"solved in {step.max()} step(s), by the rules; least sure of {least}{others}"
    return f"not solved: {WHY_UNSOLVED[n_solutions]}"
