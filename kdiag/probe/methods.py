"""What a host can ask a probe for.

It is separate from `lifecycle` so that what comes over the wire is checked in one place, before anything is done.
"""

from __future__ import annotations

import sys

from . import wire
from .server import Host, Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .lifecycle import Probe

MOST_NAMES = 32
MOST_TASKS = 2000
_TRIAL, _SCAN = "trial", "scan"  # what ends with its host


def answer(probe: Probe, host: Host, request: wire.Request) -> wire.Message:
    """Do what a host asks for.

    Raises:
        Refusal: it cannot be had.
    """
    method = _METHODS.get(request.method)
    if method is None:
        raise Refusal("unknown-method", f"there is no method {request.method[:40]!r}")
    return method(probe, host, request.params)


def _hello(probe: Probe, _host: Host, params: wire.Message) -> wire.Message:
    if params.get("version") != wire.VERSION:
        raise Refusal("wrong-version", f"this probe speaks version {wire.VERSION}")
    return {
        "version": wire.VERSION,
        "kdiag": probe.options["kdiag"],
        "pid": probe.pid,
        "python": list(sys.version_info[:3]),
        "build": _build(),
        "preloaded": probe.loaded is None,
        "sensors": probe.sensing.names,
        "boot_thread": probe.boot_threads[0],
        "hosts": len(probe.server.hosts),
        "crashes": probe.crashes.count,
    }


def _heartbeat(_probe: Probe, _host: Host, _params: wire.Message) -> wire.Message:
    return {}  # any request renews the lease


def _start(probe: Probe, _host: Host, params: wire.Message) -> wire.Message:
    names = params.get("sensors")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Refusal("bad-request", "start needs a list of sensors")
    for name in names:
        if name not in probe.sensing.known:
            raise Refusal("unknown-sensor", f"there is no sensor {name[:40]!r}")
    probe.sensing.start(names)
    return {"sensors": probe.sensing.names}


def _read(probe: Probe, _host: Host, params: wire.Message) -> wire.Message:
    wanted = params.get("sensors")
    if not isinstance(wanted, dict) or not all(type(since) is int for since in wanted.values()):
        raise Refusal("bad-request", "read needs sensors, and for each the number to begin after")
    for name in wanted:
        if name not in probe.sensing.names:
            raise Refusal("sensor-not-started", f"no sensor {name[:40]!r} runs")
    return {name: probe.sensing.data(name, since) for name, since in wanted.items()}


def _cost(probe: Probe, _host: Host, _params: wire.Message) -> wire.Message:
    return {
        **probe.cost.report(probe.sensing.hook_s),
        "stretch": probe.sensing.stretch,
        "dropped": probe.sensing.dropped,
        "buffered": probe.sensing.buffered,
        "crashes": probe.crashes.count,
        "last_crash": probe.crashes.last,
    }


def _bye(probe: Probe, host: Host, _params: wire.Message) -> wire.Message:
    probe.leaving = len(probe.server.hosts) == 1
    host.leaving = not probe.leaving  # the last one's connection ends when all is gone
    return {}


def _leave(probe: Probe, _host: Host, _params: wire.Message) -> wire.Message:
    probe.leaving = True
    return {"stays": probe.loaded is None}


def _children(probe: Probe, _host: Host, params: wire.Message) -> wire.Message:
    if not isinstance(params.get("follow"), bool):
        raise Refusal("bad-request", "children needs follow, true or false")
    probe.follow_children = params["follow"]
    return {}


def _guard(probe: Probe, _host: Host, params: wire.Message) -> wire.Message:
    names = params.get("names")
    if not isinstance(names, list) or not 0 < len(names) <= MOST_NAMES or not all(isinstance(n, str) for n in names):
        raise Refusal("bad-request", f"guard needs a list of names like module:NAME, {MOST_NAMES} at most")
    return {"watched": _of_maps(probe, "guard", names)}


def _scan(probe: Probe, host: Host, params: wire.Message) -> wire.Message:
    if not isinstance(params.get("on"), bool):
        raise Refusal("bad-request", "scan needs on, true or false")
    if params["on"]:
        count = _of_maps(probe, "scan", True)
        host.at_end[_SCAN] = lambda: _scan_no_more(probe)
        return {"count": count}
    host.at_end.pop(_SCAN, None)
    _scan_no_more(probe)
    return {"count": 0}


def _scan_no_more(probe: Probe) -> None:
    """End the scan, unless another host wants it."""
    if probe.sensing.sensor("maps") and not any(_SCAN in each.at_end for each in probe.server.hosts.values()):
        _of_maps(probe, "scan", False)


def _of_maps(probe: Probe, method: str, argument: Any) -> Any:
    sensor: Any = probe.sensing.sensor("maps")
    if sensor is None:
        raise Refusal("sensor-not-started", "no sensor 'maps' runs")
    from .guards.named import NotFound  # noqa: PLC0415 - the sensor has loaded it

    try:
        return getattr(sensor, method)(argument)
    except NotFound as error:
        raise Refusal(error.reference, str(error)) from None


def _collections(probe: Probe, _host: Host, params: wire.Message) -> wire.Message:
    if type(params.get("since")) is not int:
        raise Refusal("bad-request", "collections needs since, the number to begin after")
    return _collector(probe).trace(params["since"])  # type: ignore[no-any-return]


def _tasks(probe: Probe, _host: Host, params: wire.Message) -> wire.Message:
    most = params.get("most")
    if type(most) is not int or not 0 < most <= MOST_TASKS:
        raise Refusal("bad-request", f"tasks needs most, {MOST_TASKS} at most")
    sensor: Any = probe.sensing.sensor("threads")
    if sensor is None:
        raise Refusal("sensor-not-started", "no sensor 'threads' runs")
    return sensor.tasks(most, prove=params.get("prove") is True)  # type: ignore[no-any-return]


def _try(probe: Probe, host: Host, params: wire.Message) -> wire.Message:
    action, values = params.get("action"), params.get("thresholds")
    trial = _collector(probe).trial
    from .sensors.gc_trial import MOST, CannotTry  # noqa: PLC0415 - the sensor has loaded it

    fit = isinstance(values, list) and 1 <= len(values) <= 3 and all(type(n) is int and 0 <= n <= MOST for n in values)
    if action not in {"freeze", "thresholds"} or (action == "thresholds" and not fit):
        raise Refusal("bad-request", "what can be tried is freeze, or thresholds with one to three numbers")
    try:
        if params.get("check") is True:
            trial.check(freezes=action == "freeze")
            return {}
        if action == "freeze":
            trial.freeze()
        else:
            trial.set_thresholds(values)
    except CannotTry as error:
        raise Refusal(error.reference, str(error)) from None
    host.at_end[_TRIAL] = trial.undo
    return {}


def _keep(probe: Probe, _host: Host, _params: wire.Message) -> wire.Message:
    _collector(probe).trial.keep()
    _disown_trial(probe)
    return {}


def _disown_trial(probe: Probe) -> None:
    """Let the next trial end with its own host, not with the one of a trial that is over."""
    for host in probe.server.hosts.values():
        host.at_end.pop(_TRIAL, None)


def _undo(probe: Probe, _host: Host, _params: wire.Message) -> wire.Message:
    trial = _collector(probe).trial
    _disown_trial(probe)
    return {"undone": trial.undo() or trial.undo_kept()}


def _trace(probe: Probe, _host: Host, params: wire.Message) -> wire.Message:
    seconds, sensor = params.get("seconds"), probe.sensing.sensor("allocations")
    if not isinstance(seconds, (int, float)) or not seconds > 0:
        raise Refusal("bad-request", "trace needs seconds")
    if sensor is None:
        raise Refusal("sensor-not-started", "no sensor 'allocations' runs")
    allocations: Any = sensor
    allocations.trace(seconds)
    return {}


def _collector(probe: Probe) -> Any:
    sensor: Any = probe.sensing.sensor("gc")
    if sensor is None:
        raise Refusal("sensor-not-started", "no sensor 'gc' runs")
    return sensor


_METHODS = {
    "hello": _hello,
    "heartbeat": _heartbeat,
    "start": _start,
    "read": _read,
    "cost": _cost,
    "bye": _bye,
    "leave": _leave,
    "children": _children,
    "guard": _guard,
    "scan": _scan,
    "collections": _collections,
    "tasks": _tasks,
    "trace": _trace,
    "try": _try,
    "keep": _keep,
    "undo": _undo,
}


def _build() -> str:
    if hasattr(sys, "gettotalrefcount"):
        return "debug"
    return "free-threaded" if "t" in getattr(sys, "abiflags", "") else "release"
