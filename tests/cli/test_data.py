import hashlib

from sudoku_sweep import data
from sudoku_sweep.cli.main import main


def test_data_writes_the_shipped_files(tmp_path, capsys):
    assert main(["data", "--folder", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    for name in data.SPLIT_SEEDS:
        written = (tmp_path / f"sudoku_{name}.csv").read_bytes()
        assert written == (data.DATA_DIR / f"sudoku_{name}.csv").read_bytes()
        assert hashlib.sha256(written).hexdigest() in out


def test_data_writes_other_boards(tmp_path):
    path = tmp_path / "mine.csv"
    flags = ["--boards", "30", "--seed", "0", "--clues", "40", "50"]
    assert main(["data", "--out", str(path), *flags]) == 0
    clues = (data.load_boards(path).quizzes > 0).sum(1)
    assert len(clues) == 30 and clues.min() >= 40 and clues.max() <= 50


def test_data_refuses_to_write_splits_that_share_a_grid(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(data, "SPLIT_SEEDS", {"train": 0, "validation": 1, "test": 1})
    assert main(["data", "--folder", str(tmp_path)]) == 2
    assert "change its seed" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
