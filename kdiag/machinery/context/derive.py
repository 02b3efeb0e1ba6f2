"""How contexts are derived from one another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Union

from ..clock import REAL, Clock
from ..events import done_of, subscribe
from .errors import Cancelled, DeadlineExceeded
from .kinds import CancelContext, Context, ForeignContext, RootContext, ValueContext

if TYPE_CHECKING:
    from ..events import Stop
    from .done import Done

CancelFunc = Callable[[], None]
CancelCauseFunc = Callable[[Union[BaseException, None]], None]

_BACKGROUND = RootContext("background")
_TODO = RootContext("todo")


def background() -> Context:
    """Return the context of a program's main work: never done, the root of all others."""
    return _BACKGROUND


def todo() -> Context:
    """Return a context for where it is not clear yet which one belongs there: like `background`, but it says so."""
    return _TODO


def with_cancel(parent: Stop) -> tuple[Context, CancelFunc]:
    """Return a child of `parent` and the function that ends it, which may be called again and from any thread."""
    ctx, cancel = with_cancel_cause(parent)
    return ctx, lambda: cancel(None)


def with_cancel_cause(parent: Stop) -> tuple[Context, CancelCauseFunc]:
    """Do as `with_cancel`, with a function that takes the cause, an exception or None."""
    adopted = _adopt(parent)
    ctx = CancelContext(adopted, adopted.deadline())
    return ctx, _canceller(ctx.node)


def with_deadline(parent: Stop, at: float, clock: Clock = REAL) -> tuple[Context, CancelFunc]:
    """Return a child of `parent` that ends at `at` (seconds of `clock`) at the latest, and what ends it before.

    Always call what ends it: that also stops its timer.
    """
    adopted = _adopt(parent)
    earlier = adopted.deadline()
    if earlier is not None and earlier <= at:
        return with_cancel(adopted)
    ctx = CancelContext(adopted, at)
    node, left_s = ctx.node, at - clock.now()
    if left_s <= 0:
        node.end(DeadlineExceeded())
    elif not node.is_set():
        timer = clock.after_func(left_s, lambda: node.end(DeadlineExceeded()))
        node.at_end(timer.stop)
    cancel = _canceller(node)
    return ctx, lambda: cancel(None)


def with_timeout(parent: Stop, seconds: float, clock: Clock = REAL) -> tuple[Context, CancelFunc]:
    """Do as `with_deadline`, `seconds` from now."""
    return with_deadline(parent, clock.now() + seconds, clock)


def with_value(parent: Stop, key: object, value: object) -> Context:
    """Return a child of `parent` that also holds `value` for `key`; keys are compared by equality."""
    if key is None:
        raise TypeError("a context's key must not be None")
    return ValueContext(_adopt(parent), key, value)


def after_func(stop: Stop, f: Callable[[], object]) -> Callable[[], bool]:
    """Call `f` once `stop` is done, at once if it is; return what calls that off (see `events.subscribe`)."""
    return subscribe(done_of(stop), f)


def _canceller(node: Done) -> CancelCauseFunc:
    def cancel(cause: BaseException | None) -> None:
        node.end(Cancelled(), cause)

    return cancel


def _adopt(parent: Stop) -> Context:
    if isinstance(parent, Context):
        return parent
    if parent is None:
        raise TypeError("a context's parent must not be None: use background() or todo()")
    return ForeignContext(parent)
