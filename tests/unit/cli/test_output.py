"""What is written to a pipe that nobody reads any more."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("written", ["write_bytes(b'x' * 2**20)", "write('x' * 99 for _ in range(9999))"])
def test_a_reader_that_has_gone_is_no_error(written: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-c", f"from kdiag.cli import output; output.{written}"],
            stdout=writer, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    finally:
        os.close(writer)

    assert (done.returncode, done.stderr) == (0, b"")
