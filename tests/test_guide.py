import ast
import re
from pathlib import Path

import matplotlib
import pytest
import yaml
from snippets import blocks, namespace, run_blocks

from sudoku_sweep import sweeps
from sudoku_sweep.__main__ import parser

matplotlib.use("Agg")
TEXT = (Path(__file__).resolve().parent.parent / "WANDB_GUIDE.md").read_text()


def test_the_python_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    after = run_blocks(TEXT, "WANDB_GUIDE.md", namespace())
    assert after["sweep_config"]["metric"] == sweeps.FULL["metric"]


def test_the_sweep_configuration_is_the_full_grid():
    for block in blocks(TEXT):
        for node in ast.walk(ast.parse(block)):
            if (
                isinstance(node, ast.Assign)
                and getattr(node.targets[0], "id", "") == "sweep_config"
            ):
                assert ast.literal_eval(node.value) == sweeps.FULL
                return
    pytest.fail("the guide never shows sweep_config")


def test_its_numbers_and_names_are_the_package_s():
    assert "240" in TEXT and "5 x 4 x 4 x 3" in TEXT
    assert sweeps.PROJECT in TEXT
    for name in sweeps.PRESETS:
        assert f"`{name}`" in TEXT
    assert not re.search(r"\b(60|70|80)( |-to-80 )(valid )?configurations", TEXT)


def test_yaml_blocks_are_valid():
    for block in blocks(TEXT, "yaml"):
        assert yaml.safe_load(block)


def test_there_is_a_section_for_every_question():
    headings = " ".join(re.findall(r"^##+ (.*)$", TEXT, flags=re.M)).lower()
    for word in (
        "overview",
        "cells",
        "set-up",
        "configuration",
        "training function",
        "dashboard",
        "analysis",
    ):
        assert word in headings
    for word in ("loop", "tips", "bayes", "early", "machine", "troubleshooting", "next steps"):
        assert word in headings


def test_the_variables_are_those_that_choose_backend_sets():
    rows = re.findall(r"^\| `(WANDB_\w+)` \| (\S*) ?\| (\S*) ?\|", TEXT, flags=re.M)
    assert {name: value[1:-1] for name, value, _ in rows if value} == sweeps.ONLINE
    assert {name: value[1:-1] for name, _, value in rows if value} == sweeps.OFFLINE


def test_python_m_commands_parse():
    """Those of the guide and the README."""
    readme = (Path(__file__).resolve().parent.parent / "README.md").read_text()
    commands = re.findall(
        r"^[\w./]*python -m sudoku_sweep ((?:[^\n]*\\\n)*[^\n#]*)", TEXT + readme, re.M
    )
    assert len(commands) > 6
    for command in commands:
        arguments = command.replace("\\\n", " ").split()
        if arguments != ["--help"]:
            parser().parse_args(arguments)
