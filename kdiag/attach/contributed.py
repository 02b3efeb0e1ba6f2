"""The adapters for pools that other packages bring: found by the entry points of the group `kdiag.pools`.

An entry point's name is the module of the library that the adapter is for, its value the adapter's module. That is not
imported here: only its source is read, which travels with the probe. Separate from the bundle, which is our own code.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import NamedTuple

GROUP = "kdiag.pools"
_MOST_BYTES = 1 << 16
_LIBRARY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class Adapter(NamedTuple):
    """One adapter: its name in the probe, the module of its library, and its source; None where that was not found."""

    name: str
    library: str
    source: bytes | None


@functools.cache
def adapters() -> tuple[Adapter, ...]:
    """Those of all packages that are installed beside us, by their names."""
    found = {each.value: _adapter(each) for each in entry_points(group=GROUP) if _LIBRARY.fullmatch(each.name)}
    return tuple(sorted(found.values()))


def _adapter(entry: EntryPoint) -> Adapter:
    module = entry.value.partition(":")[0].strip()
    return Adapter(re.sub(r"\W", "_", module), entry.name, _source(entry, module))


def _source(entry: EntryPoint, module: str) -> bytes | None:
    """A module's source, where its package's files are; by the import system where they are elsewhere (editable)."""
    path = module.replace(".", "/")
    for candidate in (f"{path}.py", f"{path}/__init__.py"):
        file = Path(str(entry.dist.locate_file(candidate))) if entry.dist is not None else None
        if file is not None and file.is_file() and file.stat().st_size <= _MOST_BYTES:
            return file.read_bytes()
    return _importable(module)


def _importable(module: str) -> bytes | None:
    try:
        spec = importlib.util.find_spec(module)  # imports the packages around it
    except Exception:
        return None
    file = Path(spec.origin) if spec is not None and spec.origin else None
    fits = file is not None and file.suffix == ".py" and file.is_file() and file.stat().st_size <= _MOST_BYTES
    return file.read_bytes() if file is not None and fits else None
