"""urllib3's pools of connections, which requests uses: those with `block=True` make threads wait."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KIND = "urllib3"
LENDS = "connection"
FRAMES = {
    ("urllib3.connectionpool", "_get_conn"): lambda frame, inner, look: (  # noqa: ARG005
        "waits" if look.runs(inner, "queue", "get") else None
    ),
    ("urllib3.connectionpool", "_make_request"): "holds",
}
LENT = (("urllib3.response", "HTTPResponse"), ("requests.models", "Response"))


def pool_of(frame: Any, look: Any) -> Any:
    """A pool for one host."""
    pool = look.local(frame, "self")
    return pool if look.own(pool).get("block") is True else None


def pool_of_lent(value: Any, look: Any) -> Any:
    """Whose connection a response has that was not read to its end."""
    if look.is_a(value, *LENT[1]):
        value = look.own(value).get("raw")
    own = look.own(value)
    pool = own.get("_pool") if own.get("_connection") is not None else None
    return pool if look.own(pool).get("block") is True else None


def state_of(pool: Any, _frame: Any, look: Any) -> dict[str, Any]:
    """Its queue is filled with None, or a connection to be used again, for each one that is free."""
    own = look.own(pool)
    queue, host, port = own.get("pool"), own.get("host"), own.get("port")
    size, free = look.number(look.own(queue).get("maxsize")), look.size(queue)
    named = f"{host}:{port}" if type(host) is str and type(port) is int else host
    return {"name": named, "size": size, "taken": size - free if size and free is not None else None}
