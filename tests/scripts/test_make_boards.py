import hashlib

import pytest

from scripts import make_boards
from scripts.make_boards import main
from sudoku_sweep import data
from sudoku_sweep.errors import BoardError


def test_the_shipped_files_are_made_again(tmp_path, capsys):
    main(["--folder", str(tmp_path)])
    out = capsys.readouterr().out
    for name in data.SPLIT_SEEDS:
        written = (tmp_path / f"sudoku_{name}.csv").read_bytes()
        assert written == (data.DATA_DIR / f"sudoku_{name}.csv").read_bytes()
        assert hashlib.sha256(written).hexdigest() in out


def test_minimal_boards_are_the_beginning_of_the_shipped_ones(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_boards, "N_MINIMAL", 20)
    main(["--minimal", "--folder", str(tmp_path)])
    made, shipped = (folder / data.MINIMAL for folder in (tmp_path, data.DATA_DIR))
    assert shipped.read_bytes().startswith(made.read_bytes())
    assert capsys.readouterr().out.startswith("making 20 boards minimal")
    with pytest.raises(SystemExit):
        main(["--minimal", "--out", str(tmp_path / "x.csv")])


def test_other_boards_are_made(tmp_path):
    path = tmp_path / "mine.csv"
    main(["--out", str(path), "--boards", "30", "--seed", "0", "--clues", "40", "50"])
    clues = (data.load_boards(path).quizzes > 0).sum(1)
    assert len(clues) == 30 and clues.min() >= 40 and clues.max() <= 50


def test_splits_that_share_a_grid_are_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "SPLIT_SEEDS", {"train": 0, "validation": 1, "test": 1})
    with pytest.raises(BoardError, match="change its seed"):
        main(["--folder", str(tmp_path)])
    assert list(tmp_path.iterdir()) == []
