"""Folders, locales and homes unlike those of whoever wrote this: every step from the shell works there, too.

What is printed goes to a file, and in the old locale it can be ASCII alone.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SWEEP = """\
method: grid
name: für alle
project: sudoku-llm-hyperparameter-sweep
parameters: {epochs: {value: 1}, validation_boards: {value: 5}, learning_rate: {values: [0.001, 0.003]}}
"""
BOARD = "530070000600195000098000060800060003400803001700020006060000280000419005000080079"
STEPS = f"""\
sweep größe.yaml
agent --boards 20
report
export läufe.csv
sweep --prior läufe.csv
train --boards 20 --validation-boards 5 --epochs 1 --steps-per-epoch 1 --save nëtz.pt
solve {BOARD} --net nëtz.pt"""
# One after the other in one process, which saves time.
PROGRAM = """\
import sys
from sudoku_sweep.cli.main import main

for line in sys.stdin:
    print("status", main(line.split()))
"""
USUAL = {"LC_ALL": "C.UTF-8"}
NO_HOME = USUAL | {"HOME": "/proc/nobody"}  # where not even root can write
# The encoding is ASCII then, as on machines that were set up long ago.
OLD_LOCALE = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, environment",
    [("Größe & Übung (1)", USUAL), ("plain", NO_HOME), ("plain", OLD_LOCALE)],
)
def test_every_step_works_in_any_folder_locale_and_home(name, environment, tmp_path):
    if environment is OLD_LOCALE and not sys.prefix.isascii():
        pytest.skip("in such a locale PyTorch cannot be installed in a folder with umlauts")
    folder = tmp_path / name
    shutil.copytree(ROOT / "sudoku_sweep", folder / "sudoku_sweep")
    (folder / "data").symlink_to(ROOT / "data")
    (folder / "größe.yaml").write_text(SWEEP, "utf-8")
    where = dict(cwd=folder, env=os.environ | {"WANDB_DIR": str(folder)} | environment)
    command = [sys.executable, "-c", PROGRAM]
    with open(tmp_path / "output", "wb") as out, open(tmp_path / "errors", "wb") as err:
        subprocess.run(command, input=STEPS.encode(), **where, stdout=out, stderr=err, timeout=250)
    printed, errors = ((tmp_path / name).read_text() for name in ("output", "errors"))
    statuses = [line[-1] for line in printed.splitlines() if line.startswith("status ")]
    # the last: a net after one step solves nothing
    assert statuses == [*"0000001"], printed + errors
    assert "Traceback" not in errors
    for name in ("läufe.csv", "läufe.jsonl", "nëtz.pt"):
        assert (folder / name).stat().st_size > 0
