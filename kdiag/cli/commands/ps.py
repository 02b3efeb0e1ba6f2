"""`kdiag ps`: the Python processes of this machine, and how deep each may be looked into."""

from __future__ import annotations

import json

import click

from kdiag.cli import output
from kdiag.engine.inventory import Row, inventory

_EPILOG = """\b
Examples:
  kdiag ps
  kdiag ps --format json | jq '.[] | select(.access == "stacks") | .pid'
"""
_COLUMNS = ("PID", "PYTHON", "UP", "CPU%", "RSS", "THR", "ACCESS", "COMMAND")


@click.command("ps", epilog=_EPILOG)
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(form: str) -> None:
    """List the Python processes of this machine.

    CPU% is of one core, on average since the start. ACCESS is how deep kdiag may look as you: "probe" where a probe is
    there already, or its door is open (kdiag run), "stacks" for everything that can be seen from outside, "process" for
    what the operating system tells everybody.
    """
    rows = inventory()
    if form == "json":
        output.write([json.dumps([row.to_json() for row in rows], indent=2)])
        return
    output.write(_table(rows))


def _table(rows: list[Row]) -> list[str]:
    cells = [_COLUMNS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_COLUMNS) - 1)]
    style, columns = output.style(), output.terminal_width()
    lines = []
    for number, line in enumerate(cells):
        left = "  ".join(
            cell.ljust(width) if column in {1, 6} else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=False))
        )
        text = f"{left}  {line[-1]}"[:columns]
        lines.append(style.paint("strong", text) if number == 0 else text)
    return lines if rows else ["No other Python process is running."]
