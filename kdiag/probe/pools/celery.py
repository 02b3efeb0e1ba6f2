"""Celery's pool, by the loop of its main process; with `--pool threads` its workers are concurrent.futures', too."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KIND = "celery"
_REQUESTS = ("reserved_requests", "active_requests")
FRAMES = {("celery.worker.loops", "asynloop"): "manages", ("celery.worker.loops", "synloop"): "manages"}


def pool_of(frame: Any, look: Any) -> Any:
    """What its consumer hands tasks to."""
    return look.own(look.local(frame, "obj")).get("pool")


def state_of(pool: Any, _frame: Any, look: Any) -> dict[str, Any]:
    """Tasks that were fetched from the broker; more may wait there."""
    state = look.module("celery.worker.state")
    reserved, active = (look.size(look.own(state.get(name)).get("data")) or 0 for name in _REQUESTS)
    return {
        "size": look.attribute(pool, "limit"), "taken": active, "queued": max(0, reserved - active),
        "done": sum(filter(None, map(look.number, look.items(state.get("total_count"))))),
    }  # fmt: skip
