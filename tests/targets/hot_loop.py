"""Sick: cpu-hot-loop. A service that listens, with one background thread that searches a list over and over.

To blame: the loop of `find`.
"""

from __future__ import annotations

import threading

from tests.targets._ready import listen, ready

ARTICLES = [f"article {n}" for n in range(50_000)]


def find(name: str) -> int:
    position = 0
    while ARTICLES[position] != name:  # CULPRIT
        position += 1  # CULPRIT
    return position


def reindex() -> None:
    while True:
        for name in reversed(ARTICLES):
            find(name)


def main() -> None:
    server = listen()
    threading.Thread(target=reindex, name="reindex", daemon=True).start()
    ready(port=server.getsockname()[1])
    while True:
        connection, _ = server.accept()
        with connection:
            connection.recv(1024)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")


if __name__ == "__main__":
    main()
