"""The conflicts about containers in a window: what all samples told of each, added up.

Separate from the detector that judges them, so that whoever shows them counts alike.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kdiag.core.model import MapConflict, Window


def conflicts(window: Window) -> list[MapConflict]:
    """Each kind of conflict about each container with the sides of the last one, and how many there were."""
    found: dict[tuple[int, str], MapConflict] = {}
    for sample in window.probe:
        for conflict in sample.maps.conflicts:
            key = conflict.container, conflict.kind
            before = found[key].count if key in found else 0
            found[key] = replace(conflict, count=before + conflict.count)
    return list(found.values())
