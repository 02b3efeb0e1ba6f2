"""The registry knows its commands without importing them."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from kdiag.cli.main import cli
from kdiag.cli.registry import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_exists_and_has_help_with_examples(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    assert command.help
    assert "Examples:" in (command.epilog or "")


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from kdiag.cli.main import run; code = run(['--help']);"
        "heavy = {'psutil', 'textual', 'rich', 'msgspec', 'pystack', 'elftools', 'asyncio', 'kdiag.engine'}"
        " & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy or code else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
