"""What the parts of a sweep configuration are checked by: pydantic, with kinds of its own for numbers."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator, model_validator

from ..errors import WRITE_NUMBERS, meant
from ..values import as_json, is_number

LAUNCH = ("job", "image_uri")


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
                where = " here, only on W&B's server (Launch)" if name in LAUNCH else ""
                where += meant(name, cls.model_fields)
                raise ValueError(f"there is no {name!r}{where}; there are {known}")
        return content


def _number(value):
    if not is_number(value):
        raise ValueError(f"give a number; {WRITE_NUMBERS}")
    return value


Number = Annotated[Any, PlainValidator(_number)]  # Python's or numpy's, kept as it is


def whole(value):
    """W&B takes 3.0 for the whole number 3."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(whole)]


def _json(value):
    try:
        as_json(value)
    except (TypeError, ValueError):
        raise ValueError("no JSON; give a class by its name, a date in quotes") from None
    return value


Json = Annotated[Any, PlainValidator(_json)]  # what can be kept in a file
