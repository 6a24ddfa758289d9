"""What a trained net has learned: where its heads look, which boards it solves, which cells it gets wrong.

All of it from arrays, so that any solver can be looked at in the same way.
"""

import itertools

import numpy as np
import pandas as pd

from ..boards.rules import ALL_DIGITS, BOX, COLUMN, N_DIGITS, ROW, taken_digits

LINES = {"row": ROW, "column": COLUMN, "box": BOX}
CLUE_BANDS = (0, 30, 34, 37, 40, 45, 50, 61, 82)


def head_scores(maps):
    """How much of its attention each head spends where, as the mean over boards and cells.

    Parameters
    ----------
    maps : array [pass, board, head, from cell, to cell]
        From ``SudokuTransformer.attention_maps``.

    Returns
    -------
    DataFrame
        A row per pass and head: the shares for ``itself``, and for the other cells of its ``row``, ``column`` and
        ``box``. A cell may count twice, as one of its row and of its box. A head that looked everywhere alike would
        have 1/81 and three times 8/81.
    """
    flow = np.asarray(maps).mean(1)  # [pass, head, from cell, to cell]
    itself = np.eye(81, dtype=bool)
    places = {"itself": itself}
    places |= {name: (line[:, None] == line) & ~itself for name, line in LINES.items()}
    passes, heads = np.indices(flow.shape[:2]) + 1
    table = {"pass": passes.ravel(), "head": heads.ravel()}
    for name, place in places.items():
        table[name] = (flow * place).sum(3).mean(2).ravel()
    return pd.DataFrame(table)


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
