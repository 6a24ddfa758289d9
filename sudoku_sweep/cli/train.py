"""``train``: one net, as a plain run or as a W&B run."""

import dataclasses
import functools
import tempfile
import time
from pathlib import Path

import click

from .. import sweeps
from ..boards.difficulty import by_difficulty, minimize_clues
from ..config import Config
from ..errors import CheckpointError
from ..files import writing
from ..signals import interruptible
from ..values import duration
from .options import machine_options, use_machine

N_MINIMAL = 1000  # boards of a split that are made minimal to see how a net does beyond singles
MINIMAL = "so many of the training boards have no clue to spare (10,000 at most)"
LOGGED = "log a W&B run; started by `wandb agent`, take the settings from there, too"


def config_options(command):
    """An option for each hyperparameter; None where it is left out."""
    for name, field in reversed(Config.model_fields.items()):
        flag, kind = f"--{name.replace('_', '-')}", float if field.annotation is float else int
        command = click.option(flag, type=kind, help=f"default {field.default}")(command)
    return command


@click.command()
@config_options
@click.option("--minimal", type=click.IntRange(min=0), default=0, metavar="N", help=MINIMAL)
@click.option("--wandb", "logged", is_flag=True, help=LOGGED)
@click.option("--test", is_flag=True, help="score on the test boards, too: once, at the end")
@click.option("--save", type=Path, metavar="FILE.pt", help="write the net here, also at a Ctrl-C")
@machine_options
def train(minimal, logged, test, save, boards, device, threads, **settings):
    """Train one net, score it, and save it."""
    from .. import data
    from ..train import Result

    config = Config(**{name: value for name, value in settings.items() if value is not None})
    if save:
        check_save_path(save)
    device = use_machine(device, threads)
    training, validation = data.training_boards(boards, minimal), data.load_split("validation")
    n_boards = len(training.quizzes)
    steps = data.steps_per_epoch(config, n_boards)
    print(f"{config.epochs} epochs of {steps} steps: {sweeps.device_name(device)}", flush=True)
    result, scores = Result(config, None, [], 0, 0), {}
    fit = functools.partial(fit_into, result)
    try:
        with interruptible():
            if logged:
                sweeps.train_with_wandb(training, validation, config, device, fit)
            else:
                log = functools.partial(print_metrics, time.monotonic(), config.epochs)
                fit(config, training, validation, log=log, device=device)
            for split in ("validation", "test") if test else ("validation",):
                scores |= score(result.model, split, beyond_singles=minimal > 0)
    except KeyboardInterrupt:
        if save and result.history:
            save_net(save, result, scores, device, n_boards, minimal)
        raise
    if save:
        save_net(save, result, scores, device, n_boards, minimal)


def fit_into(result, config, training, validation, *, log, device):
    """``train.fit``, which fills a ``Result`` as it goes on, so that it is there after a Ctrl-C."""
    from ..train import build_model, fit

    result.config, result.model = config, build_model(config)
    start, cpu_start = time.perf_counter(), time.process_time()

    def keep(metrics):
        result.history.append(metrics)
        result.seconds = time.perf_counter() - start
        result.cpu_seconds = time.process_time() - cpu_start
        log(metrics)

    return fit(config, training, validation, log=keep, device=device, model=result.model)


def print_metrics(start, n_epochs, metrics):
    """Print what was measured in an epoch, in a line, and how long the others will take."""
    epoch = metrics["epoch"]
    others = [f"{name} {value:.4g}" for name, value in metrics.items() if name != "epoch"]
    left = (time.monotonic() - start) / epoch * (n_epochs - epoch)
    print(f"epoch {epoch}/{n_epochs}", *others, f"{duration(left)} left", sep="  ", flush=True)


def check_save_path(path):
    """Refuse a file that could not be written, before hours of training; make its folder."""
    if path.suffix != ".pt" or path.is_dir():
        raise CheckpointError(f"--save {path}: give a file name that ends in .pt")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass


def score(model, split, beyond_singles):
    """Evaluate a net on a split, and perhaps on boards of it made minimal; print it. Returns plain numbers by name."""
    from .. import data, solver, train

    boards = data.load_split(split)
    parts = {split: boards}
    print(f"scoring on {len(boards.quizzes):,} {split} boards", flush=True)
    if beyond_singles:
        print(f"making {N_MINIMAL:,} of them minimal, in half a minute", flush=True)
        minimal = minimize_clues(boards.first(N_MINIMAL), seed=0)
        for kind, part in by_difficulty(minimal).items():
            parts[f"{split}, minimal: {kind}"] = part
    scores = {}
    for name, part in parts.items():
        metrics = train.evaluate(model, part, solver.SURE)
        scores[name] = {"boards": len(part.quizzes)} | dataclasses.asdict(metrics)
        solved, right = 100 * metrics.solved, 100 * metrics.accuracy
        print(f"{name}: {solved:.1f} % of boards solved, {right:.1f} % of blank cells right")
    return scores


def save_net(path, result, scores, device, n_boards, n_minimal):
    """Write a net, and where it comes from: plain numbers and texts."""
    from ..checkpoint import save_checkpoint
    from ..data import steps_per_epoch

    n_epochs = len(result.history)
    facts = {
        "config": dict(result.config),
        "parameters": result.model.n_parameters(),
        "epochs": n_epochs,  # fewer than in the config if a Ctrl-C has ended it
        "steps": n_epochs * steps_per_epoch(result.config, n_boards),
        "seconds": round(result.seconds),
        "cpu_seconds": round(result.cpu_seconds),
        "device": sweeps.device_name(device),
        "commit": sweeps.commit(),
        "training_boards": n_boards,
        "minimal": n_minimal,
        "scores": scores,
    }
    save_checkpoint(path, result.model, facts)
    print(f"saved {path} after {n_epochs} of {result.config.epochs} epochs")
