"""The objects of a process by type, as its collector's lists show them.

Separate from the other samples because it is counted now and then only, and of large heaps in part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HeapCount:
    """All objects that the collector watches, or the newest of them.

    Attributes:
        types: how many of each type, by its name; those of the most frequent types only.
        looked: how many were counted.
        known: how many there are, as far as the interpreter itself knows.
        series: counts of one series begin at the same oldest object, and so can be compared.
    """

    types: Mapping[str, int]
    looked: int
    known: int
    series: int

    @property
    def share(self) -> float:
        """The share of all objects that was counted."""
        return min(1.0, self.looked / self.known) if self.known else 1.0


@dataclass(frozen=True, slots=True)
class HeapSample:
    """One look: always at the youngest objects, and now and then at all of them.

    Attributes:
        young: how many of each type were created since the last collection and are still there.
        count: None where it was not counted this time.
    """

    at: float
    young: Mapping[str, int]
    count: HeapCount | None = None
