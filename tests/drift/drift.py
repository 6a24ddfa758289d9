"""Print which installed releases are other than those in constraints.txt; `make drift` and `make lowest` ask."""

from importlib import metadata
from pathlib import Path

for line in Path("constraints.txt").read_text("utf-8").splitlines():
    name, _, tested = line.partition("==")
    try:
        installed = metadata.version(name)
    except (metadata.PackageNotFoundError, ValueError):  # an extra that is not installed, a comment
        continue
    if installed.partition("+")[0] != tested:
        print(f"{name}: {installed} instead of {tested}")
