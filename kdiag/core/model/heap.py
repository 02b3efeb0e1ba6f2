"""The objects of a process by type, as its collector's lists show them, and the containers that keep more and more.

Separate from the other samples because it is counted now and then only, and of large heaps in part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kdiag.core.model.samples import Frame


@dataclass(frozen=True, slots=True)
class HeapCount:
    """All objects that the collector watches, or the newest of them.

    Attributes:
        types: how many of each type, by its name; those of the most frequent types only.
        looked: how many were counted.
        known: how many there are; 0 where not even the interpreter knows.
        series: counts of one series begin at the same oldest object, and so can be compared.
    """

    types: Mapping[str, int]
    looked: int
    known: int
    series: int

    @property
    def share(self) -> float | None:
        """The share of all objects that was counted; None where that is not known."""
        return min(1.0, self.looked / self.known) if self.known else None


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


@dataclass(frozen=True, slots=True)
class Keeper:
    """A container that became longer from look to look, as the probe saw it; or several that are reached alike.

    Attributes:
        root: the module, or the function and its local variable, that it was reached from.
        path: the way from there: ".NAME", ".Class.attribute", ".NAME[…]", ".function (closure NAME)".
        file, line: of the root; the line is 0 for a module.
        kind: its type.
        before, after: how long it was when it was first looked at, and the last time.
        span_s: seconds between these.
        types: of its newest elements, how many of each type.
        element_bytes: about what one takes, with the built-in objects that it directly refers to.
    """

    root: str
    path: str
    file: str
    line: int
    kind: str
    containers: int
    before: int
    after: int
    span_s: float
    types: tuple[tuple[str, int], ...]
    element_bytes: int

    @property
    def name(self) -> str:
        """Its whole name."""
        return self.root + self.path

    @property
    def per_s(self) -> float:
        """Elements a second."""
        return (self.after - self.before) / self.span_s if self.span_s > 0 else 0.0

    @property
    def bytes_per_s(self) -> float:
        """About how many bytes a second."""
        return self.per_s * self.element_bytes


@dataclass(frozen=True, slots=True)
class Keepers:
    """What the probe's walks found.

    Attributes:
        visited: how many objects the longest walk looked at.
        whole: whether one went through all modules, not only the service's own.
    """

    walks: int
    visited: int
    whole: bool
    growing: tuple[Keeper, ...]


@dataclass(frozen=True, slots=True)
class AllocationLine:
    """A place whose allocations are still alive; of the frames, innermost first, only file and line are known."""

    frames: tuple[Frame, ...]
    blocks: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Creation:
    """A place that opened files or sockets, or made threads, which are still there; its frames are as known."""

    kind: Literal["file", "socket", "thread"]
    frames: tuple[Frame, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Allocations:
    """What tracemalloc saw.

    Attributes:
        state: "tracing", "done", or why there is nothing: "too-many", "switched-off".
        foreign: the service traces itself, so it is since then.
    """

    state: str
    seconds: float
    foreign: bool
    lines: tuple[AllocationLine, ...]
    created: tuple[Creation, ...] = ()
