import json
from pathlib import Path

import pytest
from signed_in import wandb_command

from sudoku_sweep import local

TRAIN = """
import sys
import wandb
with open("calls", "a") as calls:
    print(sys.argv[1:], file=calls)
wandb.init().finish()
"""
PARAMETERS = {
    "b": {"value": 0.25},
    "a": {"value": None},
    "flag": {"values": [True, False]},
    "l": {"value": [1, "x y"]},
    "model": {"parameters": {"width": {"values": [3]}, "n": {"value": 1.0}}},
}
ENDINGS = ("", "_no_boolean_flags", "_no_hyphens", "_no_equals", "_json", "_append_hydra")
EACH = ["${env}", "X=1", "${interpreter}", "${program}", *(f"${{args{end}}}" for end in ENDINGS)]
EACH += [7, "${unknown}", "${envvar:HOME}/${envvar:NOT_SET}"]


@pytest.mark.slow  # W&B's agent asks for its next run every five seconds
@pytest.mark.parametrize("command", [None, EACH])
def test_the_commands_are_those_of_wandb_s_agent_in_the_same_order(server, command):
    config = {"program": "train.py", "method": "grid", "parameters": PARAMETERS, "project": "p"}
    config |= {"command": command} if command else {}
    Path("train.py").write_text(TRAIN)
    Path("sweep.yaml").write_text(json.dumps(config))
    wandb_command("sweep", "sweep.yaml")
    (theirs,) = server.sweeps
    wandb_command("agent", "--project=p", theirs)
    calls = Path("calls")
    expected = calls.read_text()
    calls.unlink()
    local.agent(local.sweep(config))
    assert calls.read_text() == expected and expected.count("\n") == 2
