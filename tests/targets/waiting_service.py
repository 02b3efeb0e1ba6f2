"""Healthy: a service that waits for connections, in accept, or with the argument `poll` in a selector; answers each."""

from __future__ import annotations

import selectors
import sys
from typing import TYPE_CHECKING

from tests.targets._ready import listen, ready

if TYPE_CHECKING:
    import socket

ANSWER = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"


def serve_one(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(1024)
        connection.sendall(ANSWER)


def main() -> None:
    server = listen()
    selector = selectors.DefaultSelector()
    if sys.argv[1:] == ["poll"]:
        selector.register(server, selectors.EVENT_READ)
    ready(port=server.getsockname()[1])
    while True:
        if selector.get_map():
            selector.select()
        serve_one(server)


if __name__ == "__main__":
    main()
