"""The report as one HTML page that needs nothing else: to be handed to a colleague, kept in a ticket, or printed.

- It asks no network for anything, and a Content-Security-Policy holds it to that: only its own script and style run.
- Text of the target's enters through `markup` alone, which escapes it.
- It is written as lines of plain Python, since the core is the standard library: see docs/decisions/0019.
- How much of a large process it shows is bounded (boxes, stacks), and what it leaves out it says.
"""

from kdiag.core.report.html.page import render
from kdiag.core.report.html.triage import triage

__all__ = ["render", "triage"]
