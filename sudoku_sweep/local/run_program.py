"""One run of a sweep that names a program: a child process, started as ``wandb agent`` starts it."""

import errno
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from ..errors import SweepError
from ..values import shortened
from . import wandb_internals

POLL_SECONDS = 1  # how often a run that may be stopped early is looked at
KILL_SECONDS = 30  # how long a process that was told to end may take for it, as with W&B's agent
# of the output of a program that failed; a launcher prints some pages after the error
SHOWN_LINES, READ_BYTES, SHOWN_LENGTH = 20, 20_000, 200
# the last line of a traceback, with what torchrun writes before it
PYTHON_ERROR = re.compile(r"(?:\[\w+\]:)?\s*((?:\w+\.)*[A-Z]\w*(?:Error|Exception): \S.*)")
HYDRA_HINT = "Set the environment variable HYDRA_FULL_ERROR=1"
INTERPRETED = ("${interpreter}", "${program}")  # in wandb's usual command
TOO_LONG = "; hand the values over in a file, with ${args_json_file} in the sweep's command"


def command_line(space, config, json_file):
    """What is executed for a configuration: a list of words, made by wandb's own functions.

    ``${args_json_file}`` becomes ``json_file``, which is written then. Source: docs.coreweave.com, "Sweep configuration
    options", section "command".
    """
    template, macros = wandb_internals.sweep_command(list(space.command or []), config)
    macros |= {"env": ["/usr/bin/env"], "interpreter": ["python"], "program": [space.program]}
    macros["args_json_file"] = [str(json_file)]
    if "${args_json_file}" in template:
        json_file.write_text(json.dumps(config), "utf-8")
    words = []
    for word in map(str, template):
        is_macro = word.startswith("${") and word.endswith("}")
        words += macros.get(word[2:-1]) or [] if is_macro else [word]
    return words


def missing(space):
    """The program, or the command, by which a sweep starts its runs, if it is not there; else None."""
    command = list(map(str, space.command or INTERPRETED))
    name = command[0]
    if name == "${program}" or INTERPRETED in itertools.pairwise(command):
        name = str(space.program)
    is_there = name.startswith("${") or Path(name).exists() or shutil.which(name, path=_path())
    return None if is_there else name


def _path():
    """Where programs are looked for: ``python`` is the one that runs this agent, also if not activated."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def run_program(sweep, run, environment, stopper):
    """Start the sweep's program for a run, and wait until it ends by itself or ``stopper``, if there is one, ends it.

    What it prints goes to a file beside the run's; the last lines are shown if it fails.

    Raises
    ------
    SweepError
        The program cannot be started, or has failed.
    StoppedEarly
        ``stopper`` has ended it.
    """
    words = command_line(sweep.space, run.config, sweep.path(run.index, ".args"))
    environment = os.environ | environment | {"PATH": _path()}
    log = sweep.path(run.index, ".log")
    with open(log, "w+b") as output:
        streams = dict(stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:  # its own group, so that a Ctrl-C reaches it once: from here; and with the run's lock
            own = dict(process_group=0, close_fds=False)
            child = subprocess.Popen(words, env=environment, **own, **streams)
        except OSError as error:
            what = f"cannot start {shortened(' '.join(words), SHOWN_LENGTH)!r}: {error.strerror}"
            advice = TOO_LONG if error.errno == errno.E2BIG else ""
            raise SweepError(what + advice) from error
        status = _wait(child, stopper)
        output.seek(max(0, output.seek(0, os.SEEK_END) - READ_BYTES))
        lines = output.read().decode("utf-8", "replace").splitlines()
    if status:
        shown = [shortened(line, SHOWN_LENGTH) for line in lines[-SHOWN_LINES:]]
        print(*shown, f"(all of it: {os.path.relpath(log)})", sep="\n", file=sys.stderr)
        by_signal = f"{signal.strsignal(abs(status))} (signal {-status})"
        reason = f"exit status {status}" if status > 0 else by_signal
        raise SweepError(f"{reason}, {shortened(_error_line(lines), SHOWN_LENGTH)}")


def _error_line(lines):
    """Of a failed program's output the last error of Python's, for a launcher adds to it; else the last line."""
    for at in reversed(range(len(lines))):
        if found := PYTHON_ERROR.match(lines[at]):
            rest = itertools.takewhile(lambda line: line[:1] in ("\t", " "), lines[at + 1 :])
            return " ".join([found[1], *map(str.strip, rest)])
    text = "\n".join(line for line in lines if not line.startswith("wandb: ")).strip()
    if HYDRA_HINT in text:  # below a paragraph that begins with what is wrong
        return text.partition(HYDRA_HINT)[0].strip().split("\n\n")[-1].partition("\n")[0]
    return text.rpartition("\n")[2] or "no output"


def _wait(child, stopper):
    """The exit status of a run's child process, once it has ended. Whatever ends the waiting ends the child."""
    try:
        while True:
            try:
                return child.wait(POLL_SECONDS if stopper else None)
            except subprocess.TimeoutExpired:
                stopper.check()
    except BaseException as error:
        # a program ignores SIGINT if its agent does, as what a script has started by `&`
        ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        is_interrupt = isinstance(error, KeyboardInterrupt) and not ignored
        _end(child, signal.SIGINT if is_interrupt else signal.SIGTERM)
        raise


def _end(child, number):
    """End a child and what it has started, its process group, by a signal; what is left after a while is killed.

    That is after ``KILL_SECONDS``, or at the next Ctrl-C.
    """
    end = time.monotonic() + KILL_SECONDS
    try:
        while _signal(child.pid, number) and time.monotonic() < end:
            number = 0  # is only asked whether it is still there
            child.poll()
            time.sleep(0.05)
    finally:
        _signal(child.pid, signal.SIGKILL)
        child.wait()


def _signal(group, number):
    """Send a signal to a process group. Returns whether there is one: no, if all of it has ended."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # the second on a Mac, of what has just ended
        return False
    return True
