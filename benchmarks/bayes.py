"""How good the local backend's search methods are: ``python -m benchmarks.bayes`` prints a table.

On each surface, 20 sweeps of 20 runs by random search and by bayes, beside what W&B's own engine reached with its
bayes (written down by ``make golden``).
"""

import json
import statistics
from pathlib import Path

from benchmarks.surfaces import RUNS, SEEDS, SURFACES, sweep_of
from sudoku_sweep.local import search
from sudoku_sweep.local.configuration import read

ENGINE = Path(__file__).parent.parent / "tests" / "local" / "golden" / "wandb_engine.json"


def best(method, surface, parameters, seed):
    """The lowest value after ``RUNS`` runs, one after the other."""
    sweep, records = read(sweep_of(method, parameters)), []
    for number in range(RUNS):
        point = search.propose(sweep, seed, number, records)
        loss = surface(search.configuration(sweep, point))
        records.append(
            {"point": point, "state": "finished", "rows": [{"loss": loss}], "summary": {}}
        )
    return min(record["rows"][0]["loss"] for record in records)


def main():
    """Run all, and print means, medians and the share of seeds in which bayes beats random."""
    engine = json.loads(ENGINE.read_text())
    print(f"lowest value after {RUNS} runs, {SEEDS} seeds: mean (median)\n")
    print(f"| surface | random | bayes | bayes of {engine['engine']} | bayes beats random |")
    print("|---|---|---|---|---|")
    for name, (surface, parameters) in SURFACES.items():
        reached = {
            method: [best(method, surface, parameters, seed) for seed in range(SEEDS)]
            for method in ("random", "bayes")
        }
        cells = [reached["random"], reached["bayes"], engine["bayes"][name]]
        shown = [f"{statistics.mean(cell):.3f} ({statistics.median(cell):.3f})" for cell in cells]
        pairs = zip(reached["bayes"], reached["random"], strict=True)
        wins = sum(ours < theirs for ours, theirs in pairs)
        print(f"| {name} | {' | '.join(shown)} | {wins} of {SEEDS} |", flush=True)


if __name__ == "__main__":
    main()
