"""The kinds of contexts. Separate from how they are derived: this is what each knows, that is how an end gets there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from ..events import done_of, subscribe
from .done import Done
from .errors import Cancelled, ContextError

if TYPE_CHECKING:
    from ..events import Event, Stop


class Context(ABC):
    """Who may stop the work, until when it may last, and what travels with it. Made by `derive` only."""

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
            if isinstance(ctx, ValueContext) and ctx.key == key:
                return ctx.held
            if isinstance(ctx, ForeignContext):
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


class RootContext(Context):
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


class ForeignContext(Context):
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


class CancelContext(Context):
    """Can end by itself, and ends with its parent."""

    __slots__ = ("_deadline", "node")

    def __init__(self, parent: Context, deadline: float | None) -> None:
        super().__init__(parent)
        self._deadline = deadline
        source = parent.source if isinstance(parent, ValueContext) else parent
        self.node: Done = Done(source.node if isinstance(source, CancelContext) else None)
        if isinstance(source, ForeignContext):
            self._follow(source)

    def _follow(self, foreign: ForeignContext) -> None:
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


class ValueContext(Context):
    """Adds one value; all else is its parent's."""

    __slots__ = ("held", "key", "source")

    def __init__(self, parent: Context, key: object, held: object) -> None:
        super().__init__(parent)
        self.key = key
        self.held = held
        # The ancestor that can end: asked directly, since a chain of values may be deeper than the stack.
        self.source: Context = parent.source if isinstance(parent, ValueContext) else parent

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
