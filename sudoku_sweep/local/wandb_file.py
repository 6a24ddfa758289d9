"""What wandb wrote about a run: its file ``run-<id>.wandb``, read back.

The file is read with wandb's own definition of its records, and not through ``wandb leet inspect --json``, because
that rounds whole numbers beyond 2**53 and takes ``{"a.b": 1}`` for ``{"a": {"b": 1}}``.
"""

import json
import struct
from dataclasses import dataclass, field

from wandb.proto.wandb_internal_pb2 import Record

# LevelDB's log format: chunks in blocks; a record is one chunk, or several up to a last one.
HEADER_BYTES, BLOCK_BYTES = 7, 32 * 1024
CHUNK = struct.Struct("<IHB")  # checksum, length, kind
WHOLE, LAST = 1, 4
TIMES = ("_runtime", "_timestamp")  # wandb adds them to each row


@dataclass
class WrittenRun:
    """What a run's file says so far. ``exit_code`` is None if the run was never finished."""

    name: str = ""
    config: dict = field(default_factory=dict)
    summary: dict = field(default_factory=dict)
    rows: list[dict] = field(default_factory=list)
    exit_code: int | None = None


def find(folder, run_id, deep=False):
    """The file of a run that was opened in ``folder``, with ``deep`` also anywhere below it; None if there is none.

    Of a run that was opened several times, the last one counts, as on W&B's server.
    """
    pattern = f"*wandb/*run-*-{run_id}*/run-{run_id}.wandb"
    files = folder.rglob(pattern) if deep else folder.glob(pattern)
    return max(files, key=lambda path: path.stat().st_mtime_ns, default=None)


def read(path):
    """A run's file as a ``WrittenRun``. Of a run that goes on, or was killed, what is there.

    Numbers, texts, and lists and dicts of them; images, tables and the like stay in the file.
    """
    run = WrittenRun()
    for record in _records(path.read_bytes()):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run.name = record.run.display_name
            _apply(record.run.config, run.config)
        elif kind == "config":
            _apply(record.config, run.config)
        elif kind == "summary":
            _apply(record.summary, run.summary)
        elif kind == "history":
            row = {}
            _set(record.history.item, row)
            run.rows.append({"_step": record.history.step.num} | _plain(row, without=TIMES))
        elif kind == "exit":
            run.exit_code = record.exit.exit_code
    run.config.pop("_wandb", None)
    run.summary = _plain(run.summary, without=("_wandb",))
    return run


def _records(content):
    at, parts = HEADER_BYTES, b""
    while at + CHUNK.size <= len(content):
        if BLOCK_BYTES - at % BLOCK_BYTES < CHUNK.size:  # no chunk fits into the rest of this block
            at += BLOCK_BYTES - at % BLOCK_BYTES
            continue
        _, length, kind = CHUNK.unpack_from(content, at)
        at += CHUNK.size
        if at + length > len(content):
            return  # its end is not written yet, or never will be
        parts += content[at : at + length]
        at += length
        if kind in (WHOLE, LAST):
            yield Record.FromString(parts)
            parts = b""


def _apply(changes, values):
    """Carry out what a record changes in a config or a summary."""
    _set(changes.update, values)
    for item in changes.remove:
        inside, name = _place(item, values)
        inside.pop(name, None)


def _set(items, values):
    for item in items:
        inside, name = _place(item, values)
        inside[name] = json.loads(item.value_json)


def _place(item, values):
    """The dict in which an item stands, which is made if it is missing, and its name there."""
    *above, name = item.nested_key or [item.key]
    for part in above:
        if not isinstance(values.get(part), dict):
            values[part] = {}
        values = values[part]
    return values, name


def _plain(values, without=()):
    """The values without some names, and without media, which wandb writes as dicts with a ``_type``."""
    return {
        name: _plain(value) if isinstance(value, dict) else value
        for name, value in values.items()
        if name not in without and not (isinstance(value, dict) and "_type" in value)
    }
