"""httpx's pools of connections, which are httpcore's."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _role(_frame: Any, inner: Any, look: Any) -> str:
    """A request waits until a connection is assigned to it, and then it is sent."""
    waits = any(look.runs(inner, module, "wait_for_connection") for module, _ in FRAMES)
    return "waits" if waits else "holds"


KIND = "httpcore"
LENDS = "connection"
FRAMES = {
    ("httpcore._sync.connection_pool", "handle_request"): _role,
    ("httpcore._async.connection_pool", "handle_async_request"): _role,
}
LENT = (("httpx", "Response"),)


def pool_of(frame: Any, look: Any) -> Any:
    """The pool of a client."""
    pool = look.local(frame, "self")
    return pool if "_requests" in look.own(pool) else None


def pool_of_lent(value: Any, look: Any) -> Any:
    """Whose connection a response has that was not read to its end."""
    own = look.own(value)
    stream = own.get("stream") if own.get("is_closed") is False else None
    for _ in range(4):  # the client's stream is around the transport's, and that around the pool's
        inside = look.own(stream)
        if "_pool" in inside:
            return inside["_pool"]
        stream = inside.get("_stream") or inside.get("_httpcore_stream")
    return None


def state_of(pool: Any, _frame: Any, look: Any) -> dict[str, Any]:
    """Of its requests, those without a connection wait; its connections count those that they had.

    Who waits for longest proves nothing here: a task that asks again at once may have the connection before it.
    """
    own = look.own(pool)
    requests = look.items(own.get("_requests"))
    waiting = [request for request in requests if look.own(request).get("connection", 0) is None]
    connections = look.items(own.get("_connections"))
    return {
        "size": own.get("_max_connections"), "taken": len(connections), "queued": len(waiting),
        "done": sum(look.number(look.attribute(each, "_connection", "_request_count")) or 0 for each in connections),
    }  # fmt: skip
