"""Figures of boards, and of where a net looks on them."""

import matplotlib.pyplot as plt
import numpy as np

from .figures import BLUE, LINE, VERMILION

CLUE, FILLED, WRONG = "black", BLUE, VERMILION


def draw_board(axes, board, clues=None, solution=None, title=None):
    """Draw one board [81]: clues in black, other digits in blue, those that differ from the solution in red.

    Parameters
    ----------
    axes : matplotlib axes
    board : array [81]
        0 for a blank.
    clues : array [81], optional
        The quiz; every digit of ``board`` is a clue if left out.
    solution : array [81], optional
    title : str, optional
    """
    board = np.asarray(board)
    clues = board if clues is None else np.asarray(clues)
    for cell in np.flatnonzero(board):
        wrong = solution is not None and board[cell] != solution[cell]
        color = CLUE if clues[cell] else WRONG if wrong else FILLED
        weight = "bold" if clues[cell] else "normal"
        row, column = divmod(cell, 9)
        place = dict(ha="center", va="center", color=color, weight=weight)
        axes.text(column + 0.5, row + 0.53, board[cell], **place)
    for line in range(10):
        width = 1.8 if line % 3 == 0 else 0.5
        axes.plot([line, line], [0, 9], color=LINE, linewidth=width)
        axes.plot([0, 9], [line, line], color=LINE, linewidth=width)
    axes.set(xlim=(-0.1, 9.1), ylim=(9.1, -0.1), aspect="equal", xticks=[], yticks=[], title=title)
    axes.spines[:].set_visible(False)


def draw_steps(found, at, quiz, solution, n_boards=4):
    """Draw how a board was filled in step by step: the quiz, some steps between, the end.

    Parameters
    ----------
    found : solver.Solution
    at : int
        Which of its boards.
    quiz, solution : array [81]
    n_boards : int
        At most so many states are drawn.
    """
    filled, step = np.asarray(found.boards[at]), np.asarray(found.step[at])  # [81] each
    shown = np.unique(np.linspace(0, step.max(), n_boards).round().astype(int))
    states = [np.where(step <= last, filled, 0) for last in shown]
    titles = ["the quiz", *(f"after step {last}" for last in shown[1:])]
    return draw_boards(states, quiz, solution, titles)


def draw_boards(boards, clues=None, solution=None, titles=None):
    """Draw boards [n, 81] side by side, as ``draw_board`` does."""
    figure, row = plt.subplots(1, len(boards), figsize=(3.1 * len(boards), 3.3), squeeze=False)
    for at, (axes, board) in enumerate(zip(row[0], boards, strict=True)):
        draw_board(axes, board, clues, solution, titles and titles[at])
    figure.tight_layout()
    return row[0]


def plot_attention(maps, board, cell):
    """Where each head looks from one blank cell: a panel per head, the board's digits on top.

    Parameters
    ----------
    maps : array [head, from cell, to cell]
        One pass, one board.
    board : array [81]
    cell : int
        The cell that looks; it is framed.
    """
    figure, row = plt.subplots(1, len(maps), figsize=(3.1 * len(maps), 3.4), squeeze=False)
    looks = np.asarray(maps)[:, cell].reshape(-1, 9, 9)  # [head, row, column]
    for head, (axes, weights) in enumerate(zip(row[0], looks, strict=True), start=1):
        # pale enough for black digits
        axes.imshow(weights, cmap="Blues", extent=(0, 9, 9, 0), vmin=0, vmax=1.6 * weights.max())
        draw_board(axes, board, title=f"head {head}")
        y, x = divmod(cell, 9)
        axes.add_patch(plt.Rectangle((x, y), 1, 1, fill=False, edgecolor=WRONG, linewidth=3))
    figure.tight_layout()
    return row[0]
