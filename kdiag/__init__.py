"""kdiag: attach to a running Python service by PID and learn what is wrong, where, and what to do.

For service authors, each imported when it is first asked for (`import kdiag` by itself imports nothing else):

- `install` and `uninstall` the door by which kdiag can look inside later;
- `handle_crash`, `recover_from_panic`, `handle_error`: no crash is lost, and `panic_handlers` hear of each;
  `kdiag.really_crash = False` keeps those from going on that pass a `handle_crash` which does not say;
- `GuardedMap`, `GuardedSet`, `GuardedOrderedDict`, `guard`, `guarded`: who changed it while I was iterating?
- `RWMutex`, `SyncMap`: what helps against that.
"""

import sys as _sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType as _Module

    from kdiag.machinery.runtime import handle_crash, handle_error, panic_handlers, recover_from_panic
    from kdiag.machinery.sync import RWMutex, SyncMap
    from kdiag.probe.guards import GuardedMap, GuardedOrderedDict, GuardedSet, guard, guarded
    from kdiag.service import install, uninstall

    really_crash: bool
else:
    _Module = type(_sys)

__version__ = "0.1.0"
__all__ = [
    "GuardedMap",
    "GuardedOrderedDict",
    "GuardedSet",
    "RWMutex",
    "SyncMap",
    "__version__",
    "guard",
    "guarded",
    "handle_crash",
    "handle_error",
    "install",
    "panic_handlers",
    "really_crash",
    "recover_from_panic",
    "uninstall",
]

_RUNTIME, _SYNC, _GUARDS, _SERVICE = "machinery.runtime", "machinery.sync", "probe.guards", "service"
_HOMES = {
    "GuardedMap": _GUARDS,
    "GuardedOrderedDict": _GUARDS,
    "GuardedSet": _GUARDS,
    "RWMutex": _SYNC,
    "SyncMap": _SYNC,
    "guard": _GUARDS,
    "guarded": _GUARDS,
    "handle_crash": _RUNTIME,
    "handle_error": _RUNTIME,
    "install": _SERVICE,
    "panic_handlers": _RUNTIME,
    "recover_from_panic": _RUNTIME,
    "uninstall": _SERVICE,
}


def __getattr__(name: str) -> object:
    """Fetch a part of the public interface when it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - `import kdiag` imports nothing

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Kdiag(_Module):
    """This module, with what can be set: it is set where it is read."""

    @property
    def really_crash(self) -> bool:
        """Whether crashes go on after the handlers, where `handle_crash` was not told; True at first."""
        from kdiag.machinery.runtime import crash  # noqa: PLC0415

        return crash.really_crash

    @really_crash.setter
    def really_crash(self, value: bool) -> None:
        from kdiag.machinery.runtime import crash  # noqa: PLC0415

        crash.really_crash = value


_sys.modules[__name__].__class__ = _Kdiag
