"""``python -m sudoku_sweep``: the same steps as the notebook's, from the shell."""

import argparse
import hashlib
import sys
from dataclasses import fields
from pathlib import Path

import torch

from . import data, train
from .errors import BoardError, SudokuError
from .files import write_atomically
from .model import save_checkpoint

SPLIT_SIZES = {"train": 20_000, "validation": 2_000, "test": 2_000}


def make_data(args):
    """Make the three shipped files, or one file of other boards."""
    if args.out:
        boards = data.make_boards(args.boards, args.seed, tuple(args.clues))
        _write_boards(Path(args.out), boards)
        return
    splits = {
        name: data.make_boards(size, data.SPLIT_SEEDS[name]) for name, size in SPLIT_SIZES.items()
    }
    for name in ("validation", "test"):
        others = [splits[other] for other in splits if other != name]
        if any(len(data.leaked(splits[name], other)) for other in others):
            raise BoardError(
                f"{name} shares a solved grid with another split: change its seed in data.SPLIT_SEEDS"
            )
    for name, boards in splits.items():
        _write_boards(Path(args.folder) / f"sudoku_{name}.csv", boards)


def _write_boards(path, boards):
    content = data.boards_to_csv(boards)
    write_atomically(path, content)
    clues = (boards.quizzes > 0).sum(1)
    print(
        f"{path.name}: {len(clues)} boards, {clues.min()}-{clues.max()} clues, mean {clues.mean():.1f}"
    )
    print(f"  sha256 {hashlib.sha256(content).hexdigest()}")


def train_net(args):
    """Train one net, score it, and save it with its card."""
    config = train.Config.of({f.name: getattr(args, f.name) for f in fields(train.Config)})
    torch.set_num_threads(args.threads)
    boards = data.load_split("train").first(args.boards)
    result = train.fit(
        config, boards, data.load_split("validation"), log=_print_epoch, device=args.device
    )
    if result.interrupted:
        print("interrupted: nothing saved", file=sys.stderr)
        return 130
    scores = {
        name: train.evaluate(result.model, data.load_split(name)) for name in ("validation", "test")
    }
    for name, score in scores.items():
        print(
            f"{name}: {100 * score.solved:.1f} % of boards solved, {100 * score.accuracy:.1f} % of blank cells right"
        )
    if args.save:
        device = (
            "CPU"
            if (args.device or train.default_device()) == "cpu"
            else torch.cuda.get_device_name()
        )
        about = {
            "config": train.as_dict(config),
            "parameters": result.model.n_parameters(),
            "training_boards": len(boards.quizzes),
            "steps": config.epochs * train.steps_per_epoch(config, len(boards.quizzes)),
            "seconds": round(result.seconds),
            "device": f"{device}, {torch.get_num_threads()} thread(s), torch {torch.__version__}",
            "scores": {name: train.as_dict(score) for name, score in scores.items()},
        }
        save_checkpoint(args.save, result.model, about)
        card = Path(args.save).with_suffix(".md")
        write_atomically(card, _card(args.save, about).encode())
        print(f"saved {args.save} and its card {card}")
    return 0


def _print_epoch(metrics):
    print("  ".join(f"{name} {value:.4g}" for name, value in metrics.items()), flush=True)


def _card(path, about):
    """A checkpoint's card in Markdown: what it is, where it comes from, how good it is."""
    config = about["config"]
    flags = " ".join(
        f"--{f.name.replace('_', '-')} {config[f.name]}"
        for f in fields(train.Config)
        if config[f.name] is not None
    )
    lines = [
        f"# {Path(path).name}",
        "",
        f"A `SudokuTransformer` with {about['parameters']:,} parameters, trained on the first "
        f"{about['training_boards']:,} boards of `sudoku_train.csv` with relabelled digits and revealed blanks.",
        "",
        "```",
        f"python -m sudoku_sweep train {flags} --boards {about['training_boards']} --save {path}",
        "```",
        "",
        f"{about['steps']:,} steps of {config['batch_size']} boards, {about['seconds']:,} s, seed {config['seed']}, "
        f"on: {about['device']}. Loading it needs no code from the file (`weights_only=True`).",
        "",
        "| boards | solved step by step | solved in one shot | blank cells right | loss (nats) |",
        "|---|---|---|---|---|",
    ]
    for split, score in about["scores"].items():
        lines.append(
            f"| {split} | {100 * score['solved']:.1f} % | {100 * score['solved_one_shot']:.1f} % "
            f"| {100 * score['accuracy']:.1f} % | {score['loss']:.4f} |"
        )
    lines += [
        "",
        "Limits: it knows boards like those it saw, which hidden singles solve; it takes nothing back, so one",
        "wrong digit spoils a board; and its confidence is no proof.",
        "",
    ]
    return "\n".join(lines)


def report(args):
    """Print the leaderboard of a local sweep, the latest one unless an id is given."""
    from . import analysis, local  # matplotlib and wandb take a while; only this command needs them

    sweep_id = args.sweep or local.latest_sweep()
    frame = analysis.runs_frame(local.runs(sweep_id))
    print(f"local sweep {sweep_id}, {len(frame)} runs, best first:")
    print(analysis.leaderboard(frame).to_string(float_format="{:.4g}".format))


def parser():
    """The command line, one subcommand per step."""
    top = argparse.ArgumentParser(prog="python -m sudoku_sweep", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("data", help=make_data.__doc__, description=make_data.__doc__)
    command.add_argument("--folder", default=data.DATA_DIR, help="where the three shipped files go")
    command.add_argument("--out", help="make one file of other boards instead")
    command.add_argument(
        "--boards", type=int, default=1000, help="with --out: how many (default %(default)s)"
    )
    command.add_argument(
        "--seed", type=int, default=3, help="with --out: its seed (default %(default)s)"
    )
    command.add_argument("--clues", type=int, nargs=2, default=(30, 60), metavar=("FEWEST", "MOST"))
    command.set_defaults(run=make_data)

    command = commands.add_parser("train", help=train_net.__doc__, description=train_net.__doc__)
    for f in fields(train.Config):
        kind = float if f.type is float else int
        command.add_argument(
            f"--{f.name.replace('_', '-')}",
            type=kind,
            default=f.default,
            help=f"default {f.default}",
        )
    command.add_argument("--boards", type=int, help="train on the first so many boards only")
    command.add_argument("--device", help="cpu or cuda (default: the GPU if there is one)")
    command.add_argument(
        "--threads", type=int, default=1, help="CPU threads; more rarely help (default %(default)s)"
    )
    command.add_argument(
        "--save", metavar="FILE.pt", help="write the net here, and a card beside it"
    )
    command.set_defaults(run=train_net)

    command = commands.add_parser("report", help=report.__doc__, description=report.__doc__)
    command.add_argument(
        "sweep", nargs="?", help="the id that the sweep printed when it was set up"
    )
    command.set_defaults(run=report)
    return top


def main(argv=None):
    """Run one command; a refusal is one line on stderr and exit status 2."""
    args = parser().parse_args(argv)
    try:
        return args.run(args) or 0
    except SudokuError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
