"""The hyperparameters of one run, and their bounds."""

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from .errors import WRITE_NUMBERS, ConfigError, field_reason, meant
from .values import plain


class Config(BaseModel, frozen=True, extra="forbid", strict=True):
    """The hyperparameters of one run; ``Config(**run.config)`` takes them from a W&B run, ``dict(config)`` gives them.

    Raises
    ------
    ConfigError
        A name that is no hyperparameter, or a value that cannot be trained with.
    """

    # peak of the one-cycle schedule, see recipe/optimizer.py
    learning_rate: float = Field(2.5e-3, ge=0, allow_inf_nan=False)
    # the sizes of the net, see SudokuTransformer
    embedding_dim: int = Field(20, ge=1, le=1024)
    attention_dim: int = Field(27, ge=1, le=1024)
    n_heads: int = Field(3, ge=1, le=1024)
    n_loops: int = Field(2, ge=1, le=1000)
    mlp_ratio: int = Field(2, ge=1, le=16)
    # passes over the training boards, or over steps_per_epoch batches of them
    epochs: int = Field(50, ge=1, le=1_000_000)
    batch_size: int = Field(512, ge=1, le=1_000_000)
    steps_per_epoch: int | None = Field(None, ge=1, le=1_000_000)
    # the largest share of a board's blanks that is filled in, see data.augment
    max_revealed: float = Field(1.0, ge=0, le=1)
    # so many boards of a batch, at most, go on from the batch before, see recipe/rollout.py
    rollout: int = Field(0, ge=0)
    # epochs between two validations (the last epoch always has one), and on how many of the boards given; None: all
    validate_every: int = Field(5, ge=1)
    validation_boards: int | None = Field(None, ge=1)
    # same seed, same device, same history
    seed: int = Field(0, ge=-(2**63), lt=2**63)

    def __init__(self, /, **values):
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError("; ".join(map(_in_words, error.errors()))) from None

    @field_validator("*", mode="before")
    @classmethod
    def _plain(cls, value):
        return plain(value)

    @model_validator(mode="after")
    def _fits_together(self):
        if self.attention_dim % self.n_heads:
            given = f"attention_dim={self.attention_dim}, n_heads={self.n_heads}"
            raise ConfigError(f"{given}: choose an attention_dim that is a multiple of n_heads")
        if self.rollout >= self.batch_size:
            given = f"rollout={self.rollout} leaves no room for new boards"
            raise ConfigError(f"{given}: choose less than batch_size={self.batch_size}")
        return self


def _in_words(error):
    """One of pydantic's errors as a sentence that names the hyperparameter, and what to write instead."""
    if not error["loc"]:  # from _fits_together, which names the fields itself
        return str(error["ctx"]["error"])
    name, value = error["loc"][0], error["input"]
    if error["type"] == "extra_forbidden":
        known = Config.model_fields
        return f"no hyperparameter {name}{meant(name, known)}; there are {', '.join(known)}"
    if isinstance(value, str):
        return f"{name}={value!r} is text, not a number; {WRITE_NUMBERS}"
    return f"{name}={value!r}: {field_reason(error)}"
