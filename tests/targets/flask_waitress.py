"""Sick or healthy, as its traffic wants: a flask service under waitress with four threads.

`/stuck` is pool-exhaustion once all four threads wait for a silent server. To blame: the line that receives. `/fast`
answers in 20 ms and `/` at once: with these two, or without traffic, the service is healthy. Says `saturated` when the
last thread is taken.
"""

from __future__ import annotations

import logging
import socket
import threading
import time

import flask
import waitress

from tests.targets._ready import listen, ready, say

THREADS = 4

app = flask.Flask("shop")
silent = listen()
stuck = threading.Semaphore(THREADS)


@app.get("/stuck")
def report() -> bytes:
    with socket.create_connection(silent.getsockname()) as connection:
        if stuck.acquire(blocking=False) and stuck._value == 0:
            say(saturated=True)
        return connection.recv(64)  # CULPRIT


@app.get("/fast")
def price() -> str:
    time.sleep(0.02)
    return "42"


@app.get("/")
def health() -> str:
    return "ok"


def main() -> None:
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # one line for every request that has to queue
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=THREADS)
    ready(port=server.effective_port)
    server.run()


if __name__ == "__main__":
    main()
