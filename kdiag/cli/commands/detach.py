"""`kdiag detach`: take the probe out of a process at once."""

from __future__ import annotations

import click

from kdiag.cli import output
from kdiag.cli.parameters import children_option, target_options
from kdiag.core.report.layout import clean
from kdiag.engine.detach import Detached, detach
from kdiag.engine.targets import find_pid

_EPILOG = """\b
Examples:
  kdiag detach 1234
  kdiag detach --port 8000 --children
"""


@click.command("detach", epilog=_EPILOG)
@target_options
@children_option
def command(pid: int | None, name: str | None, port: int | None, children: bool) -> None:
    """Take kdiag's probe out of a process at once, whoever else uses it.

    A probe also leaves by itself, 10 s after the last kdiag that used it has gone. The exit code is 0 when no probe is
    left, also when there was none, and 3 when the process cannot be reached.
    """
    output.write(_words(done) for done in detach(find_pid(pid, name, port), children=children))


def _words(done: Detached) -> str:
    where = f"process {done.pid} ({clean(done.label)})"
    if done.probe == "none":
        return f"no probe in {where}"
    others = f", although {done.others} other kdiag used it" if done.others else ""
    if done.probe == "rests":
        return f"the probe in {where} looks at nothing any more{others}; its door stays, since it was preloaded"
    return f"the probe has left {where}{others}"
