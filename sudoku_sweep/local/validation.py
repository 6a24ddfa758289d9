"""Checking what was written by hand: pydantic does it; its refusals become a ``SweepError`` that says what to write."""

import math
from numbers import Real
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, PlainValidator, TypeAdapter, ValidationError

from .errors import SweepError


class Model(BaseModel):
    """A dict with the keys it names and no others, each of its own kind: ``"3"`` and ``True`` are no numbers."""

    model_config = ConfigDict(extra="forbid", strict=True)
    example: ClassVar[str] = ""  # ends every refusal


def validated(model, content, what):
    """``content``, a dict, as an instance of ``model``, a class of pydantic's.

    Raises
    ------
    SweepError
        Naming ``what`` it is about, the key, and what is wrong with it.
    """
    try:
        return TypeAdapter(model).validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    reason = first.get("ctx", {}).get("error", first["msg"])
    if isinstance(reason, SweepError):  # from a part, which knows better what it is about
        raise reason
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        text = f"{what} needs {key!r}"
    elif first["type"] == "extra_forbidden":
        text = f"{what} takes {', '.join(model.model_fields)}; not {key!r}"
    elif first["type"] == "model_type":
        text = f"{what} is {content!r}; give a dict"
    else:
        given = f"{key} is {first['input']!r}; " if key else ""
        text = f"{what}: {given}{str(reason).replace('Input should', 'it should')}"
    raise SweepError(text + getattr(model, "example", ""))


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
