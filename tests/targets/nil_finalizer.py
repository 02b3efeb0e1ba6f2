"""Sick: nil-dereference. Sessions are closed by their `__del__`, which fails where they were never opened.

To blame: the line that closes the socket. The None is a class's default that only `open` replaces. With the argument
`healthy` every session is opened.
"""

from __future__ import annotations

import sys
import time

from tests.targets._ready import ready


class Socket:
    def close(self) -> None:
        pass


class Session:
    socket: Socket = None  # type: ignore[assignment]  # ORIGIN

    def open(self) -> None:
        self.socket = Socket()

    def __del__(self) -> None:
        self.socket.close()  # CULPRIT


def main() -> None:
    sys.unraisablehook = lambda _: None  # the service throws the message away
    healthy = sys.argv[1:] == ["healthy"]
    ready()
    while True:
        session = Session()
        if healthy:
            session.open()
        del session
        time.sleep(0.1)


if __name__ == "__main__":
    main()
