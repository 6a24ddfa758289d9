import ast
import subprocess
import sys
from pathlib import Path

import pytest

from sudoku_sweep import local

MODULES = sorted(Path(local.__file__).parent.glob("*.py"))


def test_importing_it_loads_nothing_that_is_slow():
    slow = {"torch", "sklearn", "matplotlib", "pandas", "scipy"}
    code = f"import sys, sudoku_sweep.local; print({slow} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_it_knows_nothing_of_the_package_around_it(path):
    text = path.read_text("utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level:
            assert node.level == 1 or node.module == "files"
            assert all(not alias.name.startswith("_") for alias in node.names)
    assert not any(word in text.lower() for word in ("sudoku", "notebook", "cell 1"))
