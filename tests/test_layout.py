"""The rooms of the package: which imports which, in functions too, and what an import brings along."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "sudoku_sweep"
# room: the rooms that it may import from
ARROWS = {
    "errors": set(),
    "files": {"errors"},
    "signals": set(),
    "values": set(),
    "boards": {"errors"},
    "config": {"errors", "values"},
    "recipe": set(),
    "data": {"boards", "errors"},
    "model": {"boards", "recipe"},
    "checkpoint": {"config", "errors", "files", "model"},
    "solver": {"boards", "errors"},
    "train": {"config", "data", "errors", "model", "recipe", "solver"},
    "sweeps": {"config", "errors", "train", "values"},
    "local": {"errors", "files", "signals", "values"},
    "analysis": {"boards", "errors", "files", "values"},
}


def imports(path):
    """The modules of the package that a file imports anywhere, as tuples of names: ("local", "agent")."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            assert not (isinstance(node, ast.Import) and "sudoku_sweep" in ast.unparse(node))
            continue
        assert not (node.module or "").startswith("sudoku_sweep"), "imports here are relative"
        if node.level:
            here = path.relative_to(PACKAGE).parent.parts
            below = filter(None, (node.module or "").split("."))
            base = (*here[: len(here) - node.level + 1], *below)
            for name in node.names:
                whole = (*base, name.name)
                is_module = (PACKAGE.joinpath(*whole).with_suffix(".py")).exists()
                found.add(whole if is_module or PACKAGE.joinpath(*whole).is_dir() else base)
    return found


MODULES = {
    tuple(path.relative_to(PACKAGE).with_suffix("").parts): imports(path)
    for path in PACKAGE.rglob("*.py")
}


def test_arrows_between_rooms_point_one_way():
    for module, imported in MODULES.items():
        room = module[0]
        if room in ARROWS:
            assert {other[0] for other in imported} - {room} <= ARROWS[room], module
        else:
            assert room in ("cli", "__main__", "__init__"), module


def test_no_command_imports_another():
    for module, imported in MODULES.items():
        if module[0] == "cli":
            assert {other for other in imported if other[0] == "cli"} <= {("cli", "options")}


def test_there_is_no_circle_of_imports_not_even_in_functions():
    def as_file(name):  # a package stands for its __init__
        return name if name in MODULES else (*name, "__init__")

    graph = {module: set(map(as_file, imported)) for module, imported in MODULES.items()}
    list(graphlib.TopologicalSorter(graph).static_order())  # a CycleError names the circle


@pytest.mark.parametrize(
    "module, absent",
    [
        ("sudoku_sweep.boards.generator", {"torch", "pandas", "wandb"}),
        ("sudoku_sweep.local", {"torch", "sklearn", "matplotlib", "optuna", "ax"}),
        ("sudoku_sweep.analysis.results", {"torch", "sklearn", "matplotlib", "wandb"}),
        ("sudoku_sweep.train", {"wandb", "sklearn", "matplotlib", "pandas"}),
        ("sudoku_sweep.sweeps", {"torch", "pandas"}),
    ],
)
def test_an_import_brings_no_more_than_it_needs(module, absent):
    code = f"import sys, {module}; print(*({absent} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
