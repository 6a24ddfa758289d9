"""One training run: ``fit(config, boards)``. Knows nothing of W&B; what it measures goes to ``log``."""

import contextlib
import math
import time
from dataclasses import dataclass, field

import torch
from torch.nn import functional as F

from . import processes
from .config import Config
from .data import augment
from .errors import BoardError, DivergedError, OutOfMemoryError
from .model import SudokuTransformer
from .solver import solve

BETAS, WEIGHT_DECAY = (0.9, 0.99), 0.1  # of AdamW; of both optimizers
MUON_RATE = 10  # Muon's learning rate, as a multiple of AdamW's
WARM_UP = 0.05  # share of the steps in which the learning rate rises
GROWTH = 0.4  # share of the epochs in which the net's passes grow in number, from one to n_loops
CLIP = 1.0  # the largest norm of a gradient; larger ones are scaled down to it
FILL_FROM = 0.95  # a right answer of at least this probability is filled in where a board goes on, see fill_in
CHUNK = 32  # boards whose loss is computed together on a CPU: what they need stays in its cache


@dataclass
class Result:
    """A finished (or interrupted) run: the net on the CPU, one dict per epoch, and what it took.

    ``seconds`` are wall time, ``cpu_seconds`` this process's processor time: waiting for a busy core is not in it.
    """

    config: Config
    model: SudokuTransformer
    history: list = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    interrupted: bool = False

    @property
    def summary(self):
        """The last logged value of every metric, as W&B's ``run.summary`` holds it."""
        return {name: value for row in self.history for name, value in row.items()}


@dataclass(frozen=True)
class Scores:
    """How a net does on boards: mean loss (nats) and accuracy over blank cells, shares of boards solved."""

    loss: float
    accuracy: float
    solved: float
    solved_one_shot: float


@contextlib.contextmanager
def explain_out_of_memory():
    """Say in plain words that memory has run out, and what to do; PyTorch reports it in several ways.

    Raises
    ------
    OutOfMemoryError
        In place of PyTorch's error, or Python's.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        known = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if known or "DefaultCPUAllocator" in str(error):
            advice = "choose a smaller batch_size, n_loops or net"
            raise OutOfMemoryError(f"not enough memory to train this: {advice}") from error
        raise


@explain_out_of_memory()
def fit(config, train, validation, *, log=None, device=None):
    """Train one net.

    Parameters
    ----------
    config : Config
    train, validation : Boards
    log : callable, optional
        Called once per epoch with a dict: ``epoch``, ``train_loss``, ``train_accuracy``, ``learning_rate``;
        every ``validate_every``-th epoch and at the last also ``val_loss``, ``val_accuracy`` (blank cells
        only) and ``val_solved`` (share of boards solved step by step). ``run.log`` of W&B fits.
    device : str, optional
        Default: the GPU if there is one.

    Returns
    -------
    Result
        After a KeyboardInterrupt: what was reached until then, ``interrupted`` set.

    Raises
    ------
    DivergedError
        The loss is no finite number any more.
    BoardError
        No training or no validation boards.
    OutOfMemoryError
        The device has not enough memory.
    """
    if not len(train.quizzes) or not len(validation.quizzes):
        raise BoardError(
            f"nothing to train on: {len(train.quizzes)} training, {len(validation.quizzes)} other boards"
        )
    validation = validation.first(config.validation_boards)
    device = device or default_device()
    start, cpu_start = time.perf_counter(), time.process_time()
    result = Result(config, build_model(config))
    model = result.model.to(device)
    quizzes, solutions = to_tensors(train, device)
    # On a GPU, reading each batch's number of blanks would make it wait in every step: one bound for all instead.
    most_blanks = None if device == "cpu" else int((quizzes == 0).sum(1).max())
    generator = torch.Generator(device).manual_seed(config.seed)
    n_steps = config.epochs * steps_per_epoch(config, len(quizzes))
    optimizers, schedules = build_optimizers(model, config.learning_rate, n_steps)
    try:
        for epoch in range(1, config.epochs + 1):
            model.n_loops = passes(config, epoch)
            batches = epoch_batches(config, quizzes, solutions, generator)
            totals = train_epoch(config, model, optimizers, schedules, batches, most_blanks)
            metrics = epoch_metrics(config, epoch, totals, schedules[0], model, validation)
            result.history.append(metrics)
            if log is not None:
                log(dict(metrics))
    except KeyboardInterrupt:
        result.interrupted = True
    finally:
        model.n_loops = config.n_loops
        result.model = model.cpu().eval()
        result.seconds = time.perf_counter() - start
        result.cpu_seconds = time.process_time() - cpu_start
    return result


def build_optimizers(model, learning_rate, n_steps):
    """AdamW for biases and norms, Muon (kellerjordan.github.io/posts/muon) for the matrices; their schedules."""
    matrices = [weight for weight in model.parameters() if weight.ndim == 2]
    others = [weight for weight in model.parameters() if weight.ndim != 2]
    # Three of Muon's steps instead of five: as good for matrices this small, and cheaper.
    muon = dict(momentum=0.9, ns_steps=3, adjust_lr_fn="match_rms_adamw")
    optimizers = [
        torch.optim.AdamW(others, learning_rate, BETAS, weight_decay=WEIGHT_DECAY, fused=True),
        torch.optim.Muon(matrices, MUON_RATE * learning_rate, WEIGHT_DECAY, **muon),
    ]
    cycle = dict(total_steps=n_steps + 1, pct_start=WARM_UP, cycle_momentum=False)
    one_cycle = torch.optim.lr_scheduler.OneCycleLR
    return optimizers, [one_cycle(each, each.defaults["lr"], **cycle) for each in optimizers]


def default_device():
    """``"cuda"`` if there is one, else ``"cpu"``."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def build_model(config):
    """The untrained net of a config; its seed decides the weights, the global random state stays as it was."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(config.seed)
        return SudokuTransformer(**config.sizes)


def to_tensors(boards, device):
    """Quizzes and solutions as uint8 tensors [board, 81] on the device."""
    return [torch.from_numpy(part.copy()).to(device) for part in boards]


def steps_per_epoch(config, n_boards):
    """Batches in one epoch: all the boards give, the last one perhaps smaller, or fewer if the config says so."""
    available = math.ceil(n_boards / (config.batch_size - config.rollout))
    return min(config.steps_per_epoch or available, available)


def passes(config, epoch):
    """How many passes the net makes in an epoch: few are cheaper than all, and enough to begin with."""
    return min(config.n_loops, math.ceil(config.n_loops * epoch / config.epochs / GROWTH))


def epoch_batches(config, quizzes, solutions, generator):
    """The new boards of an epoch's batches, augmented, in random order: yields two tensors [new, 81] each time."""
    order = torch.randperm(len(quizzes), generator=generator, device=quizzes.device)
    n_new = config.batch_size - config.rollout
    for rows in order.split(n_new)[: steps_per_epoch(config, len(quizzes))]:
        yield augment(quizzes[rows], solutions[rows], generator, config.max_revealed)


def train_epoch(config, model, optimizers, schedules, batches, most_blanks):
    """A step on each batch, with up to ``config.rollout`` boards of the batch before; returns the steps' sums."""
    totals = torch.zeros(3, device=model.place.device)  # stays there until the epoch is over
    begun = None  # boards of the batch before, which go on
    for quizzes, solutions in batches:
        if begun is not None:
            quizzes, solutions = map(torch.cat, zip(begun, (quizzes, solutions), strict=True))
        of_step, filled = training_step(model, optimizers, quizzes, solutions, most_blanks)
        totals += of_step
        if config.rollout:
            begun = still_open(filled, solutions, config.rollout)
        for schedule in schedules:
            schedule.step()
    return totals


def still_open(quizzes, solutions, most):
    """The first boards [board, 81] that have blanks left, at most so many: the one thing a GPU waits for in a step."""
    rows = (quizzes == 0).any(1).nonzero()[:most, 0]
    return quizzes[rows], solutions[rows]


def training_step(model, optimizers, quizzes, solutions, most_blanks=None):
    """One step on a batch; returns sums over its blank cells, [loss, right answers, cells], and ``fill_in``'s boards.

    The loss is the mean over the batch's blank cells and over the passes of the net. Boards are sorted by their
    number of blanks and taken in chunks. In a chunk the net answers for as many cells of each board as the emptiest
    board has blanks; where a board has fewer, clues fill up, and count nothing. The gradients of all chunks, those of
    other processes too, add up to that of the whole batch. With ``most_blanks``, the most that any board can have, the
    batch is one chunk padded to that, and nothing is read back from the device.
    """
    model.zero_grad(set_to_none=True)
    n_blanks = (quizzes == 0).sum(1)  # [batch]
    if most_blanks is None:
        order = n_blanks.argsort()  # so the last board of a chunk has most blanks
        size = min(CHUNK, math.ceil(len(order) / processes.how_many()))
        chunks = [(rows, int(n_blanks[rows[-1]])) for rows in order.split(size)]
    else:
        chunks = [(slice(None), most_blanks)]
    totals, filled = torch.zeros(3, device=quizzes.device), torch.zeros_like(quizzes)
    for rows, n_asked in chunks[processes.number() :: processes.how_many()]:
        sums, filled[rows] = blank_cell_sums(model, quizzes[rows], solutions[rows], n_asked)
        (sums[0] / n_blanks.sum().clamp(min=1)).backward()
        totals += torch.stack(sums).detach()
    processes.add_up(model, totals, filled)
    torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    for optimizer in optimizers:
        optimizer.step()
    return totals, filled


def blank_cell_sums(model, quizzes, solutions, n_asked):
    """Sums over blank cells: loss (averaged over the passes), right answers of the last pass, and their number.

    Returns them as a list of three, and the boards that ``fill_in`` makes of the last pass.
    """
    blank = quizzes == 0
    # [batch, n_asked]: blanks first
    asked = blank.argsort(dim=1, descending=True, stable=True)[:, :n_asked]
    is_blank = blank.gather(1, asked)
    target = solutions.gather(1, asked).long() - 1
    scores = model(quizzes, asked)
    right = (scores[-1].argmax(2) == target) & is_blank
    sums = [(cell_losses(scores, target) * is_blank).sum(), right.sum(), is_blank.sum()]
    return sums, fill_in(quizzes, asked, scores[-1].detach(), target, is_blank)


def fill_in(quizzes, asked, scores, target, is_blank):
    """The boards [batch, 81] a step of solving later: some right digits more, those of which the net is surest.

    These are all to which it gives a probability of at least ``FILL_FROM``, or else the one to which it gives most.
    Of the cells ``asked`` it takes scores, right digits less one, and whether they are blank: each [batch, n_asked].
    """
    chance = scores.softmax(2).gather(2, target[..., None])[..., 0] * is_blank
    # Sorted, since there is no maximum where no cell is asked: [batch, 1], or [batch, 0].
    least = chance.sort(1, descending=True).values[:, :1].clamp(max=FILL_FROM)
    digits = (target + 1) * (is_blank & (chance >= least))
    return quizzes.scatter_add(1, asked, digits.to(torch.uint8))


def cell_losses(scores, target):
    """Cross-entropy of every cell, averaged over the passes: list of [batch, cell, 9] -> [batch, cell]."""
    losses = [
        F.cross_entropy(part.flatten(0, 1), target.flatten(), reduction="none") for part in scores
    ]
    return torch.stack(losses).mean(0).view_as(target)


def epoch_metrics(config, epoch, totals, schedule, model, validation):
    """What is logged after an epoch, from its sums [loss, right answers, cells].

    Raises
    ------
    DivergedError
        A number that is not finite.
    """
    loss, right, blanks = totals.tolist()
    metrics = {
        "epoch": epoch,
        "train_loss": loss / max(blanks, 1),
        "train_accuracy": right / max(blanks, 1),
        "learning_rate": schedule.get_last_lr()[0],  # of the step that would follow
    }
    if epoch % config.validate_every == 0 or epoch == config.epochs:
        scores = evaluate(model, validation)
        metrics["val_loss"] = scores.loss
        metrics["val_accuracy"] = scores.accuracy
        metrics["val_solved"] = scores.solved
    if not all(map(math.isfinite, metrics.values())):
        raise DivergedError(
            f"the loss is no finite number any more in epoch {epoch}: a learning_rate of "
            f"{config.learning_rate} is too high for this net; try a third of it"
        )
    return metrics


@torch.no_grad()
def evaluate(model, boards, threshold=0.99, batch_size=256):
    """Score a net on boards as they are, no augmentation; ``threshold`` is that of ``solve``. Returns ``Scores``."""
    device = model.place.device
    quizzes, solutions = to_tensors(boards, device)
    totals = torch.zeros(3, device=device)
    one_shot = 0
    for quiz, solution in zip(quizzes.split(batch_size), solutions.split(batch_size), strict=True):
        blank = quiz == 0
        scores = model(quiz)
        target = solution.long() - 1
        wrong = (scores[-1].argmax(2) != target) & blank
        loss = (cell_losses(scores, target) * blank).sum()
        totals += torch.stack([loss, (blank & ~wrong).sum(), blank.sum()])
        one_shot += int((~wrong.any(1)).sum())
    loss, right, blanks = totals.tolist()
    found = solve(model, quizzes, threshold)
    solved = (found.boards == solutions.cpu()).all(1)
    return Scores(
        loss=loss / max(blanks, 1),
        accuracy=right / max(blanks, 1),
        solved=solved.float().mean().item(),
        solved_one_shot=one_shot / len(quizzes),
    )
