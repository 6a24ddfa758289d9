"""A W&B account for tests: the real wandb client against a server on this machine, and no way out to any other."""

import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
import wandb
from wandb.agents import pyagent
from wandb_server import Server

NOBODY = "http://127.0.0.1:9"
# Both halves of wandb, the one in Python and the one in Go, take the way to other machines from these; nobody is there.
NO_WAY_OUT = {"HTTP_PROXY": NOBODY, "HTTPS_PROXY": NOBODY, "NO_PROXY": "127.0.0.1"}
NO_WAY_OUT |= {name.lower(): value for name, value in NO_WAY_OUT.items()}


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server that wandb is logged in to. Fails a test in which wandb asked it for more than it knows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pyagent.Agent, "HEARTBEAT_SLEEP_SECONDS", 0.1)
    # HOME: whose .netrc holds no key. wandb.sweep leaves WANDB_PROJECT behind: all is put back.
    home = {"HOME": str(tmp_path), "WANDB_DIR": str(tmp_path)}
    wandb.teardown()  # before the environment is kept: it holds the address of wandb's background process
    with Server() as server, mock.patch.dict(os.environ, server.environment | NO_WAY_OUT | home):
        yield server
        server.heal()
        wandb.teardown()
    assert server.unknown == []


def wandb_command(*args, environment=os.environ):
    """Run ``wandb ...`` in a shell's way; returns what it printed."""
    python = Path(sys.executable)  # also the `python` of a sweep's program
    path = f"{python.parent}:{os.environ['PATH']}"
    environment = dict(environment) | {"PATH": path, "WANDB_SILENT": "false"}
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    command = [python, "-m", "wandb", *args]
    done = subprocess.run(command, timeout=120, env=environment, **pipes)
    assert done.returncode == 0, done.stdout
    return done.stdout
