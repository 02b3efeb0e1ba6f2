"""dramatiq's worker threads."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KIND = "dramatiq"
FRAMES = {
    ("dramatiq.worker", "run"): lambda frame, inner, look: (  # noqa: ARG005
        "busy" if look.runs(inner, "dramatiq.worker", "process_message") else "idle"
    ),
}


def pool_of(frame: Any, look: Any) -> Any:
    """The queue that all its worker threads take from; its consumers' threads have none."""
    own = look.own(look.local(frame, "self"))
    return own.get("work_queue") if "consumers" in own else None


def state_of(tasks: Any, _frame: Any, look: Any) -> dict[str, Any]:
    """Messages that were fetched from the broker; more may wait there."""
    items = look.items(tasks)
    return {"queued": look.size(tasks), "first": items[0] if items else None}
