"""aiohttp's client: its connectors, whose limit makes tasks wait."""

from __future__ import annotations

from types import MethodType

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
    """Its waiters stand in a queue for each host; where the limit is one for hosts, the one that most wait for."""
    own = look.own(connector)
    waiting = [(_host(key), look.size(queue)) for key, queue in look.pairs(own.get("_waiters"))]
    size, by_host, acquired = look.number(own.get("_limit")), own.get("_limit_per_host"), own.get("_acquired")
    name, queued = None, sum(count for _, count in waiting)
    if waiting and by_host and not (size and (look.size(acquired) or 0) >= size):
        name, queued = max(waiting, key=lambda each: each[1])
        size = by_host
        acquired = next((its for key, its in look.pairs(own.get("_acquired_per_host")) if _host(key) == name), None)
    return {
        "name": name, "size": size, "taken": look.size(acquired), "queued": queued,
        "out": [_loan(connection, look) for connection in look.items(acquired)],
    }  # fmt: skip


def _host(key: Any) -> str | None:
    """Of a named tuple, by no comparison of what else is in it."""
    host, port = (tuple.__getitem__(key, place) for place in (0, 1))
    return f"{host}:{port}" if type(host) is str and type(port) is int else None


def _loan(connection: Any, look: Any) -> Any:
    """What is made anew for each request: the future of its answer, then the response that waits for the body's end.

    A connection without a parser is new, or lost: nobody will get it after the one who has it. What a websocket has
    cannot be told from what the next one has.
    """
    ends = look.items(look.attribute(connection, "_payload", "_eof_callbacks"))
    responses = (each.__self__ for each in ends if type(each) is MethodType)
    unused = connection if look.attribute(connection, "_parser") is None else None
    return next((each for each in (look.attribute(connection, "_waiter"), *responses) if each is not None), unused)
