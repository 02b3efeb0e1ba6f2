"""Loads the probe's modules from memory, under a package name of our own, and takes them out again.

It is separate because it is the first thing in the bundle: stage 0 runs its source as it is, outside of any package.
Modules are compiled when they are first imported, so that the service never waits for more than one small one.
"""

from __future__ import annotations

import os
import sys
from time import monotonic, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

REST_S, LONG_REST_S = 0.0005, 0.004
ModuleSpec: Any = type(sys.__spec__)  # without importing importlib, which a service may never have done


class Loaded:
    """A finder and loader that answers for one private package only; the last in line, so it delays nobody."""

    def __init__(self, sources: dict[str, bytes], options: dict[str, Any]) -> None:
        self.package = f"_kdiag_{os.urandom(4).hex()}"
        self._sources = sources
        self.options = options
        self._rests = True

    def load(self) -> None:
        """Make the package importable."""
        package: Any = type(sys)(self.package, "The probe of kdiag, while it is here.")
        package.__path__ = []
        package.__loader__ = self
        package.__version__ = self.options["kdiag"]
        package.__spec__ = ModuleSpec(self.package, self, is_package=True)
        sys.modules[self.package] = package
        sys.meta_path.append(self)

    def unload(self) -> None:
        """Take the finder and all modules out; what still runs in them runs on, and then they are garbage."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for name in [name for name in sys.modules if name.partition(".")[0] == self.package]:
            sys.modules.pop(name, None)
        linecache = sys.modules.get("linecache")
        for file in [file for file in getattr(linecache, "cache", ()) if file.startswith("<kdiag>/")]:
            linecache.cache.pop(file, None)  # type: ignore[union-attr]

    def after_fork_in_child(self) -> None:
        """Be gone from a child that was forked while the probe was being loaded: nobody goes on with it there."""
        self.unload()

    def import_module(self, name: str) -> Any:
        """Import a module by its name below the package."""
        __import__(f"{self.package}.{name}")
        return sys.modules[f"{self.package}.{name}"]

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        """Answer Python's question for a module."""
        package, _, inner = name.partition(".")
        if package != self.package:
            return None
        is_package = inner + "." in self._sources
        if not is_package and inner not in self._sources:
            return None
        spec = ModuleSpec(name, self, origin=self._file(inner, is_package), is_package=is_package)
        spec.has_location = True
        return spec

    def create_module(self, spec: object) -> None:
        """Let Python make the module object."""

    def exec_module(self, module: Any) -> None:
        """Run a module's source in it."""
        spec = module.__spec__
        homes = self.options["homes"].get(spec.name.partition(".")[2])
        if homes is not None:
            module.__getattr__ = lambda name: self._from_part(module, homes, name)
            return
        code = compile(self._source(spec.name), spec.origin, "exec", dont_inherit=True)
        exec(code, module.__dict__)  # noqa: S102 - importing is just this
        self._rest()

    def _rest(self) -> None:
        """Let the service have the interpreter before we want it again, as `turns` does and for the same reasons."""
        if self._rests:
            began = monotonic()
            sleep(REST_S)
            self._rests = monotonic() - began < LONG_REST_S

    def get_source(self, name: str) -> str:
        """Return a module's source: what shows the stacks of our threads asks for it."""
        return self._source(name).decode()

    def _from_part(self, package: Any, homes: dict[str, str], name: str) -> Any:
        """Find a name that a package takes from one of its parts, when it is first asked for."""
        if name not in homes:
            raise AttributeError(name)
        inner = package.__name__.partition(".")[2]
        value = getattr(self.import_module(f"{inner}.{homes[name]}"), name)
        setattr(package, name, value)
        return value

    def _source(self, name: str) -> bytes:
        inner = name.partition(".")[2]
        return self._sources[inner + "." if inner + "." in self._sources else inner]

    @staticmethod
    def _file(inner: str, is_package: bool) -> str:
        return f"<kdiag>/{inner.replace('.', '/')}{'/__init__' if is_package else ''}.py"


def load(bundle: Any, folder: str, listener: Any, peer: Any, boot_thread: int) -> None:
    """Load the bundle and let its server take over the door and the first host; stage 0 calls this."""
    loaded = Loaded(bundle[1], bundle[2])
    import_threading()
    forks = sys._kdiag_at_fork  # type: ignore[attr-defined]  # stage 0 has made it
    forks.append(loaded)
    try:
        loaded.load()
        loaded.import_module("probe.lifecycle").take_over(loaded, folder, listener, peer, boot_thread)
    except BaseException:
        loaded.unload()
        raise
    finally:
        forks.remove(loaded)


def import_threading() -> None:
    """Import `threading` so that it knows the main thread, whoever imports it first.

    Up to 3.12 it takes the thread that imports it first for the main thread, and when the interpreter ends it asserts
    on a lock that went with that thread. From 3.13 on it asks the interpreter.
    """
    import threading  # noqa: PLC0415 - most services have; where not, it is our doing and must be put right
    from _thread import allocate_lock, get_ident  # noqa: PLC0415

    main: Any = threading._main_thread  # type: ignore[attr-defined]
    if main._ident != get_ident() or sys.version_info >= (3, 13):
        return
    lock = allocate_lock()
    lock.acquire()
    with threading._active_limbo_lock:  # type: ignore[attr-defined]
        threading._active.pop(main._ident, None)  # type: ignore[attr-defined]
        main._ident, main._native_id = oldest_thread(), os.getpid()
        threading._active[main._ident] = main  # type: ignore[attr-defined]
    with threading._shutdown_locks_lock:  # type: ignore[attr-defined]
        threading._shutdown_locks.discard(main._tstate_lock)  # type: ignore[attr-defined]
        threading._shutdown_locks.add(lock)  # type: ignore[attr-defined]
    main._tstate_lock = lock  # held until the interpreter ends: then `threading` lets it go


def oldest_thread() -> int:
    """The identifier of the thread that the interpreter knows longest: the main thread.

    The collector is off meanwhile: on 3.11 a collection within that call can deadlock the process (cpython #106883).
    """
    import gc  # noqa: PLC0415

    enabled = gc.isenabled()
    gc.disable()
    try:
        return list(sys._current_frames())[-1]  # the interpreter lists its newest thread first
    finally:
        if enabled:
            gc.enable()
