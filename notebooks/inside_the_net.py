"""What only ``inside_the_net.ipynb`` asks of a trained net: where its heads look, which cells it gets wrong."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from sudoku_sweep.analysis.figures import WRONG, draw_board, draw_boards
from sudoku_sweep.boards.rules import ALL_DIGITS, BOX, COLUMN, N_DIGITS, ROW, taken_digits

LINES = {"row": ROW, "column": COLUMN, "box": BOX}
CLUE_BANDS = (0, 30, 34, 37, 40, 45, 50, 61, 82)


@torch.no_grad()
def attention_maps(model, quizzes):
    """Which cell looks at which, in every loop: the softmax of query times key, as attention has it inside.

    Parameters
    ----------
    model : SudokuTransformer
    quizzes : uint8 tensor [board, 81]

    Returns
    -------
    float tensor [loop, board, head, from cell, to cell]
        What a cell looks at adds up to 1.
    """
    queries, keys = [], []  # of each loop: [board, 81, attention_dim]
    hooks = [
        model.query.register_forward_hook(lambda layer, inputs, output: queries.append(output)),
        model.key.register_forward_hook(lambda layer, inputs, output: keys.append(output)),
    ]
    model(quizzes)
    for hook in hooks:
        hook.remove()
    query, key = model.split_heads(torch.cat(queries)), model.split_heads(torch.cat(keys))
    weights = (query @ key.transpose(2, 3) * query.shape[3] ** -0.5).softmax(3)
    return weights.unflatten(0, (model.n_loops, -1))


def head_shares(maps):
    """How much of its attention each head spends where, as the mean over boards and cells.

    Parameters
    ----------
    maps : tensor [loop, board, head, from cell, to cell]
        From ``attention_maps``.

    Returns
    -------
    DataFrame
        A row per loop and head: the shares for ``itself``, for the other cells of its ``row``, ``column`` and
        ``box``, and for the ``crossing`` cells: outside of the box, in the other rows and columns that cross it. A
        cell may count twice, as one of its row and of its box. A head that looked everywhere alike would have 1/81,
        three times 8/81, and 24/81.
    """
    weights = np.asarray(maps).mean(1)  # [loop, head, from cell, to cell]
    itself = np.eye(81, dtype=bool)
    groups = {"itself": itself}
    groups |= {name: (line[:, None] == line) & ~itself for name, line in LINES.items()}
    # boxes one beside the other share three rows, those below each other three columns
    crossing = (BOX[:, None] // 3 == BOX // 3) | (BOX[:, None] % 3 == BOX % 3)
    groups["crossing"] = crossing & ~itself & ~groups["row"] & ~groups["column"] & ~groups["box"]
    loops, heads = np.indices(weights.shape[:2]) + 1
    table = {"loop": loops.ravel(), "head": heads.ravel()}
    for name, group in groups.items():
        table[name] = (weights * group).sum(3).mean(2).ravel()
    return pd.DataFrame(table)


def plot_attention(maps, board, cell):
    """Where each head looks from one blank cell: a panel per head, the board's digits on top.

    Parameters
    ----------
    maps : tensor [head, from cell, to cell]
        One loop, one board.
    board : array [81]
    cell : int
        The cell that looks; it is framed.
    """
    figure, row = plt.subplots(1, len(maps), figsize=(3.1 * len(maps), 3.4), squeeze=False)
    looks_at = np.asarray(maps)[:, cell].reshape(-1, 9, 9)  # [head, row, column]
    for head, (axes, weights) in enumerate(zip(row[0], looks_at, strict=True), start=1):
        # pale enough for black digits
        axes.imshow(weights, cmap="Blues", extent=(0, 9, 9, 0), vmin=0, vmax=1.6 * weights.max())
        draw_board(axes, board, title=f"head {head}")
        y, x = divmod(cell, 9)
        axes.add_patch(plt.Rectangle((x, y), 1, 1, fill=False, edgecolor=WRONG, linewidth=3))
    figure.tight_layout()
    return row[0]


def draw_steps(solved, at, quiz, solution, n_boards=4):
    """Draw how a board was filled in step by step: the quiz, some steps between, the end.

    Parameters
    ----------
    solved : SolveResult
    at : int
        Which of its boards.
    quiz, solution : array [81]
    n_boards : int
        At most so many boards are drawn.
    """
    filled, step = np.asarray(solved.boards[at]), np.asarray(solved.step[at])  # [81] each
    shown = np.unique(np.linspace(0, step.max(), n_boards).round().astype(int))
    boards = [np.where(step <= last, filled, 0) for last in shown]
    titles = ["the quiz", *(f"after step {last}" for last in shown[1:])]
    return draw_boards(boards, quiz, solution, titles)


def candidates(quizzes):
    """How many digits the rules leave for every cell of boards [board, 81]: int [board, 81], 0 for filled cells."""
    left = N_DIGITS[ALL_DIGITS & ~taken_digits(quizzes)]
    return np.where(quizzes > 0, 0, left)


def mistakes(boards, answers):
    """Where answers are wrong, by the number of digits that the rules leave for a blank cell.

    Parameters
    ----------
    boards : Boards
    answers : array [board, 81]
        The digits that were filled in, for instance a net's best ones in a single step.

    Returns
    -------
    DataFrame
        With ``candidates``, ``cells``, and ``right`` (share).
    """
    left, blank = candidates(boards.quizzes), boards.quizzes == 0
    right = np.asarray(answers) == boards.solutions
    table = pd.DataFrame({"candidates": left[blank], "right": right[blank]})
    grouped = table.groupby("candidates")["right"].agg(["size", "mean"]).reset_index()
    return grouped.rename(columns={"size": "cells", "mean": "right"})


def solved_by_clues(boards, bands=CLUE_BANDS, **solved):
    """Which boards were solved, by their number of clues.

    Parameters
    ----------
    boards : Boards
    bands : tuple of int
        The fewest clues of each group, and one more than the most of the last.
    **solved : bool array [board]
        One for each way to solve, such as ``step_by_step=...``.

    Returns
    -------
    DataFrame
        With ``clues``, ``boards``, and a column of shares for each way.
    """
    clues = (boards.quizzes > 0).sum(1)
    rows = []
    for low, high in itertools.pairwise(bands):
        chosen = (clues >= low) & (clues < high)
        if chosen.any():
            row = {"clues": f"{low}-{high - 1}", "boards": int(chosen.sum())}
            rows.append(
                row | {way: np.asarray(right)[chosen].mean() for way, right in solved.items()}
            )
    return pd.DataFrame(rows)
