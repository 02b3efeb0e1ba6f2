"""The options that several commands share: which process, how long, where to."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from kdiag.core.model import SEVERITIES
from kdiag.errors import USAGE, KdiagError

_UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"^\s*([+-]?\d+(?:\.\d+)?)\s*(ms|s|m|h|)\s*$")
_SHORTEST_S, _LONGEST_S = 0.5, 3600.0

Command = TypeVar("Command", bound=Callable[..., Any])


class Duration(click.ParamType[float]):
    """Seconds from "10s", "500ms", "2m", "1h" or a bare number of seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds of a duration's text.

        Raises:
            KdiagError: `bad-duration`.
        """
        if isinstance(value, float):
            return value
        match = _DURATION.match(value)
        if match is None:
            raise _bad_duration(f"{value!r} is no duration.")
        seconds = float(match[1]) * _UNITS[match[2]]
        if not _SHORTEST_S <= seconds <= _LONGEST_S:
            raise _bad_duration(f"{value!r} is out of range: from 500ms to 1h.")
        return seconds


def _bad_duration(message: str) -> KdiagError:
    return KdiagError("bad-duration", message, hint="Write it like 10s, 500ms or 2m.", exit_code=USAGE)


class Pid(click.IntRange):
    """A process id; completes to the Python processes of this machine."""

    name = "pid"

    def __init__(self) -> None:
        super().__init__(min=1, max=2**22)

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,
        incomplete: str,
    ) -> list[CompletionItem]:
        """Python processes whose PID starts like this, with their command as help."""
        from kdiag.engine.inventory import inventory  # noqa: PLC0415 - completion only

        return [
            CompletionItem(str(row.process.facts.pid), help=" ".join(row.command)[:60])
            for row in inventory()
            if str(row.process.facts.pid).startswith(incomplete)
        ]


def target_options(command: Command) -> Command:
    """`PID`, or `--name PATTERN`, or `--port N`."""
    command = click.option("--port", type=click.IntRange(1, 65535), help="The process that listens on this TCP port.")(
        command
    )
    command = click.option("--name", metavar="PATTERN", help="The process whose command line matches (regex).")(command)
    return click.argument("pid", type=Pid(), required=False)(command)


def output_option(command: Command) -> Command:
    """`--output FILE`."""
    return click.option(
        "-o",
        "--output",
        "output_file",
        type=click.Path(dir_okay=True, path_type=Path),
        help="Write to a file instead of stdout.",
    )(command)


class FailOn(click.Choice[str]):
    """A severity, or "never" (which becomes None)."""

    def __init__(self) -> None:
        super().__init__([*SEVERITIES, "never"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The severity; None for "never"."""
        chosen = super().convert(value, param, ctx)
        return None if chosen == "never" else chosen


def fail_options(command: Command) -> Command:
    """`--fail-on SEVERITY` and `--min-confidence C`."""
    command = click.option(
        "--min-confidence", type=click.FloatRange(0.0, 1.0), default=0.0, show_default=True,
        help="Findings less certain than this do not fail.",
    )(command)  # fmt: skip
    return click.option(
        "--fail-on", type=FailOn(), default="warning", show_default=True, help="Exit 1 from this severity on."
    )(command)


WAYS = ("auto", "preloaded", "pep768", "ptrace", "none")


def attach_option(*, default: str | None, help_: str) -> Callable[[Command], Command]:
    """`--attach WAY`."""
    return click.option(
        "--attach", type=click.Choice(WAYS), default=default, show_default=default is not None, help=help_
    )


def children_option(command: Command) -> Command:
    """`--children`."""
    return click.option("--children", is_flag=True, help="The Python processes below it too, worst first.")(command)


def record_option(command: Command) -> Command:
    """`--record FILE`."""
    return click.option(
        "--record", "record_file", type=click.Path(dir_okay=True, path_type=Path), metavar="FILE",
        help="Keep all that is seen, to look at it again: kdiag diagnose --from FILE.",
    )(command)  # fmt: skip
