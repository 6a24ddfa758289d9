"""Looking inside a trained net: where its heads look, which boards it solves, which cells it gets wrong."""

import itertools

import numpy as np
import pandas as pd
import torch

from .. import data, train
from ..boards.rules import ALL_DIGITS, BOX, COLUMN, N_DIGITS, ROW, taken_digits

LINES = {"row": ROW, "column": COLUMN, "box": BOX}
CLUE_BANDS = (0, 30, 34, 37, 40, 45, 50, 61, 82)


def head_scores(maps):
    """How much of its attention each head spends where, as the mean over boards and cells.

    Parameters
    ----------
    maps : tensor [pass, board, head, from cell, to cell]
        From ``SudokuTransformer.attention_maps``.

    Returns
    -------
    DataFrame
        A row per pass and head: the shares for ``itself``, and for the other cells of its ``row``, ``column`` and
        ``box``. A cell may count twice, as one of its row and of its box. A head that looked everywhere alike would
        have 1/81 and three times 8/81.
    """
    flow = maps.mean(1)  # [pass, head, from cell, to cell]
    places = {"itself": np.eye(81, dtype=bool)}
    for name, line in LINES.items():
        places[name] = (line[:, None] == line) & ~places["itself"]
    shares = {
        name: (flow * torch.from_numpy(place)).sum(3).mean(2) for name, place in places.items()
    }  # each [pass, head]
    rows = [
        {"pass": at + 1, "head": head + 1}
        | {name: share[at, head].item() for name, share in shares.items()}
        for at in range(flow.shape[0])
        for head in range(flow.shape[1])
    ]
    return pd.DataFrame(rows)


def candidates(quizzes):
    """How many digits the rules leave for every cell of boards [board, 81]: int [board, 81], 0 for filled cells."""
    left = N_DIGITS[ALL_DIGITS & ~taken_digits(quizzes)]
    return np.where(quizzes > 0, 0, left)


def mistakes(net, boards):
    """Where a net goes wrong in a single look: by the number of digits that the rules leave for a blank cell.

    Returns a DataFrame with ``candidates``, ``cells``, and ``right`` (share).
    """
    quizzes, _ = train.to_tensors(boards, net.place.device)
    with torch.no_grad():
        answers = torch.cat([net(part)[-1].argmax(2) + 1 for part in quizzes.split(256)])
    right = answers.cpu().numpy() == boards.solutions
    left, blank = candidates(boards.quizzes), boards.quizzes == 0
    table = pd.DataFrame({"candidates": left[blank], "right": right[blank]})
    grouped = table.groupby("candidates")["right"].agg(["size", "mean"]).reset_index()
    return grouped.rename(columns={"size": "cells", "mean": "right"})


def by_clues(net, boards, bands=CLUE_BANDS):
    """Which boards a net solves, by their number of clues: DataFrame with ``clues``, ``boards``, and two shares.

    ``step_by_step`` as ``model.solve`` goes about it, ``one_shot`` with every blank filled in one look.
    """
    clues = (boards.quizzes > 0).sum(1)
    rows = []
    for low, high in itertools.pairwise(bands):
        chosen = (clues >= low) & (clues < high)
        if chosen.any():
            part = data.Boards(boards.quizzes[chosen], boards.solutions[chosen])
            scores = train.evaluate(net, part)
            row = {"clues": f"{low}-{high - 1}", "boards": int(chosen.sum())}
            rows.append(row | {"step_by_step": scores.solved, "one_shot": scores.solved_one_shot})
    return pd.DataFrame(rows)
