"""Somebody's own program, in an environment made as the guide says: without PyTorch and JupyterLab."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import own_program
import pytest
from snippets import blocks

ROOT = Path(__file__).resolve().parents[2]
NO_TORCH = "import importlib.util; assert not importlib.util.find_spec('torch')"


@pytest.mark.slow
def test_an_own_program_is_swept_where_only_what_the_guide_lists_is_installed(tmp_path):
    guide = (ROOT / "WANDB_GUIDE.md").read_text("utf-8")
    (install,) = (block for block in blocks(guide, "bash") if "--no-deps" in block)
    own_program.save(tmp_path)
    for name in ("sudoku_sweep", "data"):
        shutil.copytree(ROOT / name, tmp_path / "project" / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "project")
    install = install.replace("path/to/llm_on_sudoku", "./project")
    lines = [f"{sys.executable} -m venv venv", "source venv/bin/activate", install]
    lines += [f'python -c "{NO_TORCH}"']
    lines += [f"python -m sudoku_sweep {step}" for step in own_program.STEPS]
    where = dict(cwd=tmp_path, env=os.environ | {"WANDB_DIR": str(tmp_path)})
    command = ["bash", "-ec", "\n".join(lines)]
    done = subprocess.run(command, **where, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    best = done.stdout.splitlines()[-2]
    assert best.split()[1:5] == ["run-2", "finished", "1", "1"], done.stdout
