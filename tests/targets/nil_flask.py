"""Sick or healthy, as its traffic wants: a flask service under waitress that looks up users.

`/greet` is nil-dereference: the user is never there, and flask makes an HTTP 500 of it. To blame: the line that reads
the user's name. `/known` is healthy, `/gone` answers 404 on purpose.
"""

from __future__ import annotations

import logging
from typing import Any

import flask
import waitress

from tests.targets._ready import ready

app = flask.Flask("shop")
USERS: dict[str, dict[str, str]] = {"ann": {"name": "Ann"}}


def find_user(login: str) -> Any:
    return USERS.get(login)


@app.get("/greet")
def greet() -> str:
    user = find_user("bob")  # ORIGIN
    return f"Hello {user['name']}"  # CULPRIT


@app.get("/known")
def known() -> str:
    user = find_user("ann")
    return f"Hello {user['name']}"


@app.get("/gone")
def gone() -> str:
    flask.abort(404)


def main() -> None:
    logging.basicConfig(filename="/dev/null")
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=4)
    ready(port=server.effective_port)
    server.run()


if __name__ == "__main__":
    main()
