"""Names for addresses in native code: the function of the mapped file whose symbol covers them.

A stripped file names its exported functions only. An address that none of them covers gets no name, rather than that
of the nearest one.

It is separate from `perf_events` because it reads files, after all samples are taken.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from kdiag.attach.maps import MappedFile, mapped_files, read_maps
from kdiag.attach.symbols import open_image
from kdiag.core.model.native import NativeProfile, NativeSymbol
from kdiag.errors import KdiagError
from kdiag.sources.perf_events import HERTZ

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kdiag.sources.perf_events import PerfEvents

_NOT_A_FILE = "[not in a file]"  # code that a compiler has made while the program ran


def profile_of(pid: int, events: PerfEvents) -> NativeProfile:
    """What the samples say; names are looked up while the process is there.

    Raises:
        KdiagError: its memory map cannot be read.
    """
    found: Counter[tuple[str, str]] = Counter()
    by_file = _by_file(mapped_files(read_maps(pid)), events.addresses)
    for file, addresses in by_file.items():
        names = _names(pid, file, addresses) if file is not None else {}
        for address, count in addresses.items():
            found[names.get(address, ""), file.name if file is not None else _NOT_A_FILE] += count
    symbols = tuple(NativeSymbol(name, file, count) for (name, file), count in found.most_common())
    samples = sum(events.addresses.values())
    return NativeProfile(symbols, samples, events.lost, events.threads, events.threads_in_all, HERTZ)


def _by_file(files: Iterable[MappedFile], addresses: Mapping[int, int]) -> dict[MappedFile | None, dict[int, int]]:
    code = sorted(
        ((each.start, each.end, file) for file in files for each in file.mappings if "x" in each.permissions),
        key=lambda each: each[0],
    )
    starts = [start for start, _, _ in code]
    found: dict[MappedFile | None, dict[int, int]] = defaultdict(dict)
    for address, count in addresses.items():
        index = bisect_right(starts, address) - 1
        inside = index >= 0 and address < code[index][1]
        found[code[index][2] if inside else None][address] = count
    return found


def _names(pid: int, file: MappedFile, addresses: Iterable[int]) -> dict[int, str]:
    """The names of the functions that cover addresses of one file; none where the file cannot be read."""
    try:
        with open_image(pid, file) as image:
            functions = sorted(image.elf.functions())
            starts = [value for value, _, _ in functions]
            found = {}
            for address in addresses:
                place = address - image.bias
                index = bisect_right(starts, place) - 1
                if index >= 0 and place < functions[index][0] + functions[index][1]:
                    found[address] = functions[index][2]
            return found
    except KdiagError:
        return {}
