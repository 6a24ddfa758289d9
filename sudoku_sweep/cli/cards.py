"""The card beside a trained net: what it is, how it was made, how good it is, and what it cannot do."""

import shlex
from dataclasses import fields
from pathlib import Path

from .. import data, train

CARD = """\
{title}

A `SudokuTransformer` with {parameters:,} parameters, trained on the first {training_boards:,} boards of
{source}{thinned}, with relabelled digits and revealed blanks.

```
python -m sudoku_sweep train {flags} --save {path}
```

{steps:,} steps of {batch_size} boards in {seconds:,} s, of which {cpu_seconds:,} s of processor time; seed {seed}; on:
{device}. Loading it needs no code from the file (`weights_only=True`).

| boards | how many | solved step by step | solved in one shot | blank cells right | loss (nats) |
|---|---|---|---|---|---|
{scores}

*Thinned*: no clue can be spared. *Singles do*: naked and hidden singles are all that is needed. The loss is the mean
over all passes of the net; its answer is that of the last.

Limits: it knows boards like those it saw; it takes nothing back, so one wrong digit spoils a board; and its confidence
is no proof.
"""


def card_title(path):
    """A card's first line, by which it is known."""
    return f"# {Path(path).name}"


def card_text(path, about):
    """A checkpoint's card in Markdown, from what is saved in the checkpoint."""
    shipped = data.SPLIT_SIZES["train"]
    thinned = (
        ", {thinned:,} of them thinned out until no clue can be spared" if about["thinned"] else ""
    )
    words = {
        "title": card_title(path),
        "path": shlex.quote(str(path)),
        "source": "`sudoku_train.csv`"
        if about["training_boards"] <= shipped
        else f"the sequence whose first {shipped:,} are `sudoku_train.csv`",
        "flags": _flags(about),
        "thinned": thinned.format(**about),
        "scores": "\n".join(_row(name, score) for name, score in about["scores"].items()),
    }
    return CARD.format(**about["config"] | about | words)


def _flags(about):
    """The flags of `train` that make the same net."""
    config = {f.name: about["config"][f.name] for f in fields(train.Config)}
    given = config | {"thin": about["thinned"] or None, "boards": about["training_boards"]}
    flags = [
        f"--{name.replace('_', '-')} {value}" for name, value in given.items() if value is not None
    ]
    return " ".join(flags + ["--test"] * ("test" in about["scores"]))


def _row(name, score):
    shares = [100 * score[what] for what in ("solved", "solved_one_shot", "accuracy")]
    percent = " | ".join(f"{share:.1f} %" for share in shares)
    return f"| {name} | {score['boards']:,} | {percent} | {score['loss']:.4f} |"
