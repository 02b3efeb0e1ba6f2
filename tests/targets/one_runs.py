"""One thread runs, and how is told by the argument.

`main`: the main thread. `worker`: another one, while the main thread waits. `c`: the main thread is in one long call
into C, another one is parked. `audited`: the main thread, but the service allows no script to be run in it.
"""

from __future__ import annotations

import hashlib
import sys
import threading
import time

from tests.targets._ready import ready, stay, wait_until

LONG_ROUNDS = 1_000_000_000  # takes many minutes, with the GIL released


def work() -> None:
    while True:
        sum(range(1000))


def refuse(event: str, _arguments: object) -> None:
    if event.endswith("remote_debugger_script"):
        msg = "no scripts here"
        raise PermissionError(msg)


def ready_once_in_c() -> None:
    clock = time.pthread_getcpuclockid(threading.main_thread().ident or 0)

    def computes() -> bool:
        before = time.clock_gettime(clock)
        sum(range(20_000))  # whoever used a processor while we had the lock is in C
        return time.clock_gettime(clock) - before > 0.0001

    wait_until(computes, "the main thread computes without the lock")
    ready()


def main() -> None:
    mode = sys.argv[1]
    if mode == "audited":
        sys.addaudithook(refuse)
    if mode == "worker":
        threading.Thread(target=work, name="worker", daemon=True).start()
    if mode == "c":
        threading.Thread(target=stay, name="parked", daemon=True).start()
        threading.Thread(target=ready_once_in_c, name="ready", daemon=True).start()
        hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", LONG_ROUNDS)
    ready()
    (stay if mode == "worker" else work)()


if __name__ == "__main__":
    main()
