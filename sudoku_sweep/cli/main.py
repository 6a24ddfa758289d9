"""``python -m sudoku_sweep``: the same steps as the notebook's, from the shell."""

import argparse
import os
import select
import sys
from dataclasses import fields

from .. import sweeps, train
from ..errors import SudokuError
from ..files import StorageError
from ..local import SweepError
from . import commands, solve


def _positive(text):
    """A whole number of at least 1, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number of at least 1")
    return int(text)


def parser():
    """The command line, one subcommand per step."""
    top = argparse.ArgumentParser(
        prog="python -m sudoku_sweep",
        description="Train tiny transformers on Sudoku, one by one or as a hyperparameter sweep.",
        epilog="Try: `sweep --preset quick`, then `agent`, then `report`. No account is needed.",
    )
    subcommands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(name, function):
        command = subcommands.add_parser(name, help=function.__doc__, description=function.__doc__)
        command.set_defaults(run=function)
        return command

    _add_data_flags(add("data", commands.make_data))
    _add_train_flags(add("train", commands.train_net))

    command = add("sweep", commands.set_up_sweep)
    command.add_argument("file", nargs="?", help="a sweep configuration, such as sweep.yaml")
    command.add_argument(
        "--preset",
        choices=sweeps.PRESETS,
        help="how much of the notebook's sweep (default: SUDOKU_PRESET, else quick)",
    )
    command.add_argument(
        "--resume", metavar="FILE.csv", help="a sweep from `export`, with its runs done already"
    )

    command = add("agent", commands.run_agent)
    command.add_argument("sweep", nargs="?", help="the id that `sweep` printed")
    command.add_argument(
        "--workers",
        type=_positive,
        default=1,
        help="processes that share the work: one per core, or several per GPU (default 1)",
    )
    command.add_argument("--count", type=_positive, help="at most so many runs per worker")
    _add_machine_flags(command)

    command = add("export", commands.export)
    command.add_argument("file", metavar="FILE.csv")
    command.add_argument("sweep", nargs="?", help="the id that `sweep`, or the notebook, printed")

    command = add("report", commands.report)
    command.add_argument("sweep", nargs="?", help="the id that `sweep`, or the notebook, printed")

    command = add("solve", solve.solve)
    command.add_argument("board", nargs="?", help="81 digits, 0 or . for a blank")
    command.add_argument("--file", metavar="IN.csv", help="a file with a column quizzes")
    command.add_argument("--out", metavar="OUT.csv", help="with --file: where the solutions go")
    command.add_argument("--net", default=solve.WINNER, help="default: data/winner.pt")
    return top


def _add_data_flags(command):
    command.add_argument("--folder", help="where the three shipped files go (default: data/)")
    command.add_argument("--out", metavar="FILE", help="make one file of other boards instead")
    command.add_argument("--boards", type=_positive, help="with --out: how many (default 1000)")
    command.add_argument("--seed", type=int, help="with --out: its seed (default 3)")
    command.add_argument(
        "--clues",
        type=int,
        nargs=2,
        metavar=("FEWEST", "MOST"),
        help="with --out: range of the number of clues aimed at (default 30 60)",
    )


def _add_train_flags(command):
    for f in fields(train.Config):
        kind = float if f.type is float else int
        command.add_argument(
            f"--{f.name.replace('_', '-')}",
            type=kind,
            help=f"default {f.default}",
        )
    command.add_argument(
        "--preset", choices=["final"], help="start from the settings of data/winner.pt"
    )
    command.add_argument(
        "--thin",
        type=_positive,
        metavar="N",
        help="take so many of the training boards without a clue to spare; made on first use",
    )
    command.add_argument(
        "--wandb",
        action="store_true",
        help="log a W&B run; started by `wandb agent`, take the settings from there, too",
    )
    command.add_argument(
        "--test", action="store_true", help="score on the test boards, too: once, at the very end"
    )
    command.add_argument("--save", metavar="FILE.pt", help="write the net here")
    _add_machine_flags(command)


def _add_machine_flags(command):
    command.add_argument(
        "--boards",
        type=_positive,
        help="train on so many boards (default: the 20,000 shipped; more are made on demand)",
    )
    command.add_argument(
        "--validation-boards",
        type=_positive,
        help="score on so many while training (default: what the sweep's preset says, else all 2,000)",
    )
    command.add_argument(
        "--device", choices=("cpu", "cuda"), help="default: the GPU if there is one"
    )
    command.add_argument(
        "--threads", type=_positive, default=1, help="CPU threads; more rarely help (default 1)"
    )


def main(argv=None):
    """Run one command; a refusal is one line on stderr and exit status 2."""
    args = parser().parse_args(argv)
    try:
        status = args.run(args) or 0
        sys.stdout.flush()
        return status
    except (SudokuError, SweepError, StorageError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        if not _reader_is_gone():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still to come
        return 1


def _reader_is_gone():
    """Whether nobody reads the output any more: `head` has seen enough."""
    output = select.poll()
    output.register(sys.stdout, 0)  # errors are told unasked
    return bool(output.poll(0))
