"""``Run``: one run of a local sweep, from its claim to its export, to be read as one of ``wandb.Api``."""

from dataclasses import field
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import AfterValidator
from pydantic.dataclasses import dataclass

from ..errors import SweepError
from ..values import flatten

DONE = ("finished", "failed", "stopped")  # states in which a configuration is not run again


class Summary(dict):
    """A run's summary: a plain dict, with the one private name that W&B's own examples read."""

    _json_dict = property(dict)


@dataclass
class Run:
    """One run of a local sweep: what runs of ``wandb.Api`` have, and ``index``, ``error``, ``seconds``, ``params``,
    ``host``.

    ``state`` is running, finished, failed, stopped (early), killed (interrupted), or crashed (its process is gone).
    ``error`` says why a run failed or was stopped, ``seconds`` how long it took. ``params`` is what the search method
    proposed: the index in the grid, else a quantile in [0, 1) for each parameter that is searched. ``rows`` are all
    logged rows; each also has ``_step``, ``_timestamp`` (seconds since 1970) and ``_runtime`` (since the run's start).
    What a run from an export or from an older release does not know is None.
    """

    index: int
    id: str
    name: str
    state: str
    config: dict
    summary: Annotated[dict, AfterValidator(Summary)]
    error: str | None = None
    seconds: float = 0.0
    rows: list[dict] = field(default_factory=list, repr=False)
    params: Any = None
    project: str | None = None
    group: str | None = None
    tags: list[str] = field(default_factory=list)
    created_at: str | None = None  # as W&B's: 2026-10-01T12:00:00Z
    host: str | None = None
    url: ClassVar[None] = None  # as of any offline run

    @property
    def lastHistoryStep(self):  # noqa: N802  (W&B's name)
        """The step of the last row; -1 without one."""
        return self.rows[-1].get("_step", len(self.rows) - 1) if self.rows else -1

    def scan_history(self, keys=None, page_size=1000, min_step=None, max_step=None, use_cache=True):
        """All logged rows as dicts, from ``min_step`` to below ``max_step``: an iterator.

        With ``keys``, a list: ``_step`` and those names only, of the rows that have them all. ``page_size`` and
        ``use_cache`` are without effect, for the sake of the same signature.

        Raises
        ------
        ValueError
            ``keys`` is no list.
        """
        if not isinstance(keys, list | None):
            raise ValueError("keys must be specified in a list")
        first, end = min_step or 0, np.inf if max_step is None else max_step
        rows = [row for at, row in enumerate(self.rows) if first <= row.get("_step", at) < end]
        return iter(_with_all(keys, ["_step", *keys], rows) if keys else map(dict, rows))

    def history(self, samples=500, keys=None, x_axis="_step", pandas=True, stream="default"):
        """The rows as a DataFrame, or with ``pandas=False`` as a list; of more than ``samples``, some evenly spaced.

        With ``keys``, a list: ``x_axis`` and those names only, of the rows that have them all.

        Raises
        ------
        SweepError
            ``stream`` is another than the default.
        """
        if stream != "default":
            raise SweepError("what the machine did stays in W&B's file: `wandb sync` uploads it")
        columns = [x_axis, *(keys or [])]
        rows = _with_all(columns, columns, self.rows) if keys else list(self.scan_history())
        if len(rows) > samples:
            rows = [rows[at] for at in np.linspace(0, len(rows) - 1, samples).round().astype(int)]
        if not pandas:
            return rows
        import pandas as pd  # only here: takes 0.2 s to import

        return pd.DataFrame.from_records(rows)


def _with_all(needed, shown, rows):
    """Of the rows that have all names of ``needed``, what stands under the names ``shown``; nested ones are dotted."""
    if any("." in name for name in needed):
        rows = [{".".join(path): row[path] for path in row} for row in map(flatten, rows)]
    rows = [row for row in rows if row.keys() >= set(needed)]
    return [{key: row[key] for key in shown if key in row} for row in rows]
