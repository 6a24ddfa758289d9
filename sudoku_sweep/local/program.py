"""One run of a sweep that names a program: a child process, started as ``wandb agent`` starts it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from ..errors import SweepError
from . import wandb_file
from .configuration import read
from .store import run_file

POLL_SECONDS = 1  # how often a run that may be stopped early is looked at
KILL_SECONDS = 30  # how long a process that was told to end may take for it, as with W&B's agent
# of the output of a program that failed
SHOWN_LINES, SHOWN_BYTES, SHOWN_LENGTH = 20, 4000, 200


def names_program(config):
    """Whether a sweep configuration says what is to be run: a ``program``, or a ``command`` that needs none."""
    sweep = read(config)
    return bool(sweep.program) or bool(sweep.command and "${program}" not in sweep.command)


def command_line(plan, config, json_file):
    """What is executed for a configuration: a list of words, made by wandb's own functions.

    ``${args_json_file}`` becomes ``json_file``, which is written then. Source: docs.wandb.ai, "Sweep configuration
    options", section "command".
    """
    given = {name: {"value": value} for name, value in config.items()}
    macros = create_sweep_command_args({"args": given}) | {
        "env": ["/usr/bin/env"],
        "interpreter": ["python"],
        "program": [plan.program],
        "args_json_file": [str(json_file)],
    }
    template = create_sweep_command(list(plan.command or []))
    if "${args_json_file}" in template:
        json_file.write_text(json.dumps(config), "utf-8")
    words = []
    for word in map(str, template):
        is_macro = word.startswith("${") and word.endswith("}")
        words += macros.get(word[2:-1]) or [] if is_macro else [word]
    return words


def run(sweep, record, environment, stopper):
    """Run the sweep's program for a record's configuration, until it ends by itself or is stopped early.

    What it prints goes to a file beside the record's; the last lines are shown if it fails.

    Raises
    ------
    SweepError
        The program cannot be started, or has failed.
    StoppedEarly
        ``stopper`` has ended it.
    """
    files = run_file(sweep.folder, record["index"])
    words = command_line(sweep.plan, record["config"], files.with_suffix(".args"))
    # `python` is the one that runs this agent, also where its environment was not activated.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = os.environ | environment | {"PATH": path}
    log = files.with_suffix(".log")
    with open(log, "w+b") as output:
        streams = dict(stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:  # its own group, so that a Ctrl-C reaches it once: from here
            child = subprocess.Popen(words, env=environment, process_group=0, **streams)
        except OSError as error:
            raise SweepError(f"cannot start {' '.join(words)!r}: {error.strerror}") from error
        status = _wait(child, record["id"], stopper, Path(environment["WANDB_DIR"]))
        output.seek(max(0, output.seek(0, os.SEEK_END) - SHOWN_BYTES))
        lines = output.read().decode("utf-8", "replace").splitlines()[-SHOWN_LINES:]
    if status:
        how = f"exit status {status}" if status > 0 else signal.Signals(-status).name
        print(*lines, f"(all of it: {os.path.relpath(log)})", sep="\n", file=sys.stderr)
        told = [line for line in lines if line.strip() and not line.startswith("wandb: ")]
        raise SweepError(f"{how}, {told[-1][:SHOWN_LENGTH] if told else 'no output'}")


def _wait(child, run_id, stopper, folder):
    """The exit status of a child, once it has ended. Whatever ends the waiting ends the child."""
    pause = POLL_SECONDS if stopper else None
    try:
        while True:
            try:
                return child.wait(pause)
            except subprocess.TimeoutExpired:
                start = time.monotonic()
                if path := wandb_file.find(folder, run_id):
                    stopper.check(wandb_file.read(path).rows)
                # a long file takes seconds of a processor that the program may need
                pause = max(POLL_SECONDS, 10 * (time.monotonic() - start))
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        # its group: a launcher, or a shell, may not pass it on
        os.killpg(child.pid, signal.SIGINT if interrupted else signal.SIGTERM)
        try:
            child.wait(KILL_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            # it takes too long, or the user will not wait for it
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        raise
