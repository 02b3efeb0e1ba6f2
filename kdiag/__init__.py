"""kdiag: attach to a running Python service by PID and learn what is wrong, where, and what to do.

For service authors, each imported when it is first asked for (`import kdiag` by itself imports nothing else):

- `install` and `uninstall` the door by which kdiag can look inside later;
- `handle_crash`, `recover_from_panic`, `handle_error`: no crash is lost, and `panic_handlers` hear of each;
  `kdiag.really_crash = False` keeps those from going on that pass a `handle_crash` which does not say;
- `GuardedMap`, `GuardedSet`, `GuardedOrderedDict`, `guard`, `guarded`: who changed it while I was iterating?
- `RWMutex`, `SyncMap`: what helps against that.
"""

import sys as _sys

__version__ = "0.1.0"
_HOMES = {
    "GuardedMap": "probe.guards",
    "GuardedOrderedDict": "probe.guards",
    "GuardedSet": "probe.guards",
    "RWMutex": "machinery.sync",
    "SyncMap": "machinery.sync",
    "guard": "probe.guards",
    "guarded": "probe.guards",
    "handle_crash": "machinery.runtime",
    "handle_error": "machinery.runtime",
    "install": "service",
    "panic_handlers": "machinery.runtime",
    "recover_from_panic": "machinery.runtime",
    "uninstall": "service",
}
__all__ = ["__version__", "really_crash", *_HOMES]  # noqa: PLE0604 - all of them are texts


def _part(name: str) -> object:
    from importlib import import_module  # noqa: PLC0415 - `import kdiag` imports nothing

    return import_module(f"{__name__}.{name}")


def __getattr__(name: str) -> object:
    """Fetch a part of the public interface when it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_part(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Kdiag(type(_sys)):
    """This module, with what can be set: it is set where it is read."""

    @property
    def really_crash(self) -> bool:
        """Whether crashes go on after the handlers, where `handle_crash` was not told; True at first."""
        return _part("machinery.runtime.crash").really_crash

    @really_crash.setter
    def really_crash(self, value: bool) -> None:
        _part("machinery.runtime.crash").really_crash = value


_sys.modules[__name__].__class__ = _Kdiag
