"""What nbval cannot see: the notebook's structure, its text, its snippets. The outputs are nbval's part."""

import ast
import base64
import re
from pathlib import Path
from statistics import median

import exercise_checks
import matplotlib
import nbformat
import pytest
from snippets import NEEDS_ACCOUNT, blocks, namespace, run_blocks

from sudoku_sweep import data, local, model, solver, sweeps, train
from sudoku_sweep.analysis import results
from sudoku_sweep.local import bayes

matplotlib.use("Agg")
PATH = Path(__file__).resolve().parents[2] / "llm_on_sudoku.ipynb"
TEXT = PATH.read_text("utf-8")
CELLS = nbformat.reads(TEXT, as_version=4).cells
CODE = [(at, cell) for at, cell in enumerate(CELLS) if cell.cell_type == "code"]


def literal(at, name):
    """The value of the first literal assigned to ``name`` in a code cell."""
    for node in ast.walk(ast.parse(CELLS[at].source)):
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"no {name} in cell {at}")


def test_every_cell_names_itself_in_its_first_line():
    for at, cell in enumerate(CELLS):
        assert re.match(rf"#+ Cell {at} - \S", cell.source), cell.source[:60]


def test_the_four_wandb_cells_stand_where_the_guide_says():
    assert [CELLS[at].cell_type for at in (8, 9, 10, 11)] == [
        "markdown",
        "code",
        "code",
        "markdown",
    ]
    assert "wandb.init(" in CELLS[9].source and "run.finish()" in CELLS[9].source
    for needed in (
        "def train_with_wandb",
        "with wandb.init()",
        "log=run.log",
        "backend.sweep(",
        "backend.agent(",
    ):
        assert needed in CELLS[10].source
    for topic in (
        "grid",
        "random",
        "bayes",
        "artifact",
        "Histogram",
        "wandb.Api",
        "Refining",
        "Common issues",
    ):
        assert topic in CELLS[11].source


def test_the_sweep_configuration_in_cell_10_is_the_full_grid():
    config = literal(10, "sweep_config")
    assert config == sweeps.FULL
    assert list(config["parameters"]) == list(sweeps.FULL["parameters"])
    assert local.grid_size(config) == 240


def test_cells_are_short():
    lengths = {at: len(cell.source.splitlines()) for at, cell in CODE}
    assert lengths.pop(10) <= 40
    assert max(lengths.values()) <= 30 and median(lengths.values()) <= 10


def test_at_most_six_cells_are_exempt_from_comparison():
    exempt = [at for at, cell in CODE if "nbval-ignore-output" in cell.metadata.get("tags", [])]
    assert {7, 9, 10} <= set(exempt) and len(exempt) <= 6


def test_the_notebook_was_saved_after_a_run_from_top_to_bottom():
    assert [cell.execution_count for _, cell in CODE] == list(range(1, len(CODE) + 1))
    for at, cell in CODE:
        assert cell.outputs, f"cell {at} shows nothing"
        for output in cell.outputs:
            assert output.output_type != "error" and output.get("name") != "stderr", f"cell {at}"


def test_every_figure_stands_in_the_file_as_a_picture():
    for at, cell in CODE:
        pictures = sum("image/png" in output.get("data", {}) for output in cell.outputs)
        assert pictures == cell.source.count("plt.show()"), f"cell {at}"


@pytest.mark.parametrize(
    "name, at, number",
    [("curves", 29, 0), ("parallel", 29, 1), ("importance", 31, 0), ("solved", 45, 0)],
)
def test_the_pictures_in_readme_and_guide_are_the_notebook_s(name, at, number):
    pictures = [o.data["image/png"] for o in CELLS[at].outputs if "image/png" in o.get("data", {})]
    file = PATH.parent / "images" / f"{name}.png"
    assert base64.b64decode(pictures[number]) == file.read_bytes()


def test_the_file_is_small_and_holds_no_path_no_widget_and_no_key():
    assert len(TEXT) < 1_000_000
    assert not re.search(r"/(home|root|tmp|usr|Users|work)/", TEXT)
    assert "widgets" not in nbformat.reads(TEXT, as_version=4).metadata
    assert not re.search(r"\b[0-9a-f]{40}\b", TEXT)


def test_parameters_in_the_text_are_those_of_the_model():
    assert "= 240 runs" in CELLS[11].source and "about 17,000 parameters" in CELLS[0].source
    printed = re.search(r"parameters: (\d+) - by hand: (\d+)", CELLS[5].outputs[0].text)
    assert printed[1] == printed[2] and round(int(printed[1]), -3) == 17_000


# --- snippets ---------------------------------------------------------------------------------------------


@pytest.fixture
def reader(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    return namespace()


def test_the_snippets_of_cell_8_run(reader, capsys):
    after = run_blocks(CELLS[8].source, "Cell 8", reader)
    assert [run.state for run in after["local"].runs(after["toy_id"])] == ["finished"] * 3
    assert "0.000333" in capsys.readouterr().out


def test_the_snippets_of_cell_11_run(reader):
    after = run_blocks(CELLS[11].source, "Cell 11", reader)
    assert len(after["tried"]) == 3
    for tried in after["tried"]:
        assert 1e-4 <= tried["learning_rate"] <= 1e-2 and 10 <= tried["embedding_dim"] <= 30
        assert isinstance(tried["embedding_dim"], int)
    assert after["best"] == 0.8
    assert after["refined_id"] != after["sweep_id"]


def test_the_solutions_of_the_exercises_are_right(reader, capsys):
    (text,) = (cell.source for cell in CELLS if "Exercises" in cell.source.splitlines()[0])
    run_blocks(text, "the exercises", reader | {"exercise_checks": exercise_checks})
    assert capsys.readouterr().out == "right\n" * 6


def test_there_are_snippets_to_run():
    assert len(blocks(CELLS[8].source)) == 2
    assert sum(not block.startswith(NEEDS_ACCOUNT) for block in blocks(CELLS[11].source)) == 4


# --- numbers in the text ----------------------------------------------------------------------------------


def decimals(at):
    """The numbers with three decimals in the text of a cell."""
    return set(re.findall(r"\b\d\.\d{3}\b", CELLS[at].source))


def printed(at):
    """What a code cell printed."""
    return "".join(o.text for o in CELLS[at].outputs if o.output_type == "stream")


def test_what_is_said_of_the_search_methods_is_what_the_replay_printed():
    assert "200 times" in CELLS[38].source and "400 epochs" in CELLS[38].source
    table = re.search(r"^epochs.*?(?=\nthe quartiles)", printed(39), re.M | re.S)[0].splitlines()
    budgets = table[0].split()[1:]
    medians = {}
    for line in table[2:]:
        words = line.split()
        name = " ".join(words[: -len(budgets)])
        medians[name] = dict(zip(budgets, words[-len(budgets) :], strict=True))
    said = {
        "grid": {"200": "0.318"},
        "random": {"100": "0.756", "400": "0.833"},
        "random + hyperband": {"100": "0.770", "200": "0.823"},
        "bayes": {"100": "0.837", "200": "0.863"},
    }
    for method, scores in said.items():
        for epochs, score in scores.items():
            assert medians[method][epochs] == score, (method, epochs)
    assert decimals(40) == {score for scores in said.values() for score in scores.values()}
    # "where random gets with forty runs": as far as the last column goes
    assert float(medians["bayes"]["100"]) >= float(medians["random"]["400"])
    assert float(medians["bayes"]["100"]) - float(medians["random"]["400"]) < 0.01  # "about forty"
    drawn = [float(medians[method]["30"]) for method in medians if method != "grid"]
    assert max(drawn) - min(drawn) < 0.05  # "alike"
    for epochs in ("50", "100", "200"):
        assert float(medians["random + hyperband"][epochs]) > float(medians["random"][epochs])
        assert float(medians["bayes"][epochs]) > float(medians["random + hyperband"][epochs])


def test_what_is_said_of_seeds_was_printed():
    output = printed(41)
    assert decimals(42) - {"0.111"} <= set(re.findall(r"\b\d\.\d{3}\b", output))
    assert f"{1 / 9:.3f}" == "0.111"
    ten = r"the ten {} of the sweep: (\S+), other seeds: (\S+), less by (\S+)"
    assert re.search(ten.format("best"), output).groups() == ("0.818", "0.796", "0.021")
    assert re.search(ten.format("worst"), output).groups()[:2] == ("0.110", "0.113")
    assert "reach the worst score of row 178: rows 238 239" in output
    assert "rows 178, 238 and 239" in CELLS[42].source
    rows = [line.split() for line in output.splitlines() if re.match(r"\d+ +0\.", line)]
    means, highest = [float(row[1]) for row in rows], [row[4] for row in rows]
    assert rows[0][0] == "178" and rows[0][-2:] == ["0.863", "0.867"]
    fourth = rows[3]
    assert (
        fourth[0] == "239" and max(highest) == fourth[4] == "0.878" and means == sorted(means)[::-1]
    )


def test_what_is_said_of_the_grid_is_in_its_file_or_printed():
    config, runs = results.load(results_file("grid_240.csv"))
    budget = sweeps.PRESETS[config["name"]]
    fixed, seconds = runs[0].config, [run.summary["cpu_seconds"] for run in runs]
    said = (
        f"{fixed['epochs']} epochs of {fixed['steps_per_epoch']} steps with {fixed['batch_size']}"
    )
    text = " ".join(CELLS[26].source.split())
    assert f"{said} boards, scored on the first {budget.validation_boards} validation" in text
    assert f"{sum(seconds) / len(seconds):.0f} seconds of processor time per run" in text
    assert fixed["epochs"] * len(runs) == 2_400 and "2,400 epochs" in CELLS[40].source
    solved = [run.summary["val_solved"] for run in runs]
    ranked = sorted(runs, key=lambda run: -run.summary["val_accuracy"])
    assert ranked[0].summary["val_solved"] < max(solved)  # Cell 28
    assert re.search(r"learning_rate +0\.06 +0\.", printed(31)) and "0.06" in CELLS[32].source
    assert "only the fifth was chosen by the model" in CELLS[24].source and bayes.STARTS == 4
    medians = dict(re.findall(r"n_heads +(\d) +80 +\S+ +(\S+)", printed(33)))
    assert f"{float(medians['1']):.3f} against {float(medians['3']):.3f}" in CELLS[34].source
    assert ranked[0].config["n_heads"] == 3
    best = re.findall(r"the best attention_dim is (\d+)", printed(35))
    assert best[1:] == ["36"] * 4 and "In the other four, 36 is best" in CELLS[36].source
    low = [run.summary["val_accuracy"] for run in runs if run.config["learning_rate"] == 1e-4]
    assert max(low) < 0.15  # "every net guesses"
    first = ("learning_rate", "embedding_dim", "attention_dim")
    shared = [[runs[row].config[name] for name in first] for row in (178, 238, 239)]
    assert [[a, b] for a, b, _ in shared] == [[5e-3, 30]] * 3 and {c for *_, c in shared} == {
        27,
        36,
    }


def test_a_net_that_guesses_ends_its_boards_sooner_than_one_that_has_learned():
    """As Cell 32 says of the time that a run takes."""
    learned, about = model.load_checkpoint(results_file("grid_best.pt"))
    guesses = train.build_model(train.Config.of(about["config"]))
    quizzes = data.load_split("validation").quizzes[:100]
    few, many = (
        solver.solve(net, quizzes).step.amax(1).float().mean() for net in (guesses, learned)
    )
    assert few < 2 < 4 < many


def test_the_times_of_the_presets_are_those_of_the_readme():
    readme = (PATH.parent / "README.md").read_text("utf-8")
    for name, preset in sweeps.PRESETS.items():
        row = re.search(rf'^\| `"{name}"`[^|]*\| ([^|]*) \| ([^|]*) \|$', CELLS[0].source, re.M)
        assert row[1] == preset.what
        assert re.search(rf"^\| `{name}`.*\| {row[2]} \|$", readme, re.M)


def results_file(name):
    return PATH.parent / "data" / name


def test_what_is_said_of_the_trained_nets_is_on_their_cards_or_printed():
    _, about = model.load_checkpoint(results_file("winner.pt"))
    _, best = model.load_checkpoint(results_file("grid_best.pt"))
    text = CELLS[44].source
    assert f"{about['parameters']:,} parameters" in text and best["parameters"] == 20_544
    assert f"{about['steps']:,} steps instead of {best['steps']:,}" in text
    assert about["config"]["n_loops"] == 8 and best["config"]["n_loops"] == 2
    assert about["thinned"] * 2 == about["training_boards"]
    numbers = [int(n) for n in re.findall(r"\d+", printed(50).split("thinned boards:")[1])]
    n, singles, of_these, of_others, winner_of_these, winner_of_others = numbers
    assert n == 100 and 0.4 < singles / n < 0.6  # "about half"
    assert of_others / (n - singles) < 0.2  # "hardly any"
    assert 0.3 < winner_of_others / (n - singles) < 0.8 and of_these < winner_of_these < singles
    assert 0.5 < (winner_of_these + winner_of_others) / n < 0.75  # "more than half"
    heads = re.findall(r"^ +(1|8) +\d +\S+ +(\S+) +(\S+) +(\S+)$", printed(48), re.M)
    first, last = ([list(map(float, row)) for at, *row in heads if at == p] for p in "18")
    assert all(max(row) > 0.9 for row in first)  # "more than nine tenths"
    kept = [[row.index(max(row)) for row in rows] for rows in (first, last)]
    assert sorted(kept[0]) == [0, 1, 2] and kept[0] == kept[1]
    one_shot = re.search(r"solved step by step: (\d+), in one shot: (\d+)", printed(45))
    assert one_shot.groups() == ("50", "50")  # "a single look is enough"
