"""One run of a sweep that names a program: a child process, started as ``wandb agent`` starts it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from ..errors import SweepError
from . import wandb_file, wandb_internals

POLL_SECONDS = 1  # how often a run that may be stopped early is looked at
KILL_SECONDS = 30  # how long a process that was told to end may take for it, as with W&B's agent
# of the output of a program that failed
SHOWN_LINES, SHOWN_BYTES, SHOWN_LENGTH = 20, 4000, 200


def command_line(space, config, json_file):
    """What is executed for a configuration: a list of words, made by wandb's own functions.

    ``${args_json_file}`` becomes ``json_file``, which is written then. Source: docs.wandb.ai, "Sweep configuration
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
    # `python` is the one that runs this agent, also where its environment was not activated.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = os.environ | environment | {"PATH": path}
    log = sweep.path(run.index, ".log")
    with open(log, "w+b") as output:
        streams = dict(stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:  # its own group, so that a Ctrl-C reaches it once: from here; and with the run's lock
            own = dict(process_group=0, close_fds=False)
            child = subprocess.Popen(words, env=environment, **own, **streams)
        except OSError as error:
            raise SweepError(f"cannot start {' '.join(words)!r}: {error.strerror}") from error
        status = _wait(child, run, stopper, Path(environment["WANDB_DIR"]))
        output.seek(max(0, output.seek(0, os.SEEK_END) - SHOWN_BYTES))
        lines = output.read().decode("utf-8", "replace").splitlines()[-SHOWN_LINES:]
    if status:
        reason = f"exit status {status}" if status > 0 else signal.Signals(-status).name
        print(*lines, f"(all of it: {os.path.relpath(log)})", sep="\n", file=sys.stderr)
        said = [line for line in lines if line.strip() and not line.startswith("wandb: ")]
        raise SweepError(f"{reason}, {said[-1][:SHOWN_LENGTH] if said else 'no output'}")


def _wait(child, run, stopper, folder):
    """The exit status of a run's child process, once it has ended. Whatever ends the waiting ends the child."""
    pause = POLL_SECONDS if stopper else None
    try:
        while True:
            try:
                return child.wait(pause)
            except subprocess.TimeoutExpired:
                start = time.monotonic()
                if path := wandb_file.find(folder, run.id):
                    wandb_file.read_into(run, path)
                    stopper.check()
                # a long file takes seconds of a processor that the program may need
                pause = max(POLL_SECONDS, 10 * (time.monotonic() - start))
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
