"""The shipped boards made again, byte for byte, from their seeds; or other boards.

    python scripts/make_boards.py

writes ``data/sudoku_train.csv``, ``sudoku_validation.csv`` and ``sudoku_test.csv``; with ``--minimal``, in minutes,
``sudoku_minimal.csv``: the first 10,000 training boards with no clue to spare. With ``--out mine.csv --boards 1000
--seed 3`` it writes one file of other boards.
"""

import argparse
import functools
import hashlib
import itertools
import sys
from pathlib import Path

from tqdm import tqdm

from sudoku_sweep import data
from sudoku_sweep.boards.difficulty import minimize_clues
from sudoku_sweep.boards.generator import make_boards
from sudoku_sweep.boards.symmetry import leaked
from sudoku_sweep.errors import BoardError, StorageError
from sudoku_sweep.files import write_atomically

SIZES = {"train": 20_000, "validation": 2_000, "test": 2_000}  # boards
N_MINIMAL = 10_000


def main(arguments=None):
    """Make the three splits, or the minimal boards, or one file of other boards."""
    parser = argparse.ArgumentParser(description="Make boards, the shipped ones or others.")
    parser.add_argument("--folder", default=data.DATA_DIR, help="for the shipped files: data/")
    parser.add_argument("--out", metavar="FILE", help="make one file of other boards instead")
    parser.add_argument("--boards", type=int, help="with --out: how many (default 1000)")
    parser.add_argument("--seed", type=int, help="with --out (default 3)")
    parser.add_argument(
        "--clues",
        type=int,
        nargs=2,
        metavar=("FEWEST", "MOST"),
        help="with --out: range of the number of clues aimed at (default 30 60)",
    )
    parser.add_argument("--minimal", action="store_true", help="make sudoku_minimal.csv instead")
    args = parser.parse_args(arguments)
    asked = {"n": args.boards, "seed": args.seed, "clues": args.clues and tuple(args.clues)}
    asked = {name: value for name, value in asked.items() if value is not None}
    if args.out and args.minimal:
        parser.error("--out and --minimal do not go together")
    if args.out:
        write(Path(args.out), make_boards(**{"n": 1000, "seed": 3} | asked))
    elif asked:
        parser.error("--boards, --seed and --clues go with --out: the shipped files are fixed")
    elif args.minimal:
        print(f"making {N_MINIMAL:,} boards minimal, in a few minutes", flush=True)
        bar = functools.partial(tqdm, unit="board", disable=None)  # in a terminal
        boards = minimize_clues(data.load_split("train").first(N_MINIMAL), seed=0, shown=bar)
        write(Path(args.folder) / data.MINIMAL, boards)
    else:
        make_shipped_files(Path(args.folder))


def make_shipped_files(folder):
    """Make the three splits, and write them if none shares a grid with another."""
    splits = {name: make_boards(size, data.SPLIT_SEEDS[name]) for name, size in SIZES.items()}
    for name, other in itertools.combinations(reversed(splits), 2):
        if len(leaked(splits[name], splits[other])):
            raise BoardError(
                f"{name} shares a solved grid with {other}: change its seed in data.SPLIT_SEEDS"
            )
    for name, boards in splits.items():
        write(folder / f"sudoku_{name}.csv", boards)


def write(path, boards):
    """Write boards, and print how many clues they have, and the file's checksum."""
    content = data.boards_to_csv(boards)
    write_atomically(path, content)
    n = (boards.quizzes > 0).sum(1)  # clues
    print(f"{path.name}: {len(n)} boards, {n.min()}-{n.max()} clues, mean {n.mean():.1f}")
    print(f"  sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    try:
        main()
    except (BoardError, StorageError) as error:
        sys.exit(f"error: {error}")
