"""`kdiag stacks`: what every thread is doing now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from kdiag.cli import diagnostics, output
from kdiag.cli.parameters import attach_option, output_option, target_options
from kdiag.core.report import stacks
from kdiag.engine.look import look
from kdiag.engine.targets import find_pid

if TYPE_CHECKING:
    from pathlib import Path

    from kdiag.engine.inside import WayIn

_EPILOG = """\b
Examples:
  kdiag stacks 1234
  kdiag stacks 1234 --attach auto       which lock each thread waits for, and who holds it
  kdiag stacks --port 8000 --format json | jq '.stacks[0]'
"""


@click.command("stacks", epilog=_EPILOG)
@target_options
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@attach_option(
    default=None,
    help_="How to get in, for locks and their owners; `kdiag doctor PID` says which ways are open.  "
    "[default: a probe that is there already is asked, and none is brought in]",
)
@output_option
def command(
    pid: int | None, name: str | None, port: int | None, form: str, attach: WayIn | None, output_file: Path | None
) -> None:
    """Show the stacks of all threads, alike ones grouped, with what each waits for.

    PID is the process to look at. It is not stopped; whoever holds the GIL comes first.
    """
    output.check_writable(output_file)
    seen = look(find_pid(pid, name, port), attach)
    for problem in seen.limitations:
        diagnostics.warning(problem)
    if form == "json":
        data = stacks.to_json(seen.sample, seen.lines, collecting=seen.collecting, waits=seen.waits)
        data |= {"access": "stacks" if seen.method == "none" else "probe", "attach_method": seen.method}
        output.write([json.dumps(data, indent=2)], output_file)
        return
    style, width = output.style(output_file), output.width()
    lines = stacks.render(
        seen.sample, seen.lines, style, width, collecting=seen.collecting, waits=seen.waits, access=seen.access
    )
    output.write(lines, output_file)
