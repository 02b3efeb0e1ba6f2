"""Waitress's threads."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _role(_frame: Any, inner: Any, look: Any) -> str:
    """A task has frames of waitress's own."""
    return "idle" if all(look.is_in(each, "threading") for each in inner) else "busy"


KIND = "waitress"
FRAMES = {("waitress.task", "handler_thread"): _role}


def pool_of(frame: Any, look: Any) -> Any:
    """Its dispatcher."""
    dispatcher = look.local(frame, "self")
    return dispatcher if "threads" in look.own(dispatcher) else None


def state_of(dispatcher: Any, _frame: Any, look: Any) -> dict[str, Any]:
    """All threads are started at once."""
    own = look.own(dispatcher)
    items = look.items(own.get("queue"))
    first = items[0] if items else None
    return {"size": look.size(own.get("threads")), "queued": look.size(own.get("queue")), "first": first}
