"""Boards as arrays: load, check, augment; the batches of an epoch.

A board is 81 digits read row by row, 0 for a blank. Many boards are one uint8 array [board, cell].
"""

import csv
import math
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from .boards.rules import Boards, cell_name, obeys_rules, repeated_cells
from .errors import BoardError

# where `pip install .` puts data/; not there in a checkout
SHIPPED = Path(__file__).with_name("shipped")
DATA_DIR = SHIPPED if SHIPPED.is_dir() else Path(__file__).resolve().parent.parent / "data"
SPLIT_SEEDS = {"train": 0, "validation": 1, "test": 2}
MINIMAL = "sudoku_minimal.csv"  # the first training boards with no clue to spare


def load_split(name):
    """The shipped boards: ``"train"`` (20,000), ``"validation"`` (2,000) or ``"test"`` (2,000)."""
    if name not in SPLIT_SEEDS:
        raise BoardError(f"no split {name!r}: there are {', '.join(SPLIT_SEEDS)}")
    return load_boards(DATA_DIR / f"sudoku_{name}.csv")


def training_boards(n=None, n_minimal=0):
    """The first ``n`` training boards (None: all), of which the first ``n_minimal`` have no clue to spare."""
    boards = load_split("train")
    if n is not None and n > len(boards.quizzes):
        raise BoardError(f"no {n} training boards: there are {len(boards.quizzes):,}")
    boards = boards.first(n)
    if not n_minimal:
        return boards
    minimal = load_boards(DATA_DIR / MINIMAL)
    most = min(len(minimal.quizzes), len(boards.quizzes))
    if n_minimal > most:
        raise BoardError(f"no {n_minimal} minimal boards among the training boards: {most} at most")
    parts = zip(minimal, boards, strict=True)
    return Boards(*(np.concatenate([new[:n_minimal], old[n_minimal:]]) for new, old in parts))


# --- files ---


def boards_to_csv(boards):
    """The boards as CSV, in bytes: header ``quizzes,solutions``, two times 81 digits a line."""
    rows = np.empty((len(boards.quizzes), 164), dtype=np.uint8)
    rows[:, :81] = boards.quizzes + ord("0")
    rows[:, 81] = ord(",")
    rows[:, 82:163] = boards.solutions + ord("0")
    rows[:, 163] = ord("\n")
    return b"quizzes,solutions\n" + rows.tobytes()


def load_boards(path):
    """Read a CSV file with columns ``quizzes`` and ``solutions``, and check every board.

    The layout is that of the well-known Kaggle set "1 million Sudoku games", so its file, unpacked, can be used as is.
    Whether a quiz has *only* that solution is not checked; ``boards.rules.count_solutions`` tells, one board at a time.

    Raises
    ------
    BoardError
        A missing file or column, a wrong length, a character that is no digit, a clue that contradicts the
        solution, a solution that breaks a rule. The message names file, line and cell.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            if not {"quizzes", "solutions"}.issubset(reader.fieldnames or []):
                raise ValueError("its first line names others")
            rows = [(reader.line_num, row["quizzes"], row["solutions"]) for row in reader]
    except (OSError, ValueError, csv.Error) as error:
        what = f"{path} is no CSV file with columns quizzes and solutions: {error}"
        raise BoardError(f"{what}. `python scripts/make_boards.py` makes such files") from error
    rows = [row for row in rows if "".join(row[1:]).strip()]
    places = [f" ({Path(path).name}, line {line})" for line, _, _ in rows]
    quizzes = parse_boards([quiz for _, quiz, _ in rows], places)
    boards = Boards(quizzes, parse_boards([solution for *_, solution in rows], places))
    check_boards(boards, places)
    return boards


def parse_boards(texts, places):
    """Boards from texts: 81 digits each, ``0`` or ``.`` for a blank, white space ignored. Returns uint8 [board, 81].

    ``places`` end the message of a ``BoardError``: where each stands, such as `` (mine.csv, line 2)``.
    """
    texts = ["".join(text.split()).replace(".", "0") for text in texts]
    for text, place in zip(texts, places, strict=True):
        if len(text) != 81:
            raise BoardError(f"a board has 81 cells; this text has {len(text)}{place}")
    characters = "".join(texts).encode("latin-1", "replace")  # what is not latin becomes "?"
    # uint8: a character below "0" wraps round to more than 9
    boards = np.frombuffer(characters, np.uint8).reshape(-1, 81) - ord("0")
    for board, cell in np.argwhere(boards > 9)[:1]:
        what = f"{texts[board][cell]!r} is not a digit, 0 or ."
        raise BoardError(f"{cell_name(cell)}: {what}{places[board]}")
    return boards


def parse_board(text):
    """One board, as ``parse_boards`` reads it: uint8 [81]."""
    return parse_boards([text], [""])[0]


def check_boards(boards, places):
    """Raise ``BoardError`` unless every quiz fits its solution and every solution obeys the rules."""
    quizzes, solutions = boards
    twice = np.zeros(solutions.shape, dtype=bool)
    broken = ~obeys_rules(solutions)  # [board]
    twice[broken] = repeated_cells(solutions[broken])
    mistakes = (
        (solutions == 0, "the solution needs a digit 1-9 here"),
        ((quizzes != solutions) & (quizzes != 0), "the clue {} contradicts the solution {}"),
        (twice, "the solution repeats {1} in a row, column or box"),
    )
    for wrong, what in mistakes:  # [board, cell]
        for board, cell in np.argwhere(wrong)[:1]:
            what = what.format(quizzes[board, cell], solutions[board, cell])
            raise BoardError(f"{cell_name(cell)}: {what}{places[board]}")


# --- batches ---


def to_tensors(boards, device):
    """Quizzes and solutions as uint8 tensors [board, 81] on the device."""
    return [torch.from_numpy(part.copy()).to(device) for part in boards]


def steps_per_epoch(config, n_boards):
    """Batches in one epoch: all the boards give, the last one perhaps smaller, or fewer if the config says so."""
    available = math.ceil(n_boards / (config.batch_size - config.rollout))
    return min(config.steps_per_epoch or available, available)


class Batches:
    """The batches of new boards of an epoch, in random order, augmented: each time it is iterated over, others.

    Yields pairs of uint8 tensors [new, 81] on the device, quizzes and solutions. There are ``config.batch_size`` new
    boards in a batch, less the ``config.rollout`` that it has room for besides.
    """

    def __init__(self, boards, config, device):
        self.quizzes, self.solutions = to_tensors(boards, device)
        self.config = config
        self.generator = torch.Generator(device).manual_seed(config.seed)

    def __len__(self):
        return steps_per_epoch(self.config, len(self.quizzes))

    def __iter__(self):
        random = dict(generator=self.generator, device=self.quizzes.device)
        order = torch.randperm(len(self.quizzes), **random)
        n_new = self.config.batch_size - self.config.rollout
        for indices in order.split(n_new)[: len(self)]:
            quizzes, solutions = self.quizzes[indices], self.solutions[indices]
            yield augment(quizzes, solutions, self.generator, self.config.max_revealed)


def augment(quizzes, solutions, generator, max_revealed=1.0):
    """New boards from old ones, on the device they are on: uint8 tensors [batch, 81] in and out.

    Two changes after which a board still has exactly one solution: the nine digits are renamed by a random
    permutation per board; and a random share of the blanks, uniform between none and ``max_revealed`` per board, is
    filled in, which makes the half-solved boards that step-by-step solving passes through.
    """
    batch, device = len(quizzes), quizzes.device
    order = torch.rand(batch, 9, generator=generator, device=device).argsort(1)
    new_digit = F.pad(order + 1, (1, 0)).to(torch.uint8)  # [batch, 10]: 0 stays 0
    quizzes = new_digit.gather(1, quizzes.long())
    solutions = new_digit.gather(1, solutions.long())
    share = max_revealed * torch.rand(batch, 1, generator=generator, device=device)
    reveal = torch.rand(batch, 81, generator=generator, device=device) < share
    return torch.where(reveal, solutions, quizzes), solutions
