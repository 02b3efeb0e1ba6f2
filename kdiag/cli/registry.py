"""Which subcommands there are: name, summary, module. A module is imported only when its command is called."""

from __future__ import annotations

import difflib
import importlib
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


@dataclass(frozen=True, slots=True)
class Entry:
    """One subcommand: its summary for `--help`, and where its `command` lives."""

    summary: str
    module: str


COMMANDS = {
    "watch": Entry("Watch a process on a screen, live; `kdiag PID` is short for it.", "watch"),
    "diagnose": Entry("Say what is wrong with a running Python process, and what to do.", "diagnose"),
    "triage": Entry("Find out what is wrong by playbooks, and tell one story: what, why, what to do.", "triage"),
    "playbook": Entry("List, show, check, test and run playbooks.", "playbook"),
    "replay": Entry("Look again at what was recorded, at any moment of it.", "replay"),
    "ps": Entry("List the Python processes of this machine.", "ps"),
    "stacks": Entry("Show what every thread is doing, alike stacks grouped.", "stacks"),
    "profile": Entry("Record where a process spends its time.", "profile"),
    "run": Entry("Start a Python service so that kdiag can look inside it later.", "run"),
    "guard": Entry("Watch a dict of a running process: who writes to it, and who iterates.", "guard"),
    "pools": Entry("Show the thread pools of a process: how full, and where their workers sit.", "pools"),
    "locks": Entry("Show who waits for whom: locks, their holders, and circles.", "locks"),
    "tasks": Entry("Show asyncio's tasks as a tree: what each one awaits.", "tasks"),
    "gc": Entry("Show what the garbage collector of a process does, live.", "gc"),
    "memory": Entry("Show what grows in a process, and which container keeps it.", "memory"),
    "detach": Entry("Take kdiag's probe out of a process at once.", "detach"),
    "crashes": Entry("Say what ended processes that are gone, where they left a record.", "crashes"),
    "diff": Entry("Say what changed between two recordings or reports, and whether it got worse.", "diff"),
    "explain": Entry("Explain a verdict: meaning, detection, thresholds, remedies.", "explain"),
    "doctor": Entry("Say what this machine lets kdiag see, and how to get more.", "doctor"),
    "demo": Entry("Start a small sick service and watch kdiag diagnose it.", "demo"),
    "schema": Entry("Print the JSON Schema of reports, triages, comparisons or playbooks.", "schema"),
    "completion": Entry("Print the shell completion script.", "completion"),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called; `--help` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the registry: the main job first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported now."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = importlib.import_module(f"kdiag.cli.commands.{entry.module}").command
        assert isinstance(command, click.Command)  # noqa: S101 - a programming error, not an input
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by their summaries, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`kdiag PID` and its like stand for `kdiag watch PID`, and `kdiag` alone for the list, on a terminal."""
        return super().parse_args(ctx, watched(args, on_terminal=sys.stdout.isatty()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands, and processes where a number is begun."""
        found = super().shell_complete(ctx, incomplete)
        if incomplete.isdigit():
            from kdiag.cli.parameters import Pid  # noqa: PLC0415 - completion only

            found += Pid().shell_complete(ctx, ctx.command.params[0], incomplete)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one was meant.

        Raises:
            click.UsageError: there is no such command.
        """
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            close = difflib.get_close_matches(name, COMMANDS, n=1)
            if close or not sys.stdout.isatty():
                meant = f" Did you mean: kdiag {close[0]}" if close else ""
                raise click.UsageError(f"There is no command {name!r}.{meant}", ctx)
            args = ["watch", "--name", re.escape(name), *args[1:]]
        return super().resolve_command(ctx, args)


_TARGETS = ("--port", "--name")


def watched(args: list[str], *, on_terminal: bool) -> list[str]:
    """The arguments with the command that is left out: the name of a process stands for watching it."""
    if not args:
        return ["watch"] if on_terminal else args
    first, _, _ = args[0].partition("=")
    return ["watch", *args] if first.isdigit() or first in _TARGETS else args
