"""A W&B account for tests: the real wandb client against a server on this machine, and no way out to any other."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest import mock

import pytest
import wandb
from wandb.agents import pyagent
from wandb_server import Server


class Outside:
    """A proxy that refuses everything, and notes in ``asked`` which hosts were asked for.

    Both halves of wandb, the one in Python and the one in Go, take the way to other machines from
    ``HTTPS_PROXY``, so whatever would leave this machine ends here.
    """

    def __init__(self):
        asked = self.asked = []

        class Refusal(BaseHTTPRequestHandler):
            def do_CONNECT(self):
                asked.append(self.path)
                self.send_error(502)

            do_GET = do_POST = do_CONNECT  # noqa: N815

            def log_message(self, *_):
                """Nothing on stderr."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Refusal)
        url = f"http://127.0.0.1:{self._http.server_port}"
        proxies = {"HTTP_PROXY": url, "HTTPS_PROXY": url, "NO_PROXY": "127.0.0.1"}
        self.environment = proxies | {name.lower(): value for name, value in proxies.items()}

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def outside():
    with Outside() as outside:
        yield outside


@pytest.fixture
def server(tmp_path, monkeypatch, outside):
    """A server that wandb is logged in to. Fails a test in which wandb asked it, or others, for more."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pyagent.Agent, "HEARTBEAT_SLEEP_SECONDS", 0.1)
    # HOME: whose .netrc holds no key. wandb.sweep leaves WANDB_PROJECT behind: all is put back.
    home = {"HOME": str(tmp_path), "WANDB_DIR": str(tmp_path)}
    wandb.teardown()  # before the environment is kept: it holds the address of wandb's background process
    with (
        Server() as server,
        mock.patch.dict(os.environ, server.environment | outside.environment | home),
    ):
        yield server
        server.heal()
        wandb.teardown()
    assert server.unknown == []
    assert outside.asked == []


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
