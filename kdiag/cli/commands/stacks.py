"""`kdiag stacks`: what every thread is doing now."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from kdiag.cli import output
from kdiag.cli.parameters import output_option, target_options
from kdiag.core.report import stacks
from kdiag.engine.look import look
from kdiag.engine.targets import find_pid

if TYPE_CHECKING:
    from pathlib import Path

_EPILOG = """\b
Examples:
  kdiag stacks 1234
  kdiag stacks --port 8000 --format json | jq '.stacks[0]'
"""


@click.command("stacks", epilog=_EPILOG)
@target_options
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@output_option
def command(pid: int | None, name: str | None, port: int | None, form: str, output_file: Path | None) -> None:
    """Show the stacks of all threads, alike ones grouped, with what each waits for.

    PID is the process to look at. It is not stopped; whoever holds the GIL comes first.
    """
    output.check_writable(output_file)
    seen = look(find_pid(pid, name, port))
    if form == "json":
        data = stacks.to_json(seen.sample, seen.lines, collecting=seen.collecting)
        output.write([json.dumps(data, indent=2)], output_file)
        return
    style, width = output.style(output_file), output.width()
    output.write(stacks.render(seen.sample, seen.lines, style, width, collecting=seen.collecting), output_file)
