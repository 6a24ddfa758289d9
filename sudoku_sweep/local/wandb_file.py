"""What wandb wrote about a run: its file ``run-<id>.wandb``, read into a ``Run``.

The file is read with wandb's own definition of its records, and not through ``wandb leet inspect --json``, because
that rounds whole numbers beyond 2**53 and takes ``{"a.b": 1}`` for ``{"a": {"b": 1}}``.
"""

import json
import struct
import zlib
from pathlib import Path

from ..values import put
from .run import Summary
from .wandb_internals import RUN_FILE, Record

# LevelDB's log format: chunks in blocks; a record is one chunk, or several up to a last one.
HEADER_BYTES, BLOCK_BYTES = 7, 32 * 1024
CHUNK = struct.Struct("<IHB")  # checksum, length, kind
WHOLE, LAST = 1, 4
DAMAGED = "damaged"  # in the place of an exit code


def find(folder, run_id):
    """The file of a run, in ``folder`` or, if its ``dir`` is another, below the current one; None if there is none.

    Of a run that was opened several times, the last one counts, as on W&B's server.
    """
    pattern = RUN_FILE.format(id=run_id)
    files = list(folder.glob(pattern)) or Path.cwd().rglob(pattern)
    return max(files, key=lambda path: path.stat().st_mtime_ns, default=None)


def read_into(run, path):
    """Fill a ``Run`` with what its file says so far. Returns its exit code, None if it was never finished.

    Numbers, texts, and lists and dicts of them; images, tables and the like stay in the file. Of a file that is
    damaged, what stands before the damage; the exit code is ``DAMAGED`` then.
    """
    exit_code, values, run.rows = None, {"config": {}, "summary": {}}, []
    for record in _records(path.read_bytes()):
        if record is None:
            exit_code = DAMAGED
            break
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run.name = record.run.display_name or run.name
            run.host = record.run.host or None
            run.group, run.tags = record.run.run_group or None, list(record.run.tags)
            _apply(record.run.config, values["config"])
        elif kind in values:
            _apply(getattr(record, kind), values[kind])
        elif kind == "history":
            row = {"_step": record.history.step.num}
            for item in record.history.item:
                put(row, _keys(item), json.loads(item.value_json))
            run.rows.append(_without_media(row))
        elif kind == "exit":
            exit_code = record.exit.exit_code
    for one in values.values():
        one.pop("_wandb", None)
    # what the sweep gave stays: a run that was killed at its start may not have written it
    run.config = run.config | values["config"]
    run.summary = Summary(_without_media(values["summary"]))
    return exit_code


def _records(content):
    """Yield the records of a file as far as it is written; a last None where it is damaged."""
    at, parts = HEADER_BYTES, b""
    while at + CHUNK.size <= len(content):
        checksum, length, kind = CHUNK.unpack_from(content, at)
        start, at = at + CHUNK.size, at + CHUNK.size + length
        if at > len(content):
            return  # its end is not written yet, or never will be
        if zlib.crc32(content[start - 1 : at]) != checksum:  # of the kind, too
            yield None
            return
        parts += content[start:at]
        if kind in (WHOLE, LAST):
            yield Record.FromString(parts)
            parts = b""
        left = -at % BLOCK_BYTES  # of this block
        if left < CHUNK.size:  # no chunk fits in any more
            at += left


def _keys(item):
    """Under which names, from the outside to the inside, an item of a record stands."""
    return item.nested_key or [item.key]


def _apply(changes, values):
    """Carry out what a record changes in a config or a summary."""
    for item in changes.update:
        put(values, _keys(item), json.loads(item.value_json))
    for item in changes.remove:
        *above, name = _keys(item)
        inside = values
        for key in above:
            inside = inside.get(key, {})
        inside.pop(name, None)


def _without_media(values):
    """The values without images, tables and the like, which wandb writes as dicts with a ``_type``."""
    return {
        name: _without_media(value) if isinstance(value, dict) else value
        for name, value in values.items()
        if not (isinstance(value, dict) and "_type" in value)
    }
