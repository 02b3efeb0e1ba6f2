"""Being told that an event is set: the part of Go's `select` that threads lack.

A thread can wait for one event only. Whoever must wait for two (a clock's tick and a stop, a parent and its child)
has one of them call back. It is separate because clock and context both need it, and each other.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol, cast

from .runtime import handle_crash

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias, Union

# A foreign event can only be waited for. Its watcher thread looks this often whether anybody still cares: the price
# of having no handle to wake it by, and the longest time that it outlives its use.
WATCH_SLICE_S = 0.05


class Event(Protocol):
    """What is read of an event: `threading.Event` fits, and so does a context's `done`."""

    def is_set(self) -> bool:
        """Tell whether it is set."""

    def wait(self, timeout: float | None = None) -> bool:
        """Block until it is set or `timeout` (seconds) has passed; tell whether it is set."""


class HasDone(Protocol):
    """Whatever says by an event that it has ended: a `Context`, ours or foreign."""

    @property
    def done(self) -> Event:
        """The event that is set once it has ended."""


# As text: `typing` caches unions, and would keep alive every copy of this module that was loaded into a service.
Stop: TypeAlias = "Union[HasDone, Event]"


def done_of(stop: Stop) -> Event:
    """Return the event to wait for: `stop.done`, or `stop` where it is an event itself."""
    done: Event | None = getattr(stop, "done", None)
    return cast("Event", stop) if done is None else done


def subscribe(event: Event, f: Callable[[], object]) -> Callable[[], bool]:
    """Call `f` once when `event` is set, at once if it is set already; return what calls that off.

    `f` runs in the thread that sets the event, so it must be short. What is returned tells whether it came in time:
    after True `f` never runs. It is safe from any thread, and more than once.

    A foreign event that has no `subscribe` of its own costs a thread until it is set or `f` is called off.
    """
    own: Callable[[Callable[[], object]], Callable[[], bool]] | None = getattr(event, "subscribe", None)
    if own is not None:
        return own(f)
    return _Watch(event, f).call_off


class _Watch:
    """One subscription to a foreign event: a thread that ends when the event is set or the watch is called off."""

    def __init__(self, event: Event, f: Callable[[], object]) -> None:
        self._event = event
        self._f = f
        # Whoever takes this lock first decides: the watcher to call, or the subscriber to call it off. Never released.
        self._decided = threading.Lock()
        if event.is_set():
            self._fire()
        else:
            threading.Thread(target=self._watch, name="kdiag-watch", daemon=True).start()

    def _watch(self) -> None:
        while not self._decided.locked():
            if self._event.wait(WATCH_SLICE_S):
                self._fire()

    def _fire(self) -> None:
        if self._decided.acquire(blocking=False):
            with handle_crash(really_crash=False):
                self._f()

    def call_off(self) -> bool:
        return self._decided.acquire(blocking=False)
