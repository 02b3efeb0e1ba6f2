"""uvicorn's `limit_concurrency`: so many connections, less one, are served, and all others are told to come again."""

from __future__ import annotations

from types import MethodType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KIND = "uvicorn"
LENDS = "request slot"
FRAMES = {
    ("uvicorn.server", "main_loop"): "manages",
    ("uvicorn.protocols.http.h11_impl", "run_asgi"): "holds",
    ("uvicorn.protocols.http.httptools_impl", "run_asgi"): "holds",
}


def pool_of(frame: Any, look: Any) -> Any:
    """What a server and its connections share; None without a limit."""
    value = look.local(frame, "self")
    if frame.f_code.co_name == "run_asgi":  # of a request, which tells its connection when it is answered
        method = look.own(value).get("on_response")
        value = method.__self__ if type(method) is MethodType else None
    limited = look.number(look.attribute(value, "config", "limit_concurrency"))
    return look.own(value).get("server_state") if limited else None


def state_of(server: Any, _frame: Any, look: Any) -> dict[str, Any]:
    """Of a request that is answered the connection is still there, and so is what it was served with."""
    own = look.own(server)
    connections = look.items(own.get("connections"))
    limits = (look.number(look.attribute(each, "limit_concurrency")) for each in connections)
    cycles = (look.own(each).get("cycle") for each in connections)
    size = max(filter(None, limits), default=1) - 1
    return {
        "size": size,
        "taken": min(size, len(connections)),
        "done": own.get("total_requests"),
        "out": [each for each in cycles if each is not None and look.own(each).get("response_complete") is False],
    }
