"""Runs a scene of `tests/targets/sensors` on a bare interpreter: isolated, with nothing of ours on its path.

Separate from `targets`: a scene loads the probe's sources from a copy, does its own account, and prints one object.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kdiag.probe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.interpreters import Interpreter

PROBE = Path(kdiag.probe.__file__).parent
_PLACE = "tests/targets/sensors"
SCENES = Path(__file__).parents[2] / _PLACE


@contextlib.contextmanager
def placed(python: Interpreter) -> Iterator[Path]:
    """A copy of the probe and the scenes where the interpreter can see it."""
    with tempfile.TemporaryDirectory(prefix="kdiag-scene-", dir=python.root / "tmp") as folder:
        root = Path(folder)
        root.chmod(0o755)
        shutil.copytree(PROBE, root / "probe", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(SCENES, root / _PLACE, ignore=shutil.ignore_patterns("__pycache__"))
        yield root


def started(
    python: Interpreter, folder: Path, scene: str, *arguments: object, options: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    """A scene that runs, with more options of the interpreter's."""
    script = Path("/") / folder.relative_to(python.root) / _PLACE / f"{scene}.py"
    command = [*python.argv_prefix, "-I", "-S", "-B", *options, str(script), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def play(
    python: Interpreter, scene: str, *arguments: object, timeout: float = 120.0, options: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Run a scene and return what it printed; it must print nothing else, and nothing on stderr."""
    with placed(python) as folder, started(python, folder, scene, *arguments, options=options) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        finally:
            process.kill()
    assert (process.returncode, err) == (0, ""), (out, err)
    said: dict[str, Any] = json.loads(out)
    return said
