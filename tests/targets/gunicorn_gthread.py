"""Sick or healthy, as its traffic wants: a WSGI service under gunicorn, one gthread worker with four threads.

`/stuck` is pool-exhaustion once all four threads wait for a silent server. To blame: the line that receives. `/fast`
answers in 20 ms and `/` at once: with these two, or without traffic, the service is healthy. The PID in the ready line
is the worker's; its parent is gunicorn's arbiter. Says `saturated` when the last thread is taken.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import Any, Callable

from gunicorn.app.base import BaseApplication

from tests.targets._ready import listen, ready, say, settle

THREADS = 4

silent = listen()
stuck = threading.Semaphore(THREADS)


def report() -> bytes:
    with socket.create_connection(silent.getsockname()) as connection:
        if stuck.acquire(blocking=False) and stuck._value == 0:
            say(saturated=True)
        return connection.recv(64)  # CULPRIT


def price() -> bytes:
    time.sleep(0.02)
    return b"42"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    answer = {"/stuck": report, "/fast": price}.get(environ["PATH_INFO"], lambda: b"ok")
    body = answer()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


class Service(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn as a library: the same arbiter and worker as from its command line."""

    def load_config(self) -> None:
        options = {
            "bind": "127.0.0.1:0",
            "worker_class": "gthread",
            "workers": 1,
            "threads": THREADS,
            "timeout": 600,
            "loglevel": "warning",
            "post_worker_init": lambda worker: ready(port=worker.sockets[0].getsockname()[1]),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        return application


if __name__ == "__main__":
    settle()
    Service().run()
