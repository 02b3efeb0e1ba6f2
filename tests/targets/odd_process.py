"""Stress: a healthy process with one oddity, named by the argument, that a visitor must bear or be refused by.

Its main thread sleeps and answers; whatever the oddity does to it or to its work is told as a problem.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.targets._account import Inquiry, Ledger
from tests.targets._ready import ready, say, wait_until
from tests.targets._residue import snapshot

if TYPE_CHECKING:
    from types import FrameType

    from _typeshed import TraceFunction

# A child that was forked at the very instant when a probe got its first socket, before there is anything to make a fork
# wait for that; everything else of a probe must be gone.
STRAY = 100

ledger = Ledger()
problems: list[str] = []
kept: list[object] = []
heard: list[int] = []  # real-time signals, each of which the kernel queues


def account() -> dict[str, object]:
    return {"units": ledger.done, "right": ledger.right() and not problems, "problems": problems, "heard": sum(heard)}


def parked(count: int = 2) -> None:
    for number in range(count):
        threading.Thread(target=threading.Event().wait, name=f"parked-{number}", daemon=True).start()


def small_stacks() -> None:
    """All threads that Python starts from now on have the smallest stack that it allows."""
    for kilobytes in range(32, 256, 4):
        try:
            threading.stack_size(kilobytes * 1024)
            break
        except ValueError:
            continue
    parked()


def many_threads() -> None:
    """Two thousand of them."""
    threading.stack_size(256 * 1024)
    parked(2_000)


def traced() -> None:
    """A tracer sees all Python code of all threads, and does not like what is not the target's."""

    def trace(frame: FrameType, _event: str, _argument: object) -> TraceFunction:
        if frame.f_code.co_filename.startswith("<kdiag"):
            problems.append(f"{frame.f_code.co_filename}:{frame.f_code.co_name} was traced")
        return trace

    sys.settrace(trace)
    threading.settrace(trace)
    parked()


def audited() -> None:
    """An audit hook refuses sockets, compilation and imports, as a sandbox does."""

    def refuse(event: str, _arguments: object) -> None:
        if event in ("socket.__new__", "compile", "exec", "import", "os.mkdir"):
            raise PermissionError(event)

    parked()
    sys.addaudithook(refuse)


def importing() -> None:
    """A thread is in the midst of an import that does not end, and holds that module's lock."""
    folder = tempfile.mkdtemp(prefix="target-")
    Path(folder, "endless.py").write_text("import threading\nthreading.Event().wait()\n", encoding="utf-8")
    sys.path.insert(0, folder)
    threading.Thread(target=__import__, args=("endless",), name="importing", daemon=True).start()
    wait_until(lambda: "endless" in sys.modules, "the import")


def import_locked() -> None:
    """The one lock over all imports is held, for ten seconds at a time."""
    import _imp

    def hold() -> None:
        while True:
            _imp.acquire_lock()
            time.sleep(10.0)
            _imp.release_lock()
            time.sleep(0.1)

    threading.Thread(target=hold, name="importer", daemon=True).start()


def no_memory() -> None:
    """It may not map any more memory than it has."""
    parked()
    size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def no_descriptors() -> None:
    """It may not open any more files."""
    parked()
    used = len(os.listdir("/proc/self/fd")) - 1
    limit = used + 1  # one for the list in an account
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def no_processes() -> None:
    """It may not make any more threads; this binds no root."""
    parked()
    resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))


def shutting_down() -> None:
    """Its main thread has ended its work and waits for a thread that is no daemon."""
    threading.Thread(target=threading.Event().wait, name="last").start()


def subinterpreters() -> None:
    """A thread runs, and waits, in another interpreter."""
    if sys.version_info >= (3, 13):
        import _interpreters as interpreters  # type: ignore[import-not-found]
    else:
        import _xxsubinterpreters as interpreters  # type: ignore[import-not-found]
    created = interpreters.create()
    kept.append(created)
    code = "import time\nwhile True: time.sleep(0.5)"
    threading.Thread(target=interpreters.run_string, args=(created, code), name="other", daemon=True).start()


def foreign_threads() -> None:
    """Threads that Python knows nothing of, one of them with the smallest stack that there is."""
    libc = ctypes.CDLL(None)
    attributes = ctypes.create_string_buffer(64)
    libc.pthread_attr_init(attributes)
    libc.pthread_attr_setstacksize(attributes, 16 * 1024)
    entry = ctypes.cast(libc.pause, ctypes.c_void_p)
    for chosen in (attributes, None):
        handle = ctypes.c_ulong()
        if libc.pthread_create(ctypes.byref(handle), chosen, entry, None):
            problems.append("no thread")


def forking() -> None:
    """It forks all the time; each child looks at itself and must find nothing that its parent had not at first."""
    globals()["__warningregistry__"] = {}  # where the warning of a fork among threads will be noted
    own = {"threads", "python_threads", "main_thread"}
    clean = {key: value for key, value in snapshot().items() if key not in own}

    def look() -> int:
        found = snapshot()
        differing = [key for key, value in clean.items() if value != found[key]]
        if differing == ["descriptors"] and all(
            ":socket:" in each for each in set(found["descriptors"]) - set(clean["descriptors"])
        ):
            return STRAY
        if len(found["threads"]) != 1 or len(found["python_threads"]) != 1:
            differing.append("threads")
        if differing:
            say(child=[{key: (clean.get(key), found[key]) for key in differing}])
        return len(differing)

    number = 0
    while True:
        number += 1
        child = os.fork()
        if child == 0:
            os._exit(look())
        _, status = os.waitpid(child, 0)
        if status and status != STRAY << 8:
            problems.append(f"child {number} ended with {status}")
        ledger.enter(number)
        inquiry.answer()
        time.sleep(0.002)


def spawning() -> None:
    """It starts programs all the time: vfork, and a parent that waits within it."""

    number = 0
    while True:
        number += 1
        done = subprocess.run(["/bin/echo", str(number)], stdout=subprocess.PIPE, check=False)
        if done.returncode or done.stdout != b"%d\n" % number:
            problems.append(f"program {number}: {done}")
        ledger.enter(number)
        inquiry.answer()


def signalled() -> None:
    """It counts real-time signals, of which each must be heard: the interpreter's C handler writes a byte for each."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.signal(signal.SIGRTMIN, lambda *_: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=True)

    def count() -> None:
        while True:
            heard.append(os.read(reading, 4096).count(int(signal.SIGRTMIN)))

    threading.Thread(target=count, name="counter", daemon=True).start()


ODDITIES = (small_stacks, many_threads, traced, audited, importing, import_locked, no_memory, no_descriptors,
            no_processes, shutting_down, subinterpreters, foreign_threads, forking, spawning,
            signalled)  # fmt: skip
WORKING = (forking, spawning)  # in the main thread, which answers between two units

inquiry = Inquiry(account, at_once=sys.argv[1:2] not in (["forking"], ["spawning"]))


def main() -> None:
    chosen = next(each for each in ODDITIES if each.__name__ == sys.argv[1])
    snapshot()  # what it imports, it may not be able to later
    if chosen not in WORKING:
        chosen()
    ready()
    inquiry.open()
    if chosen is shutting_down:
        return
    if chosen in WORKING:
        chosen()
    while True:
        time.sleep(86_400.0)


if __name__ == "__main__":
    main()
