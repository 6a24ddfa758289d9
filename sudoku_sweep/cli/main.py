"""The command line: one subcommand per step, one file per subcommand."""

import importlib
import os
import sys

import click

from ..errors import SudokuError
from ..files import escape_output

PROGRAM = "python -m sudoku_sweep"
COMMANDS = ("train", "sweep", "agent", "report", "repeat", "export", "dashboard", "solve")


class Commands(click.Group):
    """Imports a command's file when it is asked for, so that none waits for what only others need."""

    def list_commands(self, context):
        return COMMANDS

    def get_command(self, context, name):
        if name not in COMMANDS:
            return None
        return getattr(importlib.import_module(f".{name}", __package__), name)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Try: `sweep --preset quick`, then `agent`, then `report`. No account is needed.",
)
def commands():
    """Train tiny transformers on Sudoku, one by one or as a hyperparameter sweep."""


def main(arguments):
    """Run one command and return its exit status; a refusal is one line on stderr and status 2."""
    escape_output()
    try:
        with commands.make_context(PROGRAM, list(arguments)) as context:
            status = commands.invoke(context) or 0
        sys.stdout.flush()
        return status
    except click.exceptions.Exit as end:  # after --help
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except SudokuError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        print("interrupted", *interrupt.args, sep=". ", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still to come
        return 1
