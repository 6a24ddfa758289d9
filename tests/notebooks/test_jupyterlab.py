"""The notebooks in JupyterLab, in a real browser. Screenshots: build/jupyterlab."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

from sudoku_sweep import local

ROOT = Path(__file__).resolve().parents[2]
MORE = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = ["llm_on_sudoku.ipynb", *(f"notebooks/{path.name}" for path in MORE)]
SHOTS = ROOT / "build" / "jupyterlab"
MINUTES = 15  # for all cells; two or three on a quiet machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60 * MINUTES + 300)]


@pytest.fixture
def lab(tmp_path):
    """A JupyterLab in a folder with the notebooks and what they read: its address, and the folder."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "llm_on_sudoku.ipynb", tmp_path)
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    (tmp_path / "data").symlink_to(ROOT / "data")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--port={port}", "--IdentityProvider.token=sudoku", "--LabApp.news_url=None"]
    own = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "share", "WANDB_DIR": "."}
    where = {"cwd": tmp_path, "env": os.environ | {k: str(tmp_path / v) for k, v in own.items()}}
    with open(tmp_path / "lab.log", "w") as log:
        server = subprocess.Popen(command, **where, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: ask(address, "status"), 60, "JupyterLab")
        yield address, tmp_path
    finally:
        server.terminate()
        server.wait(30)


def ask(address, what):
    """An answer of the server's REST interface."""
    with urllib.request.urlopen(f"{address}/api/{what}?token=sudoku", timeout=30) as answer:
        return json.load(answer)


def wait_for(condition, seconds, what):
    """Ask again every second until it is so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):  # the server is not there yet
            if condition():
                return
        time.sleep(1)
    pytest.fail(f"after {seconds} seconds: still waiting for {what}")


def idle(address, n_kernels=1):
    """Whether there are so many kernels, and none has anything to do."""
    states = [kernel["execution_state"] for kernel in ask(address, "kernels")]
    return states == ["idle"] * n_kernels


def open_notebook(browser, address, name, n_kernels=1):
    """A page with a notebook whose kernel is ready."""
    page = browser.new_page(viewport={"width": 1400, "height": 2000})
    page.goto(f"{address}/lab/workspaces/{Path(name).stem}/tree/{name}?token=sudoku")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
    wait_for(lambda: idle(address, n_kernels), 60, "the kernel")
    return page


def choose(page, *labels):
    """Click through a menu."""
    page.locator(".lm-MenuBar-item", has_text=labels[0]).first.click()
    for label in labels[1:]:
        page.locator(".lm-Menu-itemLabel").get_by_text(label, exact=True).click()


@pytest.mark.parametrize("name", NAMES)
def test_run_all_cells_leaves_no_error_and_no_cell_out(browser, lab, name):
    address, folder = lab
    path = folder / name
    page = open_notebook(browser, address, name)
    choose(page, "Edit", "Clear Outputs of All Cells")
    choose(page, "Run", "Run All Cells")
    wait_for(lambda: not idle(address), 60, "the first cell")
    running = page.get_by_text(
        "[*]:", exact=True
    )  # between two cells the kernel is idle for a moment
    wait_for(lambda: idle(address) and not running.count(), 60 * MINUTES, "the last cell")
    page.screenshot(path=SHOTS / f"{path.stem}.png")
    page.keyboard.press("Control+s")
    wait_for(lambda: executed(path), 60, "the saved notebook")
    for at, cell in enumerate(nbformat.read(path, 4).cells):
        for output in cell.get("outputs", []):
            assert output.output_type != "error", f"cell {at}: {output.get('evalue')}"
            assert output.get("name") != "stderr", f"cell {at}: {output.get('text')}"


def executed(path):
    """Whether the file holds a notebook whose cells were all run, in order."""
    code = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    return [cell.execution_count for cell in code] == list(range(1, len(code) + 1))


def test_a_stopped_sweep_goes_on_beside_another_notebook(browser, lab, monkeypatch):
    """Two notebooks in one folder, at once: of one the sweep is interrupted, and its cell is run again."""
    address, folder = lab
    notebook = nbformat.read(folder / "llm_on_sudoku.ipynb", 4)
    cells, names = notebook.cells[:11], ["one.ipynb", "two.ipynb"]
    for n_steps, name in enumerate(names, 10):  # not the same sweep
        changed = f'preset.parameters["steps_per_epoch"] = {{"value": {n_steps}}}'
        notebook.cells = [*cells[:2], nbformat.v4.new_code_cell(changed), *cells[2:]]
        nbformat.write(notebook, folder / name)
    one, two = [open_notebook(browser, address, name, n) for n, name in enumerate(names, 1)]
    for page in (one, two):
        choose(page, "Edit", "Clear Outputs of All Cells")
        choose(page, "Run", "Run All Cells")
    one.get_by_text("run 1/6 finished").wait_for(timeout=300_000)
    choose(one, "Kernel", "Interrupt Kernel")
    one.locator(".jp-OutputArea-output", has_text="KeyboardInterrupt").last.wait_for(timeout=60_000)
    running = one.get_by_text("[*]:", exact=True)
    wait_for(lambda: not running.count(), 60, "the end of the interrupted cell")
    one.wait_for_timeout(2000)  # what is asked for just after an error is dropped by the kernel
    one.locator(".jp-CodeCell .jp-InputPrompt").last.click()
    one.keyboard.press("Control+Enter")
    running.wait_for(timeout=30_000)
    one.get_by_text("run 6/6 finished").wait_for(timeout=300_000)
    two.get_by_text("run 6/6 finished").wait_for(timeout=300_000)
    for page, name in zip((one, two), names, strict=True):
        page.screenshot(path=SHOTS / f"{name}.png")
        page.keyboard.press("Control+s")
    wait_for(lambda: all(b"run 6/6" in (folder / n).read_bytes() for n in names), 60, "saving")
    printed = nbformat.read(folder / "one.ipynb", 4).cells[-1].outputs
    assert [output.output_type for output in printed] == ["stream"]
    assert "Local sweep" not in printed[0].text and "run 1/6" not in printed[0].text
    monkeypatch.setenv("WANDB_DIR", str(folder))
    sweeps = [path.parent.name for path in (folder / "wandb/local-sweeps").glob("*/sweep.json")]
    states = [[run.state for run in local.runs(sweep_id)] for sweep_id in sweeps]
    assert states == [["finished"] * 6] * 2
