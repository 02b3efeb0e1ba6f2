"""Where playbooks come from: those that kdiag ships, a person's own folder, and files by their path.

One of a person's own overrides a built-in one of the same name. Nothing is run that has a fault: `load` raises.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kdiag.core.playbooks.model import At, Playbook, Problem
from kdiag.core.playbooks.rules import did_you_mean, lint
from kdiag.engine.playbooks.conditions import check_part
from kdiag.engine.playbooks.parse import parse
from kdiag.errors import USAGE, KdiagError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Origin = Literal["built-in", "own", "file"]

_PACKAGE = Path(__file__).resolve().parents[2]
_LARGEST = 1 << 20


@dataclass(frozen=True)
class Checked:
    """A file, the playbook in it if its form is right, and all that is wrong."""

    file: Path
    origin: Origin
    playbook: Playbook | None
    problems: tuple[Problem, ...]

    @property
    def name(self) -> str:
        """The playbook's name, or that of its file."""
        return self.playbook.name if self.playbook else self.file.stem


def built_in_folder() -> Path:
    """Beside the package in a checkout, inside of it where it is installed."""
    beside = _PACKAGE.parent / "playbooks"
    return beside if (_PACKAGE.parent / "pyproject.toml").exists() and beside.is_dir() else _PACKAGE / "playbooks"


def own_folder() -> Path:
    """KDIAG_PLAYBOOKS, or kdiag/playbooks below the person's configuration."""
    given = os.environ.get("KDIAG_PLAYBOOKS")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kdiag" / "playbooks"


def check_file(file: Path, origin: Origin = "file") -> Checked:
    """A file and all that is wrong with it.

    Raises:
        KdiagError: `unreadable-file`.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except OSError as error:
        raise KdiagError(
            "unreadable-file", f"Cannot read {file}: {error.strerror or error}.", hint="kdiag playbook list",
            exit_code=USAGE,
        ) from error  # fmt: skip
    if len(content) > _LARGEST:
        return Checked(file, origin, None, (Problem(At(), "yaml", "The file is larger than 1 MiB."),))
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return Checked(file, origin, None, (Problem(At(line, 1), "yaml", "The file is not in UTF-8."),))
    playbook, problems = _checked_text(text, str(file))
    if playbook is not None:
        problems = tuple(sorted([*problems, *_missing_runbook(playbook, file)]))
    return Checked(file, origin, playbook, problems)


@lru_cache(maxsize=200)
def _checked_text(text: str, source: str) -> tuple[Playbook | None, tuple[Problem, ...]]:
    """The playbook of a text and what is wrong with it; kept, since the screen asks for the same ones again."""
    playbook, problems = parse(text, source)
    return playbook, tuple(problems) if playbook is None else (*problems, *lint(playbook, check_part))


def _missing_runbook(playbook: Playbook, file: Path) -> Iterator[Problem]:
    """A path is looked for from the folders above the file, as far as they have such a folder."""
    page = Path(playbook.runbook.text)
    if not playbook.runbook or "://" in playbook.runbook.text or page.is_absolute():
        return
    for folder in file.resolve().parents:
        if (folder / page.parent).is_dir():
            if not (folder / page).is_file():
                hint = f"kdiag playbook docs {playbook.name} --output {page}  writes it"
                yield Problem(playbook.runbook.at, "missing-runbook", f"There is no {page}.", hint)
            return


def all_files() -> list[Checked]:
    """The playbooks that are found by name: built-in ones, and the person's own instead of those they override."""
    found = {}
    folders: tuple[tuple[Origin, Path], ...] = (("built-in", built_in_folder()), ("own", own_folder()))
    for origin, folder in folders:
        for file in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
            checked = _checked(file, origin)
            found[checked.name] = checked
    return [found[name] for name in sorted(found)]


def _checked(file: Path, origin: Origin) -> Checked:
    """One that cannot be read is told as one with a problem: the others are good all the same."""
    try:
        return check_file(file, origin)
    except KdiagError as error:
        return Checked(file, origin, None, (Problem(At(), "yaml", error.message),))


def find(name: str) -> Checked:
    """A playbook by its name, or by the path of its file.

    Raises:
        KdiagError: `unknown-playbook`, `unreadable-file`.
    """
    if "/" in name or name.endswith((".yaml", ".yml")):
        return check_file(Path(name))
    known = {checked.name: checked for checked in all_files()}
    if name not in known:
        raise KdiagError(
            "unknown-playbook", f"There is no playbook {name!r}.",
            hint=did_you_mean(name, known) or "kdiag playbook list", exit_code=USAGE,
        )  # fmt: skip
    return known[name]


def load(checked: Checked) -> Playbook:
    """The playbook, if nothing is wrong with it.

    Raises:
        KdiagError: `bad-playbook`.
    """
    if checked.problems or checked.playbook is None:
        first = checked.problems[0]
        more = f" and {len(checked.problems) - 1} more" if len(checked.problems) > 1 else ""
        place = f"{checked.file}:{first.at.line}:{first.at.column}"
        raise KdiagError(
            "bad-playbook", f"{place}: {first.message}{more}", cause=first.hint,
            hint=f"kdiag playbook lint {checked.file}", exit_code=USAGE,
        )  # fmt: skip
    return checked.playbook


def chosen(names: Sequence[str]) -> list[Playbook]:
    """Those that are named, each once, or all.

    Raises:
        KdiagError: one is not there, or has a fault.
    """
    return [load(checked) for checked in (map(find, dict.fromkeys(names)) if names else all_files())]


def usable() -> tuple[list[Playbook], list[Checked]]:
    """Those that are found by name and have no fault; and those that have one, which must not keep the others back."""
    checked = all_files()
    faulty = [each for each in checked if each.problems or each.playbook is None]
    return [each.playbook for each in checked if each.playbook is not None and each not in faulty], faulty
