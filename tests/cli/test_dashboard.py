"""The dashboard in a real browser."""

import re
import signal
import subprocess
import sys

import pytest

from sudoku_sweep import data, local
from sudoku_sweep.analysis import results, tables

pytest.importorskip("optuna_dashboard", reason="pip install -e '.[dashboard]'")
pytestmark = pytest.mark.slow
PLOTS = """() => Object.fromEntries([...document.querySelectorAll(".js-plotly-plot")].map(
    plot => [plot.id, plot.data]))"""


@pytest.fixture
def open_page(browser):
    """A function that starts the dashboard of a sweep or file, and opens the page of the first study."""
    servers, asked, errors = [], [], []

    def start(what):
        command = [sys.executable, "-m", "sudoku_sweep", "dashboard", "--no-browser", what]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        servers.append(subprocess.Popen(command, **pipes))
        servers.append(address := re.search(r"http\S+/", servers[0].stdout.readline())[0])
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(error))
        page.goto(f"{address}dashboard/studies/0")
        return page

    page = browser.new_page()
    yield start
    page.close()
    server, address = servers
    server.send_signal(signal.SIGINT)
    assert server.communicate(timeout=30)[1] == "" and server.returncode == 0
    assert asked and all(url.startswith((address, "data:", "blob:")) for url in asked)
    assert not errors


def test_the_dashboard_of_the_240_runs_has_them_all_in_every_figure(open_page, in_tmp_path):
    grid = results.load(data.DATA_DIR / "grid_240", local.Run)
    page = open_page(local.sweep(grid.metadata["sweep"], prior_runs=grid.runs))
    best = tables.best_row(grid.frame, grid.metadata["sweep"]["metric"])
    page.get_by_text(f"Best Trial (number={best['index']})").wait_for()
    page.get_by_text(str(best["summary.val_accuracy"])).wait_for()
    page.locator("#graph-intermediate-values .legend").wait_for()
    plots = page.evaluate(PLOTS)
    assert max(len(trace.get("x", [])) for trace in plots["plot-history"]) == 240
    (bars,) = plots["graph-hyperparameter-importances"]
    assert bars["y"][-1] == "n_heads" and len(bars["y"]) == 4  # what sets the best runs apart
    curves = plots["graph-intermediate-values"]
    assert len(curves) == 240 and {len(curve["x"]) for curve in curves} == {2}

    page.goto(f"{page.url}/smartSelection")
    page.get_by_text(re.compile("50 of 240")).wait_for()
    page.locator("#plot-parallel-coordinate .parcoords").first.wait_for()
    (lines,) = page.evaluate(PLOTS)["plot-parallel-coordinate"]
    axes = {axis["label"]: axis for axis in lines["dimensions"]}
    assert " ".join(axes) == "val_accuracy attention_dim embedding_dim learning_rate n_heads"
    assert len(set(axes["learning_rate"]["values"])) == 5  # on a scale of ratios
    assert {len(axis["values"]) for axis in axes.values()} == {240}


def test_a_run_that_ends_while_the_page_is_open_appears(open_page, in_tmp_path):
    config = {"name": "live", "method": "grid", "metric": {"name": "val_accuracy"}}
    config["parameters"] = {"a": {"values": [1, 2]}}
    first, second = (
        local.Run(a - 1, f"r{a}", f"run-{a}", "finished", {"a": a}, score, None, 1.0, [])
        for a, score in ((1, {"val_accuracy": 0.1}), (2, {"val_accuracy": 0.2}))
    )
    sweep_id = local.sweep(config, prior_runs=[first])
    page = open_page("live")
    page.goto(f"{page.url}/trials")
    page.get_by_text("1 Trials").wait_for()
    local.open_sweep(sweep_id).save(second)
    page.get_by_text("2 Trials").wait_for()
