"""psycopg_pool's pools of connections to PostgreSQL, for threads and for asyncio."""

from __future__ import annotations

import weakref
from types import MethodType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MODULES = ("psycopg_pool.pool", "psycopg_pool.pool_async")


def _role(_frame: Any, inner: Any, look: Any) -> str | None:
    """It also gives one that is free."""
    return "waits" if any(look.runs(inner, module, "wait") for module in _MODULES) else None


KIND = "psycopg"
LENDS = "connection"
FRAMES = {
    **{(module, "_getconn_unchecked"): _role for module in _MODULES},
    **{(f"psycopg_pool.{module}", "run"): "manages" for module in ("sched", "sched_async")},
}
LENT = (("psycopg", "Connection"), ("psycopg", "AsyncConnection"))


def pool_of(frame: Any, look: Any) -> Any:
    """The pool itself, or of the thread that schedules its upkeep the pool that all of this is for."""
    value = look.local(frame, "self")
    if frame.f_code.co_name != "run":
        return value if "_nconns" in look.own(value) else None
    for task in look.items(look.own(value).get("_queue")):
        action = look.attribute(task, "action")
        reference = look.own(action.__self__).get("pool") if type(action) is MethodType else None
        if type(reference) is weakref.ref:
            return reference()
    return None


def pool_of_lent(connection: Any, look: Any) -> Any:
    """A connection knows its pool only while it is lent."""
    return look.own(connection).get("_pool")


def state_of(pool: Any, _frame: Any, look: Any) -> dict[str, Any]:
    """Who has given up, or was served, may still stand in the line. Its count of requests starts anew at times."""
    own = look.own(pool)
    waiting = [each for each in look.items(own.get("_waiting")) if _waits(each, look)]
    made, free = look.number(own.get("_nconns")), look.size(own.get("_pool"))
    taken = made - free if made is not None and free is not None else None
    counted = dict(look.pairs(own.get("_stats")))
    asked, failed = (look.number(counted.get(name, 0)) for name in ("requests_num", "requests_errors"))
    known = asked is not None and failed is not None and taken is not None
    return {
        "name": own.get("name"), "size": own.get("_max_size"), "taken": taken, "queued": len(waiting),
        "done": asked - failed - len(waiting) - taken if known else None,
    }  # fmt: skip


def _waits(client: Any, look: Any) -> bool:
    return look.attribute(client, "conn") is None and look.attribute(client, "error") is None
