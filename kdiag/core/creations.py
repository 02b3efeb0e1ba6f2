"""Which lines of the service's own created what stays, as far as it was traced: files, sockets and threads alike.

Separate from the detectors because each of them asks for its own kind.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from kdiag.core.frames import Ownership
    from kdiag.core.model import Allocations, Frame, Window

SOURCE = "probe.allocations"


def traced(window: Window) -> Allocations | None:
    """What came of the tracing; None where nobody asked for it, or it has not ended."""
    told = next((sample.allocations for sample in reversed(window.probe) if sample.allocations is not None), None)
    return told if told is not None and told.state != "tracing" else None


def created(window: Window, ownership: Ownership, kinds: Collection[str]) -> Counter[Frame]:
    """How many things of these kinds each line created that are still there."""
    found: Counter[Frame] = Counter()
    told = traced(window)
    for each in told.created if told is not None else ():
        if each.kind in kinds and (frame := ownership.culprit(each.frames)) is not None:
            found[frame] += each.count
    return found
