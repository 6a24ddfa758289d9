"""What the parts of a sweep configuration are checked by: pydantic, with kinds of its own for numbers."""

import math
from numbers import Real
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainValidator, model_validator


class Model(BaseModel):
    """A dict with the keys it names and no others, each of its own kind: ``"3"`` and ``True`` are no numbers."""

    model_config = ConfigDict(strict=True)

    @model_validator(mode="before")
    @classmethod
    def _has_known_keys(cls, content):
        known = ", ".join(cls.model_fields)
        if not isinstance(content, dict):
            raise ValueError(f"give a dict with {known}")
        for name in content:
            if name not in cls.model_fields:
                raise ValueError(f"there is no {name!r}; there are {known}")
        return content


def is_number(value):
    """Whether a value is a finite number; ``True`` and ``False`` are none."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number larger than any float
        return False


def _number(value):
    if not is_number(value):
        raise ValueError("give a number (in YAML 1.0e-5, since 1e-5 is read as text)")
    return value


Number = Annotated[Any, PlainValidator(_number)]  # Python's or numpy's, kept as it is
