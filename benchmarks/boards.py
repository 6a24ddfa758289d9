"""How fast boards are made and read: ``python -m benchmarks.boards`` prints a table of medians."""

import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.measure import table
from sudoku_sweep import data
from sudoku_sweep.boards import generator

REPEATS = 7
N_BOARDS = 10_000


def main():
    """Measure both by turns, and print medians with minimum and maximum."""
    seconds = {"made": [], "read, rules checked": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "boards.csv")
        for _ in range(REPEATS):
            start = time.process_time()
            boards = generator.make_boards(N_BOARDS, seed=0)
            seconds["made"].append(time.process_time() - start)
            path.write_bytes(data.boards_to_csv(boards))
            start = time.process_time()
            data.load_boards(path)
            seconds["read, rules checked"].append(time.process_time() - start)
    rows = []
    for name, times in seconds.items():
        figures = (median(times), max(times), min(times))
        rows.append([name, *(f"{N_BOARDS / time:,.0f}" for time in figures)])
    print(table(["boards per CPU second", f"median of {REPEATS}", "min", "max"], rows))


if __name__ == "__main__":
    main()
