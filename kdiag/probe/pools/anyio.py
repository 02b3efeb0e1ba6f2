"""anyio's worker threads, which starlette and FastAPI run plain functions in."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _role(frame: Any, inner: Any, look: Any) -> str:
    """A worker waits in its own queue, a task may wait in another."""
    if not inner or not look.is_in(inner[-1], "queue"):
        return "busy"
    own = look.own(look.local(frame, "self"))
    return "idle" if look.local(inner[-1], "self") is own.get("queue") else "busy"


KIND = "anyio"
FRAMES = {("anyio._backends._asyncio", "run"): _role}


def pool_of(frame: Any, look: Any) -> Any:
    """The loop that its threads work for."""
    own = look.own(look.local(frame, "self"))
    return own.get("loop") if "idle_workers" in own else None


def result_of(frame: Any, look: Any) -> Any:
    """The future of what a worker does, which a task awaits."""
    return look.local(frame, "future")


def state_of(loop: Any, _frame: Any, look: Any) -> dict[str, Any]:
    """What the limiter says that a loop's threads are taken by, where none else was asked for."""
    limiter = _limiter_of(loop, look)
    if limiter is None:
        return {}
    waiting = look.attribute(limiter, "_wait_queue")
    return {
        "size": look.attribute(limiter, "_total_tokens"),
        "queued": look.size(waiting),
        "first": next(iter(look.items(waiting)), None),
    }


def _limiter_of(loop: Any, look: Any) -> Any:
    """None before the first call."""
    variables = look.own(look.module("anyio.lowlevel").get("_run_vars")).get("data")
    for reference, values in list(variables.items()) if type(variables) is dict else ():
        if reference() is loop and type(values) is dict:
            for variable, value in list(values.items()):
                if look.attribute(variable, "_name") == "_default_thread_limiter":
                    return value
    return None
