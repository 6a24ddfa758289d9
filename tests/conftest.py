import shutil

import hypothesis
import matplotlib
import numpy as np
import pytest
import torch

from sudoku_sweep.boards import generator

torch.set_num_threads(1)
matplotlib.use("Agg")
# By default the same examples each time; `--hypothesis-profile=long`: others each time, and many.
hypothesis.settings.register_profile("short", deadline=None, derandomize=True)
hypothesis.settings.register_profile("long", deadline=None, max_examples=2500)
hypothesis.settings.load_profile("short")


@pytest.fixture(scope="session")
def boards():
    """200 boards, for tests that need some; nobody changes them."""
    return generator.make_boards(200, seed=21)


@pytest.fixture(scope="session")
def quizzes(boards):
    return torch.from_numpy(boards.quizzes.copy())  # [board, cell]


@pytest.fixture
def impossible():
    """A board with two fives in row 1."""
    board = np.zeros((1, 81), np.uint8)
    board[0, [2, 7]] = 5
    return board


@pytest.fixture
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("no Chromium here: apt install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def in_tmp_path(tmp_path, monkeypatch):
    """The current folder, and wandb's, is one that the test has for itself."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
