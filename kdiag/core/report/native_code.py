"""The native functions that a process computes in, as `perf top` lists them, as text or as data.

Separate from the profile by py-spy, whose frames are Python's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kdiag.core.report.layout import clean, table, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kdiag.core.model.native import NativeProfile

_ROWS = 12
_NO_SYMBOL = "(no symbol)"


def render(profile: NativeProfile, width: int) -> Iterator[str]:
    """The profile in lines for people."""
    if not profile.samples:
        yield "It computed nothing in user space while native code was sampled."
        return
    of_all = f" of {profile.threads_in_all}" if profile.threads < profile.threads_in_all else ""
    said = f"Native code: {profile.samples:,} samples of {profile.threads}{of_all} threads, "
    said += f"{profile.hertz} a second of CPU at most." + (f" {profile.lost:,} more were lost." if profile.lost else "")
    yield from wrap(said, width)
    rows = [("SHARE", "SAMPLES", "FUNCTION", "FILE")]
    for each in profile.symbols[:_ROWS]:
        share = f"{each.samples / profile.samples:.1%}"
        rows.append((share, f"{each.samples:,}", clean(each.name) or _NO_SYMBOL, clean(each.file)))
    yield from table(rows, "", numbers=frozenset({0, 1}))


def to_json(profile: NativeProfile) -> dict[str, Any]:
    """The same as data."""
    return {
        "samples": profile.samples, "lost": profile.lost, "threads": profile.threads,
        "threads_in_all": profile.threads_in_all, "hertz": profile.hertz,
        "symbols": [
            {
                "function": each.name or None, "file": each.file, "samples": each.samples,
                "share": round(each.samples / profile.samples, 4),
            }
            for each in profile.symbols
        ],
    }  # fmt: skip
