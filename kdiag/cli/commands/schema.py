"""`kdiag schema`: the contracts of what is written as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kdiag.cli import output
from kdiag.cli.parameters import output_option
from kdiag.core.playbooks import shape
from kdiag.core.report import schema

if TYPE_CHECKING:
    from pathlib import Path

_EPILOG = """\b
Examples:
  kdiag schema > kdiag-report-v1.schema.json
  kdiag schema triage > kdiag-triage-v1.schema.json
  kdiag schema diff > kdiag-diff-v1.schema.json
"""
_PLAYBOOK = "playbook"


@click.command("schema", epilog=_EPILOG)
@click.argument("name", type=click.Choice([*schema.NAMES, _PLAYBOOK]), default="report")
@output_option
def command(name: str, output_file: Path | None) -> None:
    """Print the JSON Schema of what a command writes with --format json, or of playbooks.

    NAME is report (diagnose, the default), triage, diff, or playbook.
    """
    output.write((shape.text() if name == _PLAYBOOK else schema.text(name)).splitlines(), output_file)
