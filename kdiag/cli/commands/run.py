"""`kdiag run`: start a service with the probe's door in it."""

from __future__ import annotations

import os

import click

from kdiag.engine.launch import launch, replace_process
from kdiag.errors import USAGE, KdiagError

_EPILOG = """\b
Examples:
  kdiag run app.py --port 8000                 with the python3 of PATH
  kdiag run -m shop.server
  kdiag run -- gunicorn shop:app --workers 4   the workers too
  kdiag run -- uvicorn shop:app
  kdiag diagnose --name shop                   later: from inside, without ptrace
"""


@click.command(
    "run",
    epilog=_EPILOG,
    # Everything from the command's first word on is the command's own.
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("words", metavar="COMMAND [ARGUMENTS]...", nargs=-1, type=click.UNPROCESSED)
def command(words: tuple[str, ...]) -> None:
    """Start a Python service so that kdiag can look inside it later without ptrace and without root.

    kdiag puts a folder first on PYTHONPATH and then becomes the command: the PID, the signals and the exit code are
    the service's own. Each Python process of it, children included, keeps a door open for its own user; nothing else
    runs in it until somebody attaches. A script, -m MODULE and -c CODE are run with the python3 of PATH.

    It cannot reach a Python that is started with -I, -E or -S, nor a program that is not Python.
    """
    if not words:
        raise KdiagError("usage", "Name the command to run.", hint="kdiag run -- python app.py", exit_code=USAGE)
    replace_process(launch(words, os.environ))
