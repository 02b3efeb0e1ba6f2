"""A host to be killed: `python -m tests.support.host PID WAY` attaches, uses everything, and stays.

It is a program of its own, because kill -9 is what it is for. It prints "asking", and "answered" when it is in.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, cast

from kdiag.attach.attachment import attach
from kdiag.attach.process import read_facts
from tests.support.visits import use

if TYPE_CHECKING:
    from kdiag.attach.attachment import Way


def main() -> None:
    """Attach and stay."""
    facts = read_facts(int(sys.argv[1]))
    print("asking", flush=True)
    attachment = attach(facts, cast("Way", sys.argv[2]))
    use(attachment)
    print("answered", flush=True)
    while True:
        use(attachment)
        time.sleep(0.05)


if __name__ == "__main__":
    main()
