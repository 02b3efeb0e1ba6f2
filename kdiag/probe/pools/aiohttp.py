"""aiohttp's client: its connectors, whose limit makes tasks wait."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _role(_frame: Any, inner: Any, look: Any) -> str:
    """It also makes new connections."""
    return "waits" if look.runs(inner, "aiohttp.connector", "_wait_for_available_connection") else "holds"


KIND = "aiohttp"
LENDS = "connection"
FRAMES = {("aiohttp.connector", "connect"): _role, ("aiohttp.client_reqrep", "start"): "holds"}
LENT = (("aiohttp.client_reqrep", "ClientResponse"),)


def pool_of(frame: Any, look: Any) -> Any:
    """The connector of a session."""
    if frame.f_code.co_name == "start":  # of a response
        return look.attribute(look.local(frame, "connection"), "_connector")
    connector = look.local(frame, "self")
    return connector if "_waiters" in look.own(connector) else None


def pool_of_lent(value: Any, look: Any) -> Any:
    """Whose connection a response has that was not read to its end."""
    connection = look.attribute(value, "_connection")
    return look.attribute(connection, "_connector") if connection is not None else None


def state_of(connector: Any, _frame: Any, look: Any) -> dict[str, Any]:
    """Its waiters stand in a queue for each host. Nothing in it tells one use of a connection from the next."""
    own = look.own(connector)
    queues = look.items(own.get("_waiters"))
    waiting = [future for queue in queues for future in look.keys(queue)]
    return {
        "size": own.get("_limit"), "taken": look.size(own.get("_acquired")), "queued": len(waiting),
    }  # fmt: skip
