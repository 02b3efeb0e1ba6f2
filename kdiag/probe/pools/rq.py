"""RQ's worker: one job at a time, as a rule in a process of its own."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_MODULES = ("rq.worker", "rq.worker.base", "rq.worker.worker_classes")
_JOBS = ("execute_job", "monitor_work_horse", "perform_job")


def _role(_frame: Any, inner: Any, look: Any) -> str:
    """It waits for a message of the broker, or it has a job."""
    return "busy" if any(look.runs(inner, module, *_JOBS) for module in _MODULES) else "idle"


KIND = "rq"
FRAMES = {(module, "work"): _role for module in _MODULES}


def pool_of(frame: Any, look: Any) -> Any:
    """The worker."""
    return look.local(frame, "self")


def state_of(worker: Any, frame: Any, look: Any) -> dict[str, Any]:
    """Its queue is in the broker. It counts jobs itself; what counts for statistics is counted there, too."""
    done = look.local(frame, "completed_jobs") if frame is not None else None
    return {"name": look.own(worker).get("name"), "size": 1, "done": done}
