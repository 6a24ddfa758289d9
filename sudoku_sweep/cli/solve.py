"""``solve``: boards from a user, solved step by step by a trained net, and checked."""

import bisect

import numpy as np

from .. import checkpoint, data, solver
from ..boards.rules import count_solutions, repeated_cells
from ..errors import BoardError
from ..files import write_atomically

WINNER = data.DATA_DIR / "winner.pt"
GUESSES = 100_000  # to count the solutions of a board: seconds, and far more than most boards take
SURE = 0.999  # more steps than with the 0.99 of `solver.solve`, and more of the hard boards solved


def add_commands(add):
    """Add ``solve`` to the command line."""
    flag = add("solve", solve).add_argument
    flag("board", nargs="?", help="81 digits, 0 or . for a blank")
    flag("--file", metavar="IN.csv", help="a file with a column quizzes")
    flag("--out", metavar="OUT.csv", help="with --file: where the solutions go")
    flag("--net", default=WINNER, help="default: data/winner.pt")


def name_of(cell):
    """A cell as people name it: row and column from 1, such as r1c9."""
    return f"r{cell // 9 + 1}c{cell % 9 + 1}"


def grid_text(board):
    """A board [81] as nine lines with bars between the boxes, a dot for a blank."""
    rows = ["".join(str(digit) if digit else "." for digit in row) for row in board.reshape(9, 9)]
    lines = [" | ".join(" ".join(row[at : at + 3]) for at in (0, 3, 6)) for row in rows]
    bar = "------+-------+------"
    return "\n".join([*lines[:3], bar, *lines[3:6], bar, *lines[6:]])


def solve_one(net, board):
    """Solve one board [81]; print each step, the end, and how sure the net was. Returns whether it is solved."""
    found = solver.solve(net, board[None], SURE)
    fields = (found.boards, found.step, found.confidence)
    filled, filled_in, confidence = (part[0].numpy() for part in fields)
    for step in range(1, filled_in.max() + 1):
        cells = np.flatnonzero(filled_in == step)
        digits = " ".join(f"{name_of(cell)}={filled[cell]}" for cell in cells)
        print(f"step {step}, at least {confidence[cells].min():.1%} sure: {digits}")
    print(grid_text(filled))
    print(_outcome(board, filled, filled_in, confidence, bool(found.solved[0])))
    return bool(found.solved[0])


def _outcome(board, filled, filled_in, confidence, solved):
    """The end in a sentence or two. The rules are checked here, never taken from the net."""
    n_solutions = count_solutions(board, guesses=GUESSES)
    if solved and not filled_in.max():
        return "solved: it was full already"
    if solved:
        least = np.where(filled_in > 0, confidence, 2).argmin()
        sure = f"least sure of {name_of(least)}={filled[least]} ({confidence[least]:.1%})"
        steps = "1 step" if filled_in.max() == 1 else f"{filled_in.max()} steps"
        text = f"solved in {steps}, by the rules; {sure}"
        others = {
            1: "",
            2: "; the board has other solutions, too",
            None: "; whether there are others took too long to find out",
        }
        return text + others[n_solutions]
    if n_solutions == 1:
        cell = _first_mistake(board, filled, filled_in)
        digit = f"{name_of(cell)}={filled[cell]} ({confidence[cell]:.1%} sure)"
        return f"not solved: it has one solution, and step {filled_in[cell]} went wrong: {digit}"
    why = {
        0: "the board has no solution",
        2: "the board has several solutions, and none follows from its clues",
        None: "whether it has a solution took too long to find out",
    }
    wrong = np.flatnonzero(repeated_cells(filled[None])[0])
    twice = (
        f"; now {filled[wrong[0]]} stands twice, at {name_of(wrong[0])} for one"
        if len(wrong)
        else ""
    )
    return f"not solved: {why[n_solutions]}{twice}"


def _first_mistake(board, filled, filled_in):
    """The first cell whose digit leaves no solution to a board that had one, and is not solved."""
    order = filled_in.argsort(kind="stable")

    def hopeless(n):
        now = board.copy()
        now[order[:n]] = filled[order[:n]]
        return count_solutions(now, limit=1, guesses=GUESSES) == 0

    # Once hopeless, always hopeless: halving takes seven searches, each of which may take seconds.
    return order[bisect.bisect_left(range(82), True, key=hopeless) - 1]


def solve_file(net, source, target):
    """Solve the boards of a CSV file with a column ``quizzes``; write ``quizzes,solutions``.

    A board that is left unsolved has an empty solution. Returns whether all are solved.
    """
    quizzes = data.load_quizzes(source)
    found = solver.solve(net, quizzes, SURE)
    solved = found.solved.numpy()
    lines = ["quizzes,solutions"]
    for quiz, filled, right in zip(quizzes, found.boards.numpy(), solved, strict=True):
        digits = "".join(map(str, filled)) if right else ""
        lines.append(f"{''.join(map(str, quiz))},{digits}")
    write_atomically(target, ("\n".join(lines) + "\n").encode())
    # [board]: of what the net has filled in
    least = np.where(found.step.numpy() > 0, found.confidence.numpy(), 1).min(1)
    print(f"{target}: {solved.sum()} of {len(solved)} boards solved, by the rules")
    if solved.any():
        print(
            f"of its least sure digit in a solved board, the net was {np.median(least[solved]):.1%} sure (median)"
        )
    for board in np.flatnonzero(~solved)[:5]:
        print(f"not solved: board {board}, least sure digit {least[board]:.1%}")
    return bool(solved.all())


def solve(args):
    """Solve a board (81 digits, 0 or . for a blank), or a CSV file of boards, with a trained net."""
    if bool(args.board) == bool(args.file) or bool(args.file) != bool(args.out):
        raise BoardError("give one board of 81 digits, or --file IN.csv and --out OUT.csv")
    net, _ = checkpoint.load_checkpoint(args.net)
    if args.file:
        return 0 if solve_file(net, args.file, args.out) else 1
    return 0 if solve_one(net, data.parse_board(args.board)) else 1
