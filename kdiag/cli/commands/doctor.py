"""`kdiag doctor`: what this machine lets kdiag see."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from kdiag.cli import exit_codes, output
from kdiag.cli.parameters import Pid
from kdiag.engine.doctor import Check, checkup

if TYPE_CHECKING:
    from kdiag.core.report.style import Role, Style

_EPILOG = """\b
Examples:
  kdiag doctor
  kdiag doctor 1234        may process 1234 be looked into, by which ways entered, and if not, why
"""
_MARKS: dict[str, tuple[Role, str]] = {
    "ok": ("good", "ok"),
    "limited": ("warning", "limited"),
    "missing": ("critical", "missing"),
}


@click.command("doctor", epilog=_EPILOG)
@click.argument("pid", type=Pid(), required=False)
@click.option("-f", "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(pid: int | None, form: str) -> int:
    """Say what this machine lets kdiag see, and how to get more. With PID: of that process.

    The exit code is 3 when something that kdiag needs is missing.
    """
    checks = list(checkup(pid))
    if form == "json":
        output.write([json.dumps([check.to_json() for check in checks], indent=2)])
    else:
        output.write(line for check in checks for line in _lines(check, output.style()))
    return exit_codes.CANNOT_OBSERVE if any(check.status == "missing" for check in checks) else exit_codes.HEALTHY_EXIT


def _lines(check: Check, style: Style) -> list[str]:
    role, mark = _MARKS[check.status]
    lines = [f"{style.paint(role, mark.ljust(8))} {check.name}: {check.found}"]
    if check.fix:
        lines.append(f"         fix: {style.paint('command', check.fix)}")
    return lines
