"""How good the local backend's search methods are: ``python -m benchmarks.bayes`` prints a table.

On each surface, 20 sweeps of 20 runs by random search and by bayes, beside what W&B's own engine reached with its
bayes (written down by ``make golden``).
"""

import json
import statistics
from pathlib import Path

from benchmarks.surfaces import RUNS, SEEDS, SURFACES, sweep_of
from sudoku_sweep.local import Run, read_config, search

ENGINE = Path(__file__).parent.parent / "tests" / "local" / "golden" / "wandb_engine.json"


def best(method, surface, parameters, seed):
    """The lowest value after ``RUNS`` runs, one after the other."""
    space, runs = read_config(sweep_of(method, parameters)), []
    for number in range(RUNS):
        params = search.propose(space, seed, number, runs)
        loss = surface(search.to_config(space, params))
        summary = {"loss": loss}
        runs.append(Run(number, f"{number}", "", "finished", {}, summary, params=params))
    return min(run.summary["loss"] for run in runs)


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
