"""The TCP sockets of a process, from its own network namespace: states, and the work that waits in them.

It is separate from the process source because psutil does not give the queues, and because the text of
`/proc/PID/net/tcp` is parsed purely.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_STATES = {
    "01": "ESTABLISHED", "02": "SYN_SENT", "03": "SYN_RECV", "04": "FIN_WAIT1", "05": "FIN_WAIT2", "06": "TIME_WAIT",
    "07": "CLOSE", "08": "CLOSE_WAIT", "09": "LAST_ACK", "0A": "LISTEN", "0B": "CLOSING",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sockets:
    """TCP sockets of one process.

    Attributes:
        by_state: count by TCP state.
        peers: count by "TCP STATE peer", for descriptors that grow.
        backlog: connections that wait to be accepted plus accepted ones with unread bytes.
        listening_ports: local ports in LISTEN.
    """

    by_state: dict[str, int]
    peers: dict[str, int]
    backlog: int
    listening_ports: tuple[int, ...]


NO_SOCKETS = Sockets({}, {}, 0, ())


def parse_sockets(lines: Iterable[str], inodes: Collection[int]) -> Sockets:
    """The sockets among `inodes` in the lines of `/proc/PID/net/tcp` and `tcp6` (headers may be among them)."""
    states: Counter[str] = Counter()
    peers: Counter[str] = Counter()
    ports, backlog = set(), 0
    for line in lines:
        words = line.split()
        if len(words) < 10 or not words[0].endswith(":") or int(words[9]) not in inodes:
            continue
        state = _STATES.get(words[3], words[3])
        waiting = int(words[4].partition(":")[2], 16)  # LISTEN: connections to accept; else: unread bytes
        states[state] += 1
        if state == "LISTEN":
            ports.add(int(words[1].rpartition(":")[2], 16))
            peers["TCP LISTEN"] += 1
            backlog += waiting
        else:
            peers[f"TCP {state} to {_address(words[2])}"] += 1
            backlog += waiting > 0
    return Sockets(dict(states), dict(peers), backlog, tuple(sorted(ports)))


def _address(text: str) -> str:
    """Host and port of the kernel's hexadecimal form; the host of IPv6 in short, as the kernel's words."""
    host, _, port = text.partition(":")
    words = [host[i : i + 8] for i in range(0, len(host), 8)]
    octets = bytes.fromhex(words[-1])[::-1]  # the last word of a v4-mapped IPv6 address is the IPv4 address
    dotted = ".".join(str(octet) for octet in octets)
    if len(words) == 1 or host.startswith("0000000000000000FFFF0000"):
        return f"{dotted}:{int(port, 16)}"
    groups = "".join(bytes.fromhex(word)[::-1].hex() for word in words)
    return f"[{':'.join(groups[i : i + 4] for i in range(0, 32, 4))}]:{int(port, 16)}"


def read_sockets(pid: int, inodes: Collection[int]) -> Sockets:
    """The TCP sockets of a process among the socket inodes of its descriptors."""
    lines: list[str] = []
    for name in ("tcp", "tcp6"):
        try:
            lines += Path(f"/proc/{pid}/net/{name}").read_text().splitlines()
        except OSError:  # no IPv6, or the process is gone
            continue
    return parse_sockets(lines, inodes)
