"""Contexts: who may stop what, until when, and what they carry; Go's `context` for threads and asyncio.

- A context is immutable and safe from any thread; only the function that came with it can end it.
- Ending a context ends all its descendants at once, for the same reason, and never its parent.
- `err()` never changes once it is set; `done` is set by then, also where nobody has asked for it before.
- An ended child is forgotten by its parent. A child that is never ended is kept: always call `cancel`.
- `cancel` takes locks: call it in any thread, but not in what interrupts one (a signal handler: see `from_signal`; a
  finalizer; a callback of the collector).
- Every parent may be foreign: anything with a `done` event.
"""

from .bridges import SignalReceived, as_asyncio, from_signal
from .derive import (
    CancelCauseFunc,
    CancelFunc,
    after_func,
    background,
    todo,
    with_cancel,
    with_cancel_cause,
    with_deadline,
    with_timeout,
    with_value,
)
from .errors import Cancelled, ContextError, DeadlineExceeded
from .kinds import Context

__all__ = [
    "CancelCauseFunc",
    "CancelFunc",
    "Cancelled",
    "Context",
    "ContextError",
    "DeadlineExceeded",
    "SignalReceived",
    "after_func",
    "as_asyncio",
    "background",
    "from_signal",
    "todo",
    "with_cancel",
    "with_cancel_cause",
    "with_deadline",
    "with_timeout",
    "with_value",
]
