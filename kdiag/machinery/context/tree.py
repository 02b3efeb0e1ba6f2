"""Contexts and how they are derived from one another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Union

from ..clock import REAL, Clock
from ..events import Event, Stop, done_of, subscribe
from .done import Done
from .errors import Cancelled, ContextError, DeadlineExceeded

CancelFunc = Callable[[], None]
CancelCauseFunc = Callable[[Union[BaseException, None]], None]


class Context(ABC):
    """Who may stop the work, until when it may last, and what travels with it. Made by the functions below only."""

    __slots__ = ("__weakref__", "_parent")

    def __init__(self, parent: Context | None) -> None:
        self._parent = parent

    @property
    @abstractmethod
    def done(self) -> Event:
        """The event that is set when the work must end."""

    @abstractmethod
    def err(self) -> Exception | None:
        """Return why it ended, `Cancelled` or `DeadlineExceeded`; None before."""

    @abstractmethod
    def cause(self) -> BaseException | None:
        """Return the cause that was given when it ended, `err()` where none was; None before."""

    @abstractmethod
    def deadline(self) -> float | None:
        """Return when it will end at the latest, in seconds of its clock; None when there is no deadline."""

    def value(self, key: object) -> Any:
        """Return what the nearest of this context and its ancestors holds for `key`; None when none does."""
        ctx: Context | None = self
        while ctx is not None:
            if isinstance(ctx, _ValueContext) and ctx.key == key:
                return ctx.held
            if isinstance(ctx, _ForeignContext):
                return ctx.foreign_value(key)
            ctx = ctx._parent
        return None

    def raise_if_done(self) -> None:
        """Raise `err()` from its cause, if this has ended.

        What is raised is a fresh one: an exception that several threads raise collects all their stacks.
        """
        err, cause = self.err(), self.cause()
        if err is None:
            return
        fresh = type(err)(*err.args) if isinstance(err, ContextError) else err
        if cause is err:
            raise fresh
        raise fresh from cause

    def __repr__(self) -> str:
        names: list[str] = []
        ctx: Context | None = self
        while ctx is not None:
            names.append(ctx._name())
            ctx = ctx._parent
        return ".".join(reversed(names))

    @abstractmethod
    def _name(self) -> str:
        """Return this context's own part of the repr."""


class _RootContext(Context):
    """Never done, no deadline, no values."""

    __slots__ = ("_root_name",)

    _never = Done()

    def __init__(self, name: str) -> None:
        super().__init__(None)
        self._root_name = name

    @property
    def done(self) -> Event:
        return self._never

    def err(self) -> Exception | None:
        return None

    def cause(self) -> BaseException | None:
        return None

    def deadline(self) -> float | None:
        return None

    def _name(self) -> str:
        return f"context.{self._root_name}"


class _ForeignContext(Context):
    """What others call a context, of which only the `done` is sure to be there."""

    __slots__ = ("_foreign",)

    def __init__(self, foreign: Stop) -> None:
        super().__init__(None)
        self._foreign = foreign

    @property
    def done(self) -> Event:
        return done_of(self._foreign)

    def err(self) -> Exception | None:
        if not self.done.is_set():
            return None
        err: Exception | None = self._ask("err")
        return err or Cancelled()

    def cause(self) -> BaseException | None:
        if not self.done.is_set():
            return None
        cause: BaseException | None = self._ask("cause")
        return cause or self.err()

    def deadline(self) -> float | None:
        at: float | None = self._ask("deadline")
        return at

    def foreign_value(self, key: object) -> Any:
        return self._ask("value", key)

    def _ask(self, method: str, *args: object) -> Any:
        answer = getattr(self._foreign, method, None)
        return answer(*args) if callable(answer) else None

    def _name(self) -> str:
        return f"context.foreign({type(self._foreign).__name__})"


class _CancelContext(Context):
    """Can end by itself, and ends with its parent."""

    __slots__ = ("_deadline", "node")

    def __init__(self, parent: Context, deadline: float | None) -> None:
        super().__init__(parent)
        self._deadline = deadline
        source = parent.source if isinstance(parent, _ValueContext) else parent
        self.node: Done = Done(source.node if isinstance(source, _CancelContext) else None)
        if isinstance(source, _ForeignContext):
            self._follow(source)

    def _follow(self, foreign: _ForeignContext) -> None:
        node = self.node
        call_off = subscribe(foreign.done, lambda: node.end(foreign.err() or Cancelled(), foreign.cause()))
        node.at_end(call_off)

    @property
    def done(self) -> Event:
        return self.node

    def err(self) -> Exception | None:
        return self.node.err

    def cause(self) -> BaseException | None:
        return self.node.cause

    def deadline(self) -> float | None:
        return self._deadline

    def _name(self) -> str:
        return "with_cancel" if self._deadline is None else f"with_deadline({self._deadline:g})"


class _ValueContext(Context):
    """Adds one value; all else is its parent's."""

    __slots__ = ("held", "key", "source")

    def __init__(self, parent: Context, key: object, held: object) -> None:
        super().__init__(parent)
        self.key = key
        self.held = held
        # The ancestor that can end: asked directly, since a chain of values may be deeper than the stack.
        self.source: Context = parent.source if isinstance(parent, _ValueContext) else parent

    @property
    def done(self) -> Event:
        return self.source.done

    def err(self) -> Exception | None:
        return self.source.err()

    def cause(self) -> BaseException | None:
        return self.source.cause()

    def deadline(self) -> float | None:
        return self.source.deadline()

    def _name(self) -> str:
        return f"with_value({type(self.key).__name__})"


_BACKGROUND = _RootContext("background")
_TODO = _RootContext("todo")


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
    ctx = _CancelContext(adopted, adopted.deadline())
    return ctx, _canceller(ctx.node)


def with_deadline(parent: Stop, at: float, clock: Clock = REAL) -> tuple[Context, CancelFunc]:
    """Return a child of `parent` that ends at `at` (seconds of `clock`) at the latest, and what ends it before.

    Always call what ends it: that also stops its timer.
    """
    adopted = _adopt(parent)
    earlier = adopted.deadline()
    if earlier is not None and earlier <= at:
        return with_cancel(adopted)
    ctx = _CancelContext(adopted, at)
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
    return _ValueContext(_adopt(parent), key, value)


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
    return _ForeignContext(parent)
