"""`kdiag completion`: the shell's completion script (click writes it)."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from kdiag.cli import output
from kdiag.cli.main import cli

_EPILOG = """\b
Examples:
  kdiag completion bash > ~/.local/share/bash-completion/completions/kdiag
  kdiag completion zsh > "${fpath[1]}/_kdiag"
  kdiag completion fish > ~/.config/fish/completions/kdiag.fish
"""


@click.command("completion", epilog=_EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of a shell; it completes commands, options and the PIDs of Python processes."""
    completion = get_completion_class(shell)
    assert completion is not None  # noqa: S101 - click knows the three
    output.write(completion(cli, {}, "kdiag", "_KDIAG_COMPLETE").source().splitlines())
