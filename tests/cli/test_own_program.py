"""Somebody's own program, in an environment made as the guide says: without PyTorch and JupyterLab."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from snippets import blocks

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "import wandb\nwith wandb.init() as run: run.log({'loss': run.config.a})\n"
SWEEP = """\
program: own.py
method: grid
metric: {name: loss}
parameters: {a: {values: [3, 1]}}
"""
STEPS = """\
python -m sudoku_sweep sweep own.yaml
python -m sudoku_sweep agent --workers 2
python -m sudoku_sweep export runs.csv
python -m sudoku_sweep sweep --resume runs.csv
python -m sudoku_sweep report
python -c "import importlib.util; assert not importlib.util.find_spec('torch')"
"""


@pytest.mark.slow
def test_an_own_program_is_swept_where_only_what_the_guide_lists_is_installed(tmp_path):
    guide = (ROOT / "WANDB_GUIDE.md").read_text("utf-8")
    (install,) = (block for block in blocks(guide, "bash") if "--no-deps" in block)
    (tmp_path / "own.py").write_text(PROGRAM)
    (tmp_path / "own.yaml").write_text(SWEEP)
    for name in ("sudoku_sweep", "data"):
        shutil.copytree(ROOT / name, tmp_path / "project" / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "project")
    install = install.replace("path/to/llm_on_sudoku", "./project")
    lines = f"{sys.executable} -m venv venv\nsource venv/bin/activate\n{install}{STEPS}"
    environment = os.environ | {"WANDB_DIR": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-ec", lines], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    best = done.stdout.splitlines()[-2]
    assert best.split()[1:] == ["run-2", "finished", "1", "1"], done.stdout
