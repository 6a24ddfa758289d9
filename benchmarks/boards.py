"""How fast boards are made and read: ``python -m benchmarks.boards`` prints a table of medians."""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from sudoku_sweep import data
from sudoku_sweep.boards import generator

REPEATS = 7
MADE = 10_000
READ = 100_000


def main():
    """Measure in turn, five and more times each, and print medians with minimum and maximum."""
    boards = generator.make_boards(MADE, seed=0)
    many = data.Boards(*(np.tile(part, (READ // MADE, 1)) for part in boards))
    with tempfile.TemporaryDirectory() as folder:
        fixed, crlf = Path(folder, "fixed.csv"), Path(folder, "crlf.csv")
        content = data.boards_to_csv(many)
        fixed.write_bytes(content)
        crlf.write_bytes(content.replace(b"\n", b"\r\n"))
        measured = {"make": [], "read": [], "read row by row": []}
        for _ in range(REPEATS):  # in turn, so that a slow moment hits all alike
            start = time.process_time()
            generator.make_boards(MADE, seed=0)
            measured["make"].append(MADE / (time.process_time() - start))
            for name, path in (("read", fixed), ("read row by row", crlf)):
                start = time.perf_counter()
                data.load_boards(path)
                measured[name].append(1e3 * (time.perf_counter() - start))
    print(f"| what | unit | median of {REPEATS} | min | max |")
    print("|---|---|---|---|---|")
    units = {"make": "one-solution boards per CPU second"}
    for name, values in measured.items():
        unit = units.get(name, f"ms for {READ:,} boards, rules checked")
        print(
            f"| {name} | {unit} | {statistics.median(values):,.0f} | {min(values):,.0f} | {max(values):,.0f} |"
        )
    ratios = [
        slow / fast
        for fast, slow in zip(measured["read"], measured["read row by row"], strict=True)
    ]
    print(f"\nreading as one block is {statistics.median(ratios):.1f} times as fast as row by row")


if __name__ == "__main__":
    main()
