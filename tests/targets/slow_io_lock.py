"""Healthy: a thread holds a lock during slow I/O (2 s of 3) and another one wants it now and then. Not a deadlock: it
moves; not contention: the one waiter has all the time in the world and waits less than it does not.
"""

from __future__ import annotations

import socket
import threading
import time

from tests.targets._ready import ready, stay

file_lock = threading.Lock()


def copy_file(tape: socket.socket) -> None:
    while True:
        with file_lock:
            tape.recv(1)
        time.sleep(1.0)


def rewind(tape: socket.socket) -> None:
    while True:
        time.sleep(2.0)
        tape.sendall(b"x")
        time.sleep(1.0)


def look() -> None:
    while True:
        with file_lock:
            pass
        time.sleep(1.9)


def main() -> None:
    reading, writing = socket.socketpair()
    threading.Thread(target=copy_file, args=(reading,), name="copy", daemon=True).start()
    threading.Thread(target=rewind, args=(writing,), name="tape", daemon=True).start()
    threading.Thread(target=look, name="look", daemon=True).start()
    ready()
    stay()


if __name__ == "__main__":
    main()
