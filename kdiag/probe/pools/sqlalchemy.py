"""SQLAlchemy's pools of connections: QueuePool, and what derives from it."""

from __future__ import annotations

import weakref
from types import CoroutineType, MethodType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KIND = "sqlalchemy"
LENDS = "connection"
_BASE = "sqlalchemy.pool.base"
_USES = ("execute", "exec_driver_sql", "_execute_context", "_cursor_execute", "_commit_impl", "_rollback_impl")


def _role(_frame: Any, inner: Any, look: Any) -> str | None:
    """It also makes new connections."""
    return "waits" if look.runs(inner, "sqlalchemy.util.queue", "get") else None


FRAMES = {
    ("sqlalchemy.pool.impl", "_do_get"): _role,
    **{("sqlalchemy.engine.base", name): "holds" for name in _USES},
    # asyncio's: a task awaits for a greenlet that is in one of the pool's functions
    **{(f"sqlalchemy.util.{module}", "greenlet_spawn"): "waits" for module in ("concurrency", "_concurrency_py3k")},
}
LENT = (
    ("sqlalchemy.engine.base", "Connection"), ("sqlalchemy.orm.session", "Session"), (_BASE, "_ConnectionFairy"),
    ("sqlalchemy.ext.asyncio.engine", "AsyncConnection"), ("sqlalchemy.ext.asyncio.session", "AsyncSession"),
)  # fmt: skip


def pool_of(frame: Any, look: Any) -> Any:
    """Of a pool that hands a connection out, or of a connection that is used."""
    if frame.f_code.co_name == "greenlet_spawn":
        return _awaited(frame, look)
    value = look.local(frame, "self")
    return value if look.is_a(value, "sqlalchemy.pool.impl", "QueuePool") else pool_of_lent(value, look)


def pool_of_lent(value: Any, look: Any) -> Any:
    """Whose connection something of `LENT` is, or has taken."""
    for record in _records_of(value, look):
        pool = _pool_of_record(record, look)
        if look.is_a(pool, "sqlalchemy.pool.impl", "QueuePool"):
            return pool
    return None


def known(look: Any) -> list[Any]:
    """The pools that have lent anything."""
    found = {id(pool): pool for _, pool in _lent(look)}
    return [pool for pool in found.values() if look.is_a(pool, "sqlalchemy.pool.impl", "QueuePool")]


def state_of(pool: Any, _frame: Any, look: Any) -> dict[str, Any]:
    """`_overflow` counts from minus the size on, so that it is nothing when the pool itself is full."""
    own = look.own(pool)
    queue = own.get("_pool")
    inside = look.own(_queue_of(pool, look))
    size, more, over = look.attribute(queue, "maxsize"), own.get("_max_overflow"), own.get("_overflow")
    free = look.size(look.own(queue).get("queue", inside.get("_queue")))
    waiting = inside.get("_getters")
    known = look.number(size) is not None and free is not None and type(more) is int and type(over) is int
    return {
        "name": own.get("_orig_logging_name") or look.attribute(pool, "_dialect", "name"),
        "size": size + more if known and more >= 0 else None,
        "taken": size - free + over if known else None,
        "queued": look.size(waiting),
        "first": next(iter(look.items(waiting)), None),
        "out": [loan for loan, its in _lent(look) if its is pool],
    }


def _queue_of(pool: Any, look: Any) -> Any:
    """The asyncio.Queue that tasks wait in."""
    return look.own(look.own(pool).get("_pool")).get("_queue")


def _awaited(frame: Any, look: Any) -> Any:
    """The pool that a task waits for: its engine's, its session's, or else one that has lent anything."""
    queue = _awaited_queue(look.local(frame, "result"), look)
    if queue is None:
        return None
    method = look.local(frame, "fn")
    asked = look.own(method.__self__) if type(method) is MethodType else {}
    near = (asked.get("pool"), look.own(asked.get("bind")).get("pool"))
    pools = (pool for several in (lambda: near, lambda: known(look)) for pool in several())
    return next((pool for pool in pools if _queue_of(pool, look) is queue), None)


def _awaited_queue(coroutine: Any, look: Any) -> Any:
    """The one whose `get` a coroutine is, or is the limit in time of."""
    frame = coroutine.cr_frame if type(coroutine) is CoroutineType else None
    if frame is None:
        return None
    method = look.local(frame, "fn")
    queue = method.__self__ if type(method) is MethodType else look.local(frame, "self")
    return queue if look.is_a(queue, "asyncio.queues", "Queue") else None


def _records_of(value: Any, look: Any) -> list[Any]:
    """A session may have taken connections of several pools."""
    if look.is_a(value, *LENT[3]) or look.is_a(value, *LENT[4]):
        value = look.attribute(value, "sync_connection") or look.attribute(value, "sync_session")
    if look.is_a(value, *LENT[1]):
        taken = look.own(look.own(value).get("_transaction")).get("_connections")
        connections = [each[0] for each in look.items(taken) if type(each) is tuple and each]
        return [record for connection in connections for record in _records_of(connection, look)]
    if look.is_a(value, *LENT[0]):
        value = look.own(value).get("_dbapi_connection")
    record = look.attribute(value, "_connection_record") if look.is_a(value, *LENT[2]) else None
    return [record] if record is not None else []


def _lent(look: Any) -> list[tuple[Any, Any]]:
    """What tells each loan from others, and its pool.

    2.1 has a finalizer for each, which the standard library numbers; before that there is a mapping of its own, by
    weak references to what is given to whoever asks.
    """
    lent = look.module(_BASE).get("_strong_ref_connection_records")
    if type(lent) is dict:
        return [(loan, _pool_of_record(record, look)) for loan, record in look.pairs(lent)]
    ends = look.module(_BASE).get("_finalize_fairy")
    found = []
    for info in look.items(weakref.finalize._registry):  # type: ignore[attr-defined]
        if look.attribute(info, "func") is ends:
            given = look.items(look.attribute(info, "args"))
            record = next((each for each in given if look.is_a(each, _BASE, "_ConnectionRecord")), None)
            found.append((look.attribute(info, "index"), _pool_of_record(record, look)))
    return found


def _pool_of_record(record: Any, look: Any) -> Any:
    return look.attribute(record, "_ConnectionRecord__pool")
