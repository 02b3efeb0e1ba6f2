"""Everything that goes to standard error: errors, warnings, progress. Data belongs to `output`."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kdiag.core.report.layout import clean
from kdiag.core.report.style import COLOUR, PLAIN, Style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kdiag.core.model import Limitation
    from kdiag.errors import KdiagError

_ISSUES = "the project's issue tracker"


def style() -> Style:
    """Colours for standard error: none when it is no terminal or NO_COLOR is set."""
    return COLOUR if sys.stderr.isatty() and not os.environ.get("NO_COLOR") else PLAIN


def say(line: str) -> None:
    """Print one line of diagnostics; a closed standard error is no reason to fail."""
    try:
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - the one owner of standard error
    except OSError:
        return


def error(problem: KdiagError) -> None:
    """Render an error: reference and message, then cause and hint where there are any; names in it are the target's."""
    paint = style()
    say(f"{paint.paint('critical', 'error')}[{problem.reference}]: {clean(problem.message)}")
    for name, text in (("cause", problem.cause), ("hint", problem.hint)):
        for number, line in enumerate(text.splitlines()):
            say(f"  {f'{name}:' if number == 0 else ' ' * len(f'{name}:')} {clean(line)}")


def warning(problem: Limitation) -> None:
    """Render what cannot be looked at, with the remedy where there is one."""
    say(f"{style().paint('warning', 'warning')}[{problem.reference}]: {clean(problem.message)}")
    if problem.hint:
        say(f"  hint: {clean(problem.hint)}")


def cut_short(why: str) -> None:
    """Say that what was told is not of the whole time, and why; "" says nothing."""
    if why:
        say(f"{why[0].upper()}{why[1:]}: told is what was seen until then.")


def internal_error(crash: BaseException) -> None:
    """Render a fault of ours, with what a report about it needs."""
    frame = traceback.extract_tb(crash.__traceback__)[-1]
    reference = f"{type(crash).__name__}@{os.path.basename(frame.filename)}:{frame.lineno}"  # noqa: PTH119
    say(f"{style().paint('critical', 'error')}[internal-error]: kdiag itself failed: {crash!r}")
    say(f"  reference: {reference}")
    say(f"  hint: the target was not changed; report this with the lines below to {_ISSUES}")
    say("".join(traceback.format_exception(crash)).rstrip())


@contextmanager
def progress(title: str) -> Iterator[Callable[[float, float, str], None]]:
    """A live line while something takes seconds; on a plain stderr only its title, once.

    Yields:
        A function of (seconds done, seconds in all, what was seen so far).
    """
    if not sys.stderr.isatty():
        say(title)
        yield lambda _done, _total, _seen: None
        return
    from rich.console import Console  # noqa: PLC0415 - only where somebody watches
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TextColumn("{task.fields[seen]}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=1.0, seen="")
        yield lambda done, total, seen: bar.update(task, completed=done, total=total, seen=seen)
