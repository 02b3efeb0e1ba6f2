"""Sick: fd-leak. Twenty descriptors a second are opened and never closed, up to 2,000: files, or `sockets`.

To blame: the line that opens. From outside the kind, the path or the peer can be seen, not the line.
"""

from __future__ import annotations

import resource
import socket
import sys
import time
from pathlib import Path
from typing import IO

from tests.targets._ready import listen, ready

AT_MOST = 2_000

kept: list[object] = []


def open_template() -> IO[str]:
    return Path(__file__).open()  # CULPRIT


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * AT_MOST), hard))
    server = listen(backlog=AT_MOST)
    ready(port=server.getsockname()[1])
    while True:
        if len(kept) < AT_MOST:
            if sys.argv[1:] == ["sockets"]:
                kept.append(socket.create_connection(server.getsockname()))  # CULPRIT
            else:
                kept.append(open_template())
        time.sleep(0.05)


if __name__ == "__main__":
    main()
