"""Our own descriptors in the target, which are not its: the sockets of a probe's door, and its file for fatal signals.

Separate because it knows the names that `kdiag.probe` gives to both; whoever brought the probe, they are the same.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_DOOR = re.compile(r"/\.kdiag-\d+-\d+(-\d+)?/door$")
_FATAL = re.compile(r"/(\.kdiag-\d+-crashes|kdiag)/(fatal|new)-\d+-[0-9a-f]+\.txt( \(deleted\))?$")


def door_sockets(pid: int) -> frozenset[str]:
    """Descriptors of all doors that the process can see, and of the hosts inside them, as links in /proc tell them."""
    try:
        lines = Path(f"/proc/{pid}/net/unix").read_text(errors="replace").splitlines()[1:]
    except OSError:
        return frozenset()
    fields = (line.split(maxsplit=7) for line in lines if line.endswith("/door"))
    return frozenset(f"socket:[{each[6]}]" for each in fields if _DOOR.search(each[-1]))


def without_own(targets: Iterable[str], doors: Collection[str]) -> list[str]:
    """Where the descriptors lead that are the target's own."""
    return [target for target in targets if target not in doors and not _FATAL.search(target)]
