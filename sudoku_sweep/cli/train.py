"""``train``: one net, as a plain run or as a W&B run."""

import dataclasses
import tempfile
from pathlib import Path

from .. import data, sweeps, train
from ..boards.difficulty import minimize_clues, solved_by_singles
from ..checkpoint import save_checkpoint
from ..config import Config
from ..errors import CheckpointError
from ..files import writing
from .flags import add_machine_flags, chosen_device, positive
from .solve import SURE

FINAL = {  # `train --preset final`: a wider net with more passes than in the grid, and hard boards
    "learning_rate": 1.5e-3,
    "embedding_dim": 54,
    "attention_dim": 54,
    "n_heads": 3,
    "n_loops": 8,
    "epochs": 40,
    "steps_per_epoch": 400,
    "batch_size": 32,
    "max_revealed": 0.25,
    "rollout": 16,
    "validate_every": 20,
    "validation_boards": 200,
    "boards": 10_000,
    "minimal": 10_000,
}
# flags that choose the training boards, and what goes without them
BOARDS = {"boards": None, "minimal": 0}
# fewest and most, of minimal boards that are scored together
CLUES = [(17, 22), (23, 23), (24, 24), (25, 25), (26, 35)]
N_MINIMAL = 1000  # boards of a split that are made minimal to see how a net does beyond singles


def add_commands(add):
    """Add ``train`` to the command line: a flag for every hyperparameter, and some for the rest."""
    command = add("train", train_net)
    flag = command.add_argument
    for name, field in Config.model_fields.items():
        kind = float if field.annotation is float else int
        flag(f"--{name.replace('_', '-')}", type=kind, help=f"default {field.default}")
    flag("--preset", choices=["final"], help="start from the settings of data/winner.pt")
    minimal = "so many of the training boards have no clue to spare (10,000 at most)"
    flag("--minimal", type=positive, metavar="N", help=minimal)
    logged = "log a W&B run; started by `wandb agent`, take the settings from there, too"
    flag("--wandb", action="store_true", help=logged)
    flag("--test", action="store_true", help="score on the test boards, too: once, at the end")
    flag("--save", metavar="FILE.pt", help="write the net here")
    add_machine_flags(command)


def train_net(args):
    """Train one net, score it, and save it."""
    settings = dict(FINAL) if args.preset else {}
    for name in (*Config.model_fields, *BOARDS):
        if getattr(args, name) is not None:
            settings[name] = getattr(args, name)
    n_boards, n_minimal = (settings.pop(*default) for default in BOARDS.items())
    config = Config(**settings)
    save = _checked_save_path(args.save)
    device = chosen_device(args)
    boards = data.training_boards(n_boards, n_minimal)
    validation = data.load_split("validation")
    if args.wandb:
        result = sweeps.train_with_wandb(boards, validation, config, device)
    else:
        log = _print_epoch
        result = train.fit(config, boards, validation, log=log, device=device)
    scores = _final_scores(result.model, args.test, n_minimal > 0)
    if save:
        metadata = _metadata(result, device, len(boards.quizzes), n_minimal, scores)
        save_checkpoint(save, result.model, metadata)
        print(f"saved {save}")


def _print_epoch(metrics):
    print("  ".join(f"{name} {value:.4g}" for name, value in metrics.items()), flush=True)


def _checked_save_path(path):
    """Where to save, known to be possible before hours of training; None if nothing is saved."""
    if path is None:
        return None
    path = Path(path)
    if path.suffix != ".pt" or path.is_dir():
        raise CheckpointError(f"--save {path}: give a file name that ends in .pt")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    return path


def _final_scores(net, test, minimal):
    """Score a net on whole splits, and, if it has trained on minimal boards, on such boards, too; print as well."""
    scores = {}
    for split in ("validation", "test") if test else ("validation",):
        boards = data.load_split(split)
        parts = {split: boards}
        if minimal:
            some = minimize_clues(boards.first(N_MINIMAL), seed=0)
            singles = solved_by_singles(some.quizzes)
            parts[f"{split}, minimal: singles do"] = some.where(singles)
            parts[f"{split}, minimal: more is needed"] = some.where(~singles)
            clues = (some.quizzes > 0).sum(1)
            for fewest, most in CLUES:
                part = some.where((fewest <= clues) & (clues <= most))
                if len(part.quizzes):
                    parts[f"{split}, minimal: {fewest} to {most} clues"] = part
        for name, part in parts.items():
            score = train.evaluate(net, part, SURE)
            scores[name] = {"boards": len(part.quizzes)} | dataclasses.asdict(score)
            solved, right = 100 * score.solved, 100 * score.accuracy
            print(f"{name}: {solved:.1f} % of boards solved, {right:.1f} % of blank cells right")
    return scores


def _metadata(result, device, n_boards, n_minimal, scores):
    """Where a net comes from, and how good it is: plain numbers and texts, kept in its checkpoint."""
    return {
        "config": dict(result.config),
        "parameters": result.model.n_parameters(),
        "steps": result.config.epochs * train.steps_per_epoch(result.config, n_boards),
        "seconds": round(result.seconds),
        "cpu_seconds": round(result.cpu_seconds),
        "device": sweeps.device_name(device),
        "commit": sweeps.commit(),
        "training_boards": n_boards,
        "minimal": n_minimal,
        "scores": scores,
    }
