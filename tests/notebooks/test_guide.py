import ast
import re
from pathlib import Path

import matplotlib
import nbformat
import pytest
import yaml
from snippets import blocks, namespace, run_blocks

from sudoku_sweep import sweeps, train
from sudoku_sweep.cli.main import parser

matplotlib.use("Agg")
TESTS = Path(__file__).resolve().parents[1]
TEXT = (TESTS.parent / "WANDB_GUIDE.md").read_text("utf-8")
TROUBLE = TEXT[TEXT.index("## Troubleshooting") : TEXT.index("## Next steps")]


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
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
    commands = re.findall(
        r"^[\w./]*python -m sudoku_sweep ((?:[^\n]*\\\n)*[^\n#]*)", TEXT + readme, re.M
    )
    assert len(commands) > 6
    for command in commands:
        arguments = command.replace("\\\n", " ").split()
        if arguments != ["--help"]:
            parser().parse_args(arguments)


# --- troubleshooting: a test behind every claim -----------------------------------------------------------

CELLS = nbformat.read(TESTS.parent / "llm_on_sudoku.ipynb", as_version=4).cells

# Rows that say nothing about wandb, by their first cell, and what they are.
ADVICE = {
    "Hidden?": "a filter of the reader's own, in the browser",
    "no GPU": "training, and nothing a test without a GPU can try",
    "several processes share the cores": "PyTorch's threads",
    "every run has the same result": "a mistake in the reader's function",
}


def rows(text):
    """The rows of all tables in a text, without their headers, each with its header."""
    for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.M):
        header, _, *body = table.splitlines()
        yield from ((header, row) for row in body)


def named_in(text):
    """The names of tests in the comments of a text."""
    return re.findall(r"\w+", " ".join(re.findall(r"<!--(.*?)-->", text, flags=re.S)))


def defined(file):
    return re.findall(r"^def (test_\w+)\(", file.read_text("utf-8"), flags=re.M)


def test_every_row_of_troubleshooting_names_a_test_behind_it():
    found = list(rows(TROUBLE))
    assert len(found) > 40 and sum("what you see" in header for header, _ in found) > 20
    without = [row.split("|")[1].strip() for _, row in found if not named_in(row)]
    assert sorted(without) == sorted(ADVICE)


def test_every_test_that_the_guide_names_exists():
    names = named_in(TEXT)
    assert len(names) > 60
    assert set(names) <= {name for file in TESTS.rglob("test_*.py") for name in defined(file)}


def test_the_guide_says_every_fact_about_wandb_that_is_tested_for_it():
    assert set(defined(TESTS / "drift" / "test_wandb_facts.py")) <= set(named_in(TEXT))


def test_the_metric_is_logged_as_often_as_the_guide_says():
    often = {}
    for name, preset in sweeps.PRESETS.items():
        epochs = range(1, preset.budget["epochs"] + 1)
        every = train.Config().validate_every
        often[name] = sum(epoch % every == 0 or epoch == epochs[-1] for epoch in epochs)
    assert often == {"quick": 2, "laptop": 2, "full": 10}


def test_w_and_b_does_not_change_what_cell_7_trained():
    """As the notebook was saved."""
    by_hand, logged = ("".join(o.get("text", "") for o in CELLS[at].outputs) for at in (7, 9))
    score = re.search(r"^validation accuracy ([\d.]+)", logged, flags=re.M)[1]
    assert f"0.0025: validation accuracy {score}," in by_hand


def test_figures_are_made_in_the_cells_that_the_guide_names():
    section = TEXT.split("\n## The dashboard\n")[1].split("\n## ")[0]
    named = re.findall(r"^\|[^|]*\| Cells? ([^|]*)\| `\w+\.(\w+)` \|$", section, re.M)
    assert len(named) == 9
    for cells, function in named:
        for at in map(int, re.findall(r"\d+", cells)):
            assert function in CELLS[at].source, (at, function)
