"""From the world's ways of stopping to contexts and back: signals that end one, asyncio tasks that end with one."""

from __future__ import annotations

import _thread
import signal
from typing import TYPE_CHECKING, Any

from .derive import CancelFunc, background, with_cancel_cause
from .errors import Cancelled

if TYPE_CHECKING:
    from types import FrameType

    from ..events import Stop
    from .aio import TaskScope
    from .kinds import Context


class SignalReceived(Cancelled):
    """The cause of a context that a signal ended."""

    def __init__(self, number: int) -> None:
        super().__init__(f"received {signal.Signals(number).name}")
        self.number = number


def from_signal(*signals: int, parent: Stop | None = None) -> tuple[Context, CancelFunc]:
    """Return a context that the first of `signals` ends, with `SignalReceived` as its cause, and what gives them back.

    The signals are caught until they are given back; both must be done in the main thread, as Python demands.
    """
    ctx, cancel = with_cancel_cause(background() if parent is None else parent)

    def handle(number: int, _frame: FrameType | None) -> None:
        # The handler may have interrupted this very thread while it holds one of the locks that a cancel takes.
        # Starting a bare thread takes none.
        _thread.start_new_thread(cancel, (SignalReceived(number),))

    previous: dict[int, Any] = {}  # the handlers that were there before

    def give_back() -> None:
        while previous:
            number, handler = previous.popitem()
            if signal.getsignal(number) is handle:  # else somebody has put another one on top since
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
        cancel(None)

    try:
        for number in signals:
            previous[number] = signal.signal(number, handle)
    except BaseException:
        give_back()
        raise
    return ctx, give_back


def as_asyncio(ctx: Stop) -> TaskScope:
    """Return an asynchronous context manager that cancels its block when `ctx` ends.

    The block then ends with the error of `ctx`, as asyncio's timeout ends with TimeoutError. A cancellation that
    comes from elsewhere stays one; when both come at once it wins, but before Python 3.11 it cannot be told apart.
    """
    from .aio import TaskScope  # noqa: PLC0415 - who does not use asyncio does not pay for it

    return TaskScope(ctx)
