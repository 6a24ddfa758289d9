"""The guide and the README: their code runs, their commands exist, and their tables of names are the package's."""

import re
from pathlib import Path

import yaml
from snippets import blocks, namespace, run_blocks

from sudoku_sweep import local, sweeps
from sudoku_sweep.cli.main import commands as command_line
from sudoku_sweep.local.backend import OFFLINE, ONLINE

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ("WANDB_GUIDE.md", "README.md", "sudoku_sweep/local/README.md")
GUIDE, README, LOCAL_README = ((ROOT / name).read_text("utf-8") for name in TEXTS)


def test_the_python_blocks_run(in_tmp_path):
    after = run_blocks(GUIDE, "WANDB_GUIDE.md", namespace())
    assert after["sweep_config"] == sweeps.FULL


def test_yaml_blocks_are_sweeps():
    for block in blocks(GUIDE, "yaml"):
        assert local.n_runs(yaml.safe_load(block)) == 20


def test_the_variables_are_those_that_choose_backend_sets():
    rows = re.findall(r"^\| `(WANDB_\w+)` \| (\S*) ?\| (\S*) ?\|", GUIDE, flags=re.M)
    assert {name: value[1:-1] for name, value, _ in rows if value} == ONLINE
    assert {name: value[1:-1] for name, _, value in rows if value} == OFFLINE


def test_python_m_commands_parse():
    texts = GUIDE + README + LOCAL_README
    found = re.findall(r"^[^\n`]*-m sudoku_sweep ((?:[^\n]*\\\n)*[^\n#]*)", texts, re.M)
    assert len(found) > 6
    for line in found:
        name, *arguments = line.replace("\\\n", " ").split()
        command = command_line.get_command(None, name)
        command.make_context(name, arguments)  # a click.UsageError says what is wrong


def test_wandb_ai_is_named_as_the_old_server_alone():
    files = [path for name in ("*.md", "*.ipynb", "*.yaml") for path in ROOT.glob(name)]
    files += [*ROOT.glob("notebooks/*.*"), *ROOT.glob("sudoku_sweep/**/*.*")]
    texts = [path.read_text("utf-8") for path in files if path.suffix != ".pyc"]
    assert len(texts) > 50
    assert re.findall(r"[\w.]*wandb\.ai\b", "".join(texts)) == ["api.wandb.ai"]


def anchors(level):
    """Those that GitHub makes of the guide's headings of a level."""
    prose = re.sub(r"^```.*?^```", "", GUIDE, flags=re.M | re.S)
    headings = re.findall(rf"^{level} (.*)$", prose, re.M)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_links_within_the_guide_lead_to_headings():
    sections, parts = anchors("##"), anchors("###")
    links = set(re.findall(r"\]\(#(.*?)\)", GUIDE))
    assert len({*sections, *parts}) == len(sections + parts)
    assert links <= {*sections, *parts}
    assert set(sections) <= links  # the contents name them all
