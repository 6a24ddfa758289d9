"""The command line: one subcommand per step."""

import argparse
import os
import select
import sys

from ..errors import SudokuError
from . import report, solve, sweep, train


def parser():
    """The parser of the whole command line; what it gives has a function ``run`` that takes it."""
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

    for module in (train, sweep, report, solve):
        module.add_commands(add)
    return top


def main(argv=None):
    """Run one command; a refusal is one line on stderr and exit status 2."""
    args = parser().parse_args(argv)
    try:
        status = args.run(args) or 0
        sys.stdout.flush()
        return status
    except SudokuError as error:
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
