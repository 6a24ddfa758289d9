"""What nbval cannot see: the notebooks' structure, their files, their snippets. The outputs are nbval's part."""

import base64
import inspect
import re
from pathlib import Path
from statistics import median
from unittest import mock

import nbformat
import pytest
import wandb
from snippets import blocks, namespace, run_blocks
from tiny_sweep import logged, ran, states

from sudoku_sweep import checkpoint, local, sweeps, train
from sudoku_sweep.config import Config

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "llm_on_sudoku.ipynb"
NOTEBOOKS = [TUTORIAL, *sorted((ROOT / "notebooks").glob("*.ipynb"))]
CELLS = nbformat.read(TUTORIAL, as_version=4).cells


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def cells(path):
    return nbformat.read(path, as_version=4).cells


def code(cells):
    """Each code cell with its number."""
    return [(at, cell) for at, cell in enumerate(cells) if cell.cell_type == "code"]


def test_every_cell_names_itself(cells):
    """Code in its first line, text in a heading: before that may stand a remark on the output above."""
    for at, cell in enumerate(cells):
        names = re.findall(r"^#+ Cell (\d+) - \S", cell.source, re.M)
        assert names == [str(at)], cell.source[:60]
        if cell.cell_type == "code":
            assert re.match(rf"# Cell {at} - \S", cell.source), cell.source[:60]


def test_the_four_wandb_cells_stand_where_the_guide_says():
    assert [cell.cell_type for cell in CELLS[8:12]] == ["markdown", "code", "code", "markdown"]
    assert "wandb.init(" in CELLS[9].source and "backend.agent(" in CELLS[10].source


def test_the_heart_of_fit_in_cell_6_is_the_source():
    (block,) = blocks(CELLS[6].source)
    assert block in inspect.getsource(train.fit)


def test_cell_10_runs_the_sweeps_of_the_presets():
    config = CELLS[10].source.split("\n\n\n")[-1]
    for name, preset in sweeps.PRESETS.items():
        names = dict(preset=preset, METHOD="grid", COUNT=None, sweeps=sweeps, local=local)
        names |= dict(run_sweep=mock.Mock(), train_with_wandb=None)
        exec(config, names)
        assert names["sweep_config"] == preset.sweep_config, name


def function_of_cell(at, name, boards):
    """A function as a cell of the tutorial defines it, with few boards."""
    names = dict(wandb=wandb, train=train, Config=Config, checkpoint=checkpoint)
    names |= dict(training=boards, validation=boards)
    (source,) = [part for part in CELLS[at].source.split("\n\n\n") if f"def {name}(" in part]
    exec(source, names)
    return names[name]


def test_a_run_of_cell_10_is_recorded_like_one_of_the_command_line(in_tmp_path, boards):
    config = dict(embedding_dim=6, attention_dim=6, epochs=1, batch_size=32, validation_boards=8)
    train_with_wandb = function_of_cell(10, "train_with_wandb", boards)
    sweep = {"method": "grid", "parameters": {k: {"value": v} for k, v in config.items()}}
    (of_cell,) = ran(train_with_wandb, sweep)
    (of_package,) = ran(lambda: sweeps.train_with_wandb(boards, boards), sweep)
    assert of_cell.config == of_package.config == dict(Config(**config))
    assert logged(of_cell.rows) == logged(of_package.rows) and len(of_cell.rows) == 1
    noted = set(of_package.summary.keys()) - set(of_cell.summary.keys())
    assert noted == {"device", "commit", "seconds", "cpu_seconds"}


def test_a_run_of_cell_22_trains_its_net_with_its_seed(in_tmp_path, boards):
    net, budget = dict(embedding_dim=6, attention_dim=6), dict(epochs=1, batch_size=32)
    train_candidate = function_of_cell(22, "train_candidate", boards)
    parameters = {"net": {"values": [net]}, "seed": {"values": [1, 2]}}
    parameters |= {name: {"value": value} for name, value in budget.items()}
    found = ran(train_candidate, {"method": "grid", "parameters": parameters})
    by_hand = [train.fit(Config(**net, **budget, seed=s), boards, boards) for s in (1, 2)]
    assert by_hand[0].history != by_hand[1].history
    for run, result in zip(found, by_hand, strict=True):
        assert logged(run.rows) == result.history
        kept, _ = checkpoint.load_checkpoint(f"wandb/nets/{run.id}.pt")
        assert train.evaluate(kept, boards) == train.evaluate(result.model, boards)


def test_only_the_sweep_of_cell_10_has_the_name_of_the_preset():
    """`make run` reports it by its name, and not what the notebook shows later."""
    assert [at for at, cell in code(CELLS) if '"name": preset.name' in cell.source] == [10]


def test_the_test_boards_are_scored_once_after_every_choice():
    named = [(at, cell.source) for at, cell in code(CELLS) if '"test"' in cell.source]
    (twins, looked_at), (at, source) = named
    assert looked_at.count('"test"') == source.count('"test"') == 1
    assert "evaluate" not in looked_at and source.count("evaluate") == source.count("test)") == 1
    chosen = [
        at for at, cell in code(CELLS) if "best_run" in cell.source or "nlargest" in cell.source
    ]
    assert twins < max(chosen) < at


def text_of(path):
    """All the Markdown of a notebook."""
    cells = nbformat.read(path, as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def test_links_lead_somewhere(path):
    """To a file, and, where they name a heading of a notebook, to that; ids are those of JupyterLab and GitHub."""
    for link in re.findall(r"\]\((?!https://)([^)\s]+)\)", text_of(path)):
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        assert target.is_file(), link
        if anchor and target.suffix == ".ipynb":
            headings = re.findall(r"^#+ (.*)$", text_of(target), re.M)
            assert anchor in [heading.replace(" ", "-") for heading in headings], link


def test_cells_are_short(cells):
    lengths = sorted(len(cell.source.splitlines()) for _, cell in code(cells))
    *others, longest = lengths  # Cell 10, the sweep
    assert longest <= 40 and max(others) <= 30 and median(others) <= 10


def test_at_most_eight_cells_of_all_notebooks_are_exempt_from_comparison():
    all_cells = [cell for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells]
    tags = [cell.metadata.get("tags", []) for _, cell in code(all_cells)]
    assert sum("nbval-ignore-output" in of_cell for of_cell in tags) <= 8


def test_the_notebook_was_saved_after_a_run_from_top_to_bottom(cells):
    counts = [cell.execution_count for _, cell in code(cells)]
    assert counts == list(range(1, len(counts) + 1))
    for at, cell in code(cells):
        assert cell.outputs, f"cell {at} shows nothing"
        for output in cell.outputs:
            assert output.output_type != "error" and output.get("name") != "stderr", f"cell {at}"
        pictures = sum("image/png" in output.get("data", {}) for output in cell.outputs)
        assert pictures == cell.source.count("plt.show()"), f"cell {at}"


def test_the_file_is_small_and_holds_no_path_no_widget_and_no_key(path):
    text = path.read_text("utf-8")
    assert len(text) < 1_000_000
    assert not re.search(r"/(home|root|tmp|usr|Users|work)/", text)
    assert "widgets" not in nbformat.reads(text, as_version=4).metadata
    assert not re.search(r"\b[0-9a-f]{40}\b", text)


def test_the_pictures_in_readme_and_guide_are_the_notebooks():
    text = "".join(path.read_text("utf-8") for path in NOTEBOOKS)
    pictures = [base64.b64decode(shown) for shown in re.findall(r'"image/png": "(.*?)"', text)]
    by_hand = {ROOT / "images" / name for name in ("dashboard.png", "leet.png")}  # screenshots
    files = set((ROOT / "images").glob("*.png")) - by_hand
    assert files and all(file.read_bytes() in pictures for file in files)


def test_the_snippets_of_cells_8_and_11_run(in_tmp_path, capsys):
    reader = namespace()
    after = run_blocks(CELLS[8].source, "Cell 8", dict(reader))
    assert states(local.runs(after["toy_id"])) == ["finished"] * 3
    assert "0.000333" in capsys.readouterr().out
    after = run_blocks(CELLS[11].source, "Cell 11", reader)
    assert len(after["tried"]) == 3
    for tried in after["tried"]:
        assert 1e-4 <= tried["learning_rate"] <= 1e-2 and 10 <= tried["embedding_dim"] <= 30
        assert isinstance(tried["embedding_dim"], int)
    assert after["best"] == 0.8
