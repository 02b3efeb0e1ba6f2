"""Where threads were in native code, as samples of their instruction pointers tell.

Separate from the stacks, which are Python's: here an address is all there is, and a name only where symbols are.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NativeSymbol:
    """A function of a program or library, and how many samples were in it; `name` is "" where no symbol covers them."""

    name: str
    file: str
    samples: int


@dataclass(frozen=True, slots=True)
class NativeProfile:
    """All samples of a time, most frequent function first.

    Attributes:
        samples: taken while a thread computed in user space.
        lost: samples that could not be kept.
        threads: how many threads were sampled, of `threads_in_all`.
        hertz: samples a second of processor time.
    """

    symbols: tuple[NativeSymbol, ...]
    samples: int
    lost: int
    threads: int
    threads_in_all: int
    hertz: int
