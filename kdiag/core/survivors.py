"""What collections leave alive: how much of the young they free, and how many old objects they walk over in vain.

Separate from the detector because these are facts about the heap, not about time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.collector import exact_share
from kdiag.core.model import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.model import Window

_LEAST_YOUNG = 1_000
_MANY = 500_000  # objects that stay; from here on freezing them is worth while,
_IN_VAIN = 0.01  # where a full collection frees less than this share


@dataclass(frozen=True, slots=True)
class Survivors:
    """What was left.

    Attributes:
        young, young_freed: objects that collections of the youngest generation looked at, and freed; 0 where not seen.
        old: objects that the last full collection left; None where that is not known.
        full, full_freed: full collections in the window, and what they freed.
        looks: how often it was looked at.
    """

    young: int
    young_freed: int
    old: int | None
    full: int
    full_freed: int
    looks: int

    @property
    def freezable(self) -> bool:
        """Whether full collections walk over very many objects and free next to none of them."""
        return bool(self.old and self.full and self.old >= _MANY and self.full_freed / self.full < _IN_VAIN * self.old)

    def words(self) -> Iterator[str]:
        """In sentences."""
        if self.young >= _LEAST_YOUNG:
            yield f"Of the youngest objects collections freed {self.young_freed / self.young:.0%}; the others survived."
        if self.freezable and self.old:
            yield (
                f"Each full collection walks over {self.old:,} objects that stay, and frees {self.full_freed} in "
                f"{self.full}: gc.freeze() would spare that."
            )

    def evidence(self) -> Iterator[Evidence]:
        """The numbers."""
        if self.young >= _LEAST_YOUNG:
            yield Evidence("gc.young_freed", self.young_freed / self.young, "ratio", self.young, "probe.gc")
        if self.old is not None and self.full:
            yield Evidence("gc.survivors", self.old, "objects", self.looks, "collector.memory")


def survivors(window: Window) -> Survivors:
    """What collections left in a window."""
    account, samples = exact_share(window), window.collector
    young, young_freed = account.young if account else (0, 0)
    full = full_freed = 0
    told = [sample for sample in samples if sample.collections and sample.collected]
    if told:
        full = max(0, told[-1].collections[-1] - told[0].collections[-1])
        full_freed = max(0, told[-1].collected[-1] - told[0].collected[-1])
    old = samples[-1].survivors if samples else None
    return Survivors(young, young_freed, old, full, full_freed, len(samples))
