"""One training run: ``fit(config, boards)``. Knows nothing of W&B; what it measures goes to ``log``."""

import contextlib
import math
import sys
import time
from dataclasses import asdict, dataclass, field, fields

import torch
from torch.nn import functional as F

from .data import augment
from .errors import BoardError, ConfigError, DivergedError, OutOfMemoryError
from .model import SudokuTransformer, check_positive, check_shape
from .solver import solve

CHUNK = (32, 64)  # fewest and most boards whose loss is computed together, if the batch has so many
BETAS, WEIGHT_DECAY = (0.9, 0.99), 0.01  # of AdamW
CLIP = 1.0  # the longest gradient; longer ones are shortened to it


@dataclass(frozen=True)
class Config:
    """The hyperparameters of one run.

    learning_rate : peak of the one-cycle schedule
    embedding_dim, attention_dim, n_heads, n_loops, mlp_ratio : the net, see ``SudokuTransformer``
    epochs : passes over the training boards, or over ``steps_per_epoch`` batches of them
    batch_size : boards per step
    steps_per_epoch : batches drawn per epoch; None for all boards
    validate_every : epochs between two validations; the last epoch always has one
    seed : same seed, same device, same history
    """

    learning_rate: float = 2.5e-3
    embedding_dim: int = 20
    attention_dim: int = 27
    n_heads: int = 3
    n_loops: int = 2
    mlp_ratio: int = 2
    epochs: int = 50
    batch_size: int = 512
    steps_per_epoch: int | None = None
    validate_every: int = 5
    seed: int = 0

    def __post_init__(self):
        for f in fields(self):  # numpy's numbers become plain ones
            value = getattr(self, f.name)
            if getattr(value, "ndim", None) == 0:
                object.__setattr__(self, f.name, value.item())
        check_shape(**self.shape)
        for name in ("epochs", "batch_size", "steps_per_epoch", "validate_every"):
            value = getattr(self, name)
            if name != "steps_per_epoch" or value is not None:
                check_positive(name, value)
        if isinstance(self.learning_rate, str):
            raise ConfigError(
                f"learning_rate={self.learning_rate!r} is a string, not a number; "
                "in YAML write 1.0e-5, because 1e-5 is read as text"
            )
        number = isinstance(self.learning_rate, int | float) and not isinstance(
            self.learning_rate, bool
        )
        if not number or not 0 <= self.learning_rate <= sys.float_info.max:
            raise ConfigError(
                f"learning_rate={self.learning_rate!r}: give a finite number of at least 0"
            )
        if not isinstance(self.seed, int) or isinstance(self.seed, bool):
            raise ConfigError(f"seed={self.seed!r}: give a whole number")
        if not -(2**63) <= self.seed < 2**63:
            raise ConfigError(f"seed={self.seed}: give one from -2**63 to 2**63 - 1")

    @classmethod
    def of(cls, values):
        """A ``Config`` from any mapping, such as ``run.config``. A name that is no hyperparameter is refused."""
        values = dict(values)
        known = [f.name for f in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ConfigError(
                f"no hyperparameter {', '.join(unknown)}; there are {', '.join(known)}"
            )
        return cls(**values)

    @property
    def shape(self):
        """The part that makes the net: keyword arguments of ``SudokuTransformer``."""
        names = ("embedding_dim", "attention_dim", "n_heads", "n_loops", "mlp_ratio")
        return {name: getattr(self, name) for name in names}


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


def build_model(config):
    """The untrained net of a config; its seed decides the weights, the global random state stays as it was."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(config.seed)
        return SudokuTransformer(**config.shape)


def default_device():
    """``"cuda"`` if there is one, else ``"cpu"``."""
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextlib.contextmanager
def memory_for(advice):
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
            raise OutOfMemoryError(f"not enough memory to train this: choose {advice}") from error
        raise


@memory_for("a smaller batch_size, n_loops or net")
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
    check_not_empty(train, validation)
    device = device or default_device()
    start, cpu_start = time.perf_counter(), time.process_time()
    result = Result(config, build_model(config))
    model = result.model.to(device)
    quizzes, solutions = to_tensors(train, device)
    # On a GPU, asking each batch for its number of blanks would make the host wait in every step.
    n_asked = None if device == "cpu" else most_blanks(train)
    generator = torch.Generator(device).manual_seed(config.seed)
    rates = learning_rates(config, config.epochs * steps_per_epoch(config, len(quizzes)))
    optimizer = torch.optim.AdamW(
        model.parameters(), betas=BETAS, weight_decay=WEIGHT_DECAY, fused=True
    )
    try:
        step = 0
        for epoch in range(1, config.epochs + 1):
            totals = torch.zeros(3, device=device)  # stays on the device until the epoch is over
            for batch in epoch_batches(config, quizzes, solutions, generator):
                optimizer.param_groups[0]["lr"] = rates[step]
                totals += training_step(model, optimizer, *batch, n_asked)
                step += 1
            metrics = epoch_metrics(config, epoch, totals.tolist(), rates[step], model, validation)
            result.history.append(metrics)
            if log is not None:
                log(dict(metrics))
    except KeyboardInterrupt:
        result.interrupted = True
    finally:
        result.model = model.cpu().eval()
        result.seconds = time.perf_counter() - start
        result.cpu_seconds = time.process_time() - cpu_start
        del quizzes, solutions, optimizer
        if device != "cpu":
            torch.cuda.empty_cache()
    return result


def check_not_empty(train, validation):
    """Raise ``BoardError`` unless there are boards of both kinds."""
    if not len(train.quizzes) or not len(validation.quizzes):
        raise BoardError(
            f"nothing to train on: {len(train.quizzes)} training, {len(validation.quizzes)} other boards"
        )


def steps_per_epoch(config, n_boards):
    """Batches in one epoch: all the boards give, the last one perhaps smaller, or fewer if the config says so."""
    available = -(-n_boards // config.batch_size)
    return min(config.steps_per_epoch or available, available)


def most_blanks(boards):
    """The number of blanks of the emptiest board."""
    return int((boards.quizzes == 0).sum(1).max())


def learning_rates(config, n_steps):
    """The learning rate of every step, and the one that would follow: PyTorch's one-cycle schedule, as a list."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=n_steps + 1, cycle_momentum=False
    )
    rates = schedule.get_last_lr()
    for _ in range(n_steps):
        optimizer.step()
        schedule.step()
        rates += schedule.get_last_lr()
    return rates


def epoch_batches(config, quizzes, solutions, generator):
    """The augmented batches of one epoch, the boards in random order: yields two tensors [batch, 81] each time."""
    order = torch.randperm(len(quizzes), generator=generator, device=quizzes.device)
    for rows in order.split(config.batch_size)[: steps_per_epoch(config, len(quizzes))]:
        yield augment(quizzes[rows], solutions[rows], generator)


def epoch_metrics(config, epoch, totals, rate, model, validation):
    """What is logged after an epoch, from its sums [loss, right answers, cells] and the next learning rate.

    Raises
    ------
    DivergedError
        A number that is not finite.
    """
    loss, right, blanks = totals
    metrics = {
        "epoch": epoch,
        "train_loss": loss / max(blanks, 1),
        "train_accuracy": right / max(blanks, 1),
        "learning_rate": rate,
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


def to_tensors(boards, device):
    """Quizzes and solutions as uint8 tensors [board, 81] on the device."""
    return [torch.from_numpy(part.copy()).to(device) for part in boards]


def training_step(model, optimizer, quizzes, solutions, n_asked=None):
    """One step of AdamW on a batch; returns sums over its blank cells: [loss, right answers, cells].

    The loss is the mean over the batch's blank cells and over the passes of the net. Boards are sorted by
    their number of blanks and taken in chunks, each padded to its own maximum, so that the net answers for
    few cells that nobody asked about; the gradients are those of the whole batch. With ``n_asked``, the most blanks
    that a board can have, the batch is one chunk padded to that, and nothing is read from the device.
    """
    optimizer.zero_grad(set_to_none=True)
    n_blanks = (quizzes == 0).sum(1)
    all_blanks = n_blanks.sum().clamp(min=1)
    totals = torch.zeros(3, device=quizzes.device)
    tables = model.tables()
    shared = [table.detach().requires_grad_() for table in tables]  # gathers the chunks' gradients
    size = chunk_size(len(quizzes)) if n_asked is None else len(quizzes)
    for rows in n_blanks.argsort().split(size):
        most = int(n_blanks[rows[-1]]) if n_asked is None else n_asked
        sums = blank_cell_sums(model, quizzes[rows], solutions[rows], most, shared)
        (sums[0] / all_blanks).backward()
        totals += torch.stack(sums).detach()
    torch.autograd.backward(tables, [table.grad for table in shared])
    torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    optimizer.step()
    return totals


def chunk_size(batch_size):
    """Half a batch, within the bounds of ``CHUNK``: small enough to pad little and to stay in a CPU's cache."""
    fewest, most = CHUNK
    return min(max(batch_size // 2, fewest), most)


def blank_cell_sums(model, quizzes, solutions, n_asked, tables=None):
    """Loss (averaged over the passes), right answers of the last pass, and number, summed over blank cells."""
    blank = quizzes == 0
    # [batch, n_asked]: blanks first
    asked = blank.argsort(dim=1, descending=True, stable=True)[:, :n_asked]
    weight = blank.gather(1, asked)
    target = solutions.gather(1, asked).long() - 1
    scores = model(quizzes, asked, tables)
    right = (scores[-1].argmax(2) == target) & weight
    return (cell_losses(scores, target) * weight).sum(), right.sum(), weight.sum()


def cell_losses(scores, target):
    """Cross-entropy of every cell, averaged over the passes: list of [batch, cell, 9] -> [batch, cell]."""
    losses = [
        F.cross_entropy(part.flatten(0, 1), target.flatten(), reduction="none") for part in scores
    ]
    return torch.stack(losses).mean(0).view_as(target)


@torch.no_grad()
def evaluate(model, boards, batch_size=256):
    """Score a net on boards as they are, no augmentation. Returns ``Scores``."""
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
    found = solve(model, quizzes)
    solved = (found.boards == solutions.cpu()).all(1)
    return Scores(
        loss=loss / max(blanks, 1),
        accuracy=right / max(blanks, 1),
        solved=solved.float().mean().item(),
        solved_one_shot=one_shot / len(quizzes),
    )


def as_dict(config):
    """The config as a plain dict, for ``wandb.init(config=...)``."""
    return asdict(config)
