"""Which types of objects a process has, which of them become more, and which are created and dropped all the time.

Separate from `heap_reader`, which knows how to count: here is decided when, how many, and what can be compared.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kdiag.core.model import HeapCount, HeapSample
from kdiag.errors import KdiagError
from kdiag.machinery.clock import Clock
from kdiag.sources.heap_reader import YOUNGEST, HeapReader, TornError
from kdiag.sources.pace import Pace
from kdiag.sources.tools import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kdiag.machinery.context import Context

LOOK_EVERY_S = 0.5  # at the youngest objects
_COUNT_BASE_S, _COUNT_DUTY = 2.0, 0.08
_COUNTS = 4  # a window has as many
_MOST = 250_000  # of one generation, when a series begins: a fifth of a second of ours
_MOST_LATER = 2 * _MOST
_MOST_YOUNG = 2_000
_NAMES = 200
_MOST_OFF = 1.03


@dataclass
class HeapSource:
    """Looks at the objects of one process.

    Attributes:
        window_s: the longest observation, seconds.
    """

    reader: HeapReader
    window_s: float
    clock: Clock
    _pace: Pace = field(init=False)
    _count_at: float = field(default=float("-inf"), init=False)
    _series: int = field(default=0, init=False)
    _first: dict[int, int] = field(default_factory=dict, init=False)  # by generation: where the series begins
    _collections: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Set the pace of the counts."""
        self._pace = Pace(_COUNT_BASE_S, max(self.window_s / _COUNTS, _COUNT_BASE_S), _COUNT_DUTY)

    def period_s(self) -> float:
        """Seconds to the next look."""
        return LOOK_EVERY_S

    def sample(self, ctx: Context) -> HeapSample:  # noqa: ARG002 - one look is short: nothing to interrupt
        """One look at the youngest objects, and a count of all when its time has come.

        Raises:
            SourceError: they cannot be followed; `target-ended` among the references.
        """
        try:
            return HeapSample(self.clock.now(), self._young(), self._count_when_due())
        except KdiagError as error:
            raise SourceError(error.reference, error.message, cause=error.cause, hint=error.hint) from error

    def close(self) -> None:
        """Let go of the target."""
        self.reader.close()

    def _young(self) -> Mapping[str, int]:
        """The types of the youngest objects; nothing where the collector did not let us look."""
        try:
            return self._named(self.reader.count(_MOST_YOUNG, YOUNGEST)[0].types)
        except TornError:
            return {}

    def _count_when_due(self) -> HeapCount | None:
        started = self.clock.now()
        if started < self._count_at:
            return None
        try:
            return self._count()
        except TornError:
            return None
        finally:
            now = self.clock.now()
            self._pace.spent(now - started)
            self._count_at = now + self._pace.period_s()

    def _count(self) -> HeapCount:
        collections = self.reader.rearranged()
        if self._first and collections != self._collections:
            self._begin()  # they are in another order now
        self._collections = collections
        most = _MOST_LATER if self._first else _MOST
        try:
            counted = self.reader.count(most, stops=self._first)
        except TornError:
            if self._first:
                self._begin()
            raise
        if not self._first and not all(each.complete for each in counted):
            self._begin()
            self._first = {number: each.first for number, each in enumerate(counted) if not each.complete}
        types: Counter[int] = Counter()
        for each in counted:
            types.update(each.types)
        looked, known = types.total(), self.reader.known()
        if self.reader.knows_exactly and looked > _MOST_OFF * known:
            raise TornError  # some were moved while they were counted, and so counted twice
        if not self._first:
            known = max(known, looked) if self.reader.knows_exactly else looked
        elif known <= looked:
            known = 0  # up to 3.13 nobody knows how many are in the generation in between
        return HeapCount(self._named(types), looked, known, self._series)

    def _begin(self) -> None:
        """Begin a new series of counts."""
        self._series += 1
        self._first = {}

    def _named(self, types: Counter[int]) -> Mapping[str, int]:
        named: Counter[str] = Counter()
        for kind, count in types.most_common(_NAMES):
            named[self.reader.name(kind)] += count
        named.pop("", None)
        return dict(named)


def open_heap(pid: int, window_s: float, clock: Clock) -> HeapSource | None:
    """The source for one process; None where its objects cannot be followed from outside."""
    try:
        return HeapSource(HeapReader(pid), window_s, clock)
    except KdiagError:
        return None
