"""``data``: the shipped boards made again, or other boards."""

import hashlib
import itertools
from pathlib import Path

from .. import data
from ..boards.generator import make_boards
from ..boards.symmetry import leaked
from ..errors import BoardError
from ..files import write_atomically
from .flags import positive


def add_commands(add):
    """Add ``data`` to the command line."""
    command = add("data", make_data)
    command.add_argument("--folder", help="where the three shipped files go (default: data/)")
    command.add_argument("--out", metavar="FILE", help="make one file of other boards instead")
    command.add_argument("--boards", type=positive, help="with --out: how many (default 1000)")
    command.add_argument("--seed", type=int, help="with --out: its seed (default 3)")
    command.add_argument(
        "--clues",
        type=int,
        nargs=2,
        metavar=("FEWEST", "MOST"),
        help="with --out: range of the number of clues aimed at (default 30 60)",
    )


def make_data(args):
    """Make the three shipped files, or one file of other boards."""
    asked = {"n": args.boards, "seed": args.seed, "clues": args.clues and tuple(args.clues)}
    asked = {name: value for name, value in asked.items() if value is not None}
    if args.out and args.folder:
        raise BoardError(
            "give --folder for the three shipped files or --out for another one, not both"
        )
    if args.out:
        _write_boards(Path(args.out), make_boards(**{"n": 1000, "seed": 3} | asked))
    elif asked:
        raise BoardError(
            "--boards, --seed and --clues go with --out FILE: the shipped files are fixed"
        )
    else:
        _make_shipped_files(Path(args.folder or data.DATA_DIR))


def _make_shipped_files(folder):
    splits = {
        name: make_boards(size, data.SPLIT_SEEDS[name]) for name, size in data.SPLIT_SIZES.items()
    }
    for name, other in itertools.combinations(reversed(splits), 2):
        if len(leaked(splits[name], splits[other])):
            raise BoardError(
                f"{name} shares a solved grid with {other}: change its seed in data.SPLIT_SEEDS"
            )
    for name, boards in splits.items():
        _write_boards(folder / f"sudoku_{name}.csv", boards)


def _write_boards(path, boards):
    content = data.boards_to_csv(boards)
    write_atomically(path, content)
    n = (boards.quizzes > 0).sum(1)  # clues
    print(f"{path.name}: {len(n)} boards, {n.min()}-{n.max()} clues, mean {n.mean():.1f}")
    print(f"  sha256 {hashlib.sha256(content).hexdigest()}")
