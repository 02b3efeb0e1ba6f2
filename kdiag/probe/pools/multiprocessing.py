"""multiprocessing's Pool and ThreadPool, by the thread that looks after their workers and by the workers' own."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KIND = "multiprocessing.pool"
FRAMES = {
    ("multiprocessing.pool", "worker"): lambda frame, inner, look: "busy" if inner else "idle",  # noqa: ARG005
    ("multiprocessing.pool", "_handle_workers"): "manages",
    ("multiprocessing.pool", "wait"): "waits",
    ("multiprocessing.pool", "next"): "waits",
}


def pool_of(frame: Any, look: Any) -> Any:
    """What its workers take their tasks from; in the main thread of a worker process it is another's."""
    if frame.f_code.co_name in {"wait", "next"}:
        return look.attribute(look.local(frame, "self"), "_pool", "_inqueue")
    return look.local(frame, "inqueue") if frame.f_back is not None and look.is_in(frame.f_back, "threading") else None


def state_of(tasks: Any, frame: Any, look: Any) -> dict[str, Any]:
    """Threads take from a queue; processes from a pipe, so of these is known only what is not done yet."""
    size = look.local(frame, "processes")
    if look.is_simple_queue(tasks):
        items = look.items(tasks)
        return {"size": size, "queued": look.size(tasks), "first": items[0] if items else None}
    jobs = [look.own(job) for job in look.items(look.local(frame, "cache"))]
    left = [_left(job, look) for job in jobs]
    busy = min(sum(left), look.number(size) or 0)
    first = (jobs[0].get("_job"), left[0]) if jobs else None  # it moves with each chunk of a map
    return {"size": size, "taken": busy, "queued": sum(left) - busy, "first": hash(first) if first else None}


def _left(job: dict[str, Any], look: Any) -> int:
    """How many of a job's tasks are not done yet; one where it does not say."""
    chunks = look.number(job.get("_number_left"))
    length, index = look.number(job.get("_length")), look.number(job.get("_index"))
    if length is not None and index is not None:
        return int(length - index)
    return 1 if chunks is None else int(chunks)
