"""What the rest of machinery sees of time. Separate so that the real and the fake clock know nothing of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..events import Event, Stop


class Timer(Protocol):
    """A point in time that can be waited for, taken back and moved."""

    @property
    def fired(self) -> Event:
        """The event that is set when the time has come."""

    def wait(self, timeout: float | None = None) -> bool:
        """Block until it has fired, at most `timeout` seconds of real time; tell whether it has."""

    def stop(self) -> bool:
        """Keep it from firing, and take back a firing; tell whether it was still pending.

        A function that runs already is not waited for.
        """

    def reset(self, seconds: float) -> bool:
        """Stop it and set it anew; tell whether it was still pending."""


class Ticker(Protocol):
    """Ticks at a fixed period, of which a slow reader loses all but one."""

    def wait(self, stop: Stop | None = None) -> bool:
        """Block until the next tick, or until `stop` is done; tell whether it was a tick."""

    def stop(self) -> None:
        """End it: no more ticks come."""


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> float:
        """Return monotonic seconds."""

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""

    def wait(self, event: Event, seconds: float) -> bool:
        """Block until `event` is set or `seconds` have passed; tell whether it is set."""

    def timer(self, seconds: float) -> Timer:
        """Return a timer that fires in `seconds`."""

    def after(self, seconds: float) -> Event:
        """Return an event that is set in `seconds`."""

    def after_func(self, seconds: float, f: Callable[[], object]) -> Timer:
        """Call `f` in `seconds`, from the thread that makes time pass: it must be short, and not block."""

    def ticker(self, seconds: float) -> Ticker:
        """Return a ticker with a period of `seconds`."""
