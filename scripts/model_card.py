"""The card beside a trained net: what it is, how it was made, how good it is, and what it cannot do.

    python scripts/model_card.py data/winner.pt

writes ``data/winner.md`` from what ``train --save`` has noted in the checkpoint.
"""

import argparse
import shlex
import sys
from pathlib import Path

from sudoku_sweep.checkpoint import load_checkpoint
from sudoku_sweep.errors import CheckpointError
from sudoku_sweep.files import write_atomically
from sudoku_sweep.solver import SURE

CARD = """\
# {name}

A `SudokuTransformer` with {parameters:,} parameters, trained on the first {training_boards:,} boards of
{source}; digits are relabelled, blanks revealed.{goes_on}

```
python -m sudoku_sweep train {flags} --save {path}
```

{steps:,} steps of {batch_size} boards in {seconds:,} s, {cpu_seconds:,} s of processor time; seed {seed}.
Made at commit {commit}, on: {device}. Loading it needs no code from the file (`weights_only=True`).

| boards | how many | solved step by step | solved in one shot | blank cells right | loss (nats) |
|---|---|---|---|---|---|
{rows}

*Minimal*: no clue can be spared. *Singles do*: naked and hidden singles are all that is needed. *Step by step*: in each
step, every blank of which the net is at least {sure:g} % sure, or else the one of which it is surest. The loss is the
mean over all loops of the net; its answer is that of the last.

Limits: it knows boards like those it saw; it takes nothing back, so one wrong digit spoils a board; and its confidence
is no proof.
"""


def main(arguments=None):
    """Write the card of a checkpoint beside it."""
    parser = argparse.ArgumentParser(description="Write the card of a net: NAME.md beside NAME.pt.")
    parser.add_argument("checkpoint", metavar="NAME.pt", type=Path)
    path = parser.parse_args(arguments).checkpoint
    try:
        _, metadata = load_checkpoint(path)
    except CheckpointError as error:
        sys.exit(f"error: {error}")
    card = path.with_suffix(".md")
    if card.exists() and not card.read_text("utf-8").startswith(f"# {path.name}\n"):
        sys.exit(f"error: {card} is another file, which the card would replace")
    write_atomically(card, card_text(path, metadata).encode())


def card_text(path, metadata):
    """A checkpoint's card in Markdown, from the metadata that is saved in it."""
    source = "`sudoku_train.csv`"
    if metadata["minimal"]:
        source += f", {metadata['minimal']:,} of them made minimal"
    goes_on = ""
    if rollout := metadata["config"].get("rollout"):  # not in older checkpoints
        goes_on = f" Of each batch, up to {rollout} boards go on from\nthe batch before, a step of solving further."
    planned = metadata["config"]["epochs"]
    if metadata.get("epochs", planned) < planned:  # not in older checkpoints
        goes_on += f" It was interrupted after {metadata['epochs']} of {planned} epochs."
    rows = [_row(name, metrics) for name, metrics in metadata["scores"].items()]
    words = {"name": path.name, "path": shlex.quote(str(path)), "source": source}
    words |= {"goes_on": goes_on, "sure": 100 * SURE}
    words |= {"flags": _flags(metadata), "rows": "\n".join(rows)}
    return CARD.format_map(metadata["config"] | metadata | words)


def _flags(metadata):
    """The flags of `train` that make the same net."""
    given = metadata["config"] | {
        "minimal": metadata["minimal"] or None,
        "boards": metadata["training_boards"],
    }
    flags = [
        f"--{name.replace('_', '-')} {value}" for name, value in given.items() if value is not None
    ]
    return " ".join(flags + ["--test"] * ("test" in metadata["scores"]))


def _row(name, metrics):
    shares = [100 * metrics[what] for what in ("solved", "solved_one_shot", "accuracy")]
    percent = " | ".join(f"{share:.1f} %" for share in shares)
    return f"| {name} | {metrics['boards']:,} | {percent} | {metrics['loss']:.4f} |"


if __name__ == "__main__":
    main()
