"""Messages between host and probe: a length, then a JSON object, each bounded before anything is allocated for it.

It is separate because it is the one part that both sides use: the host imports it, the target is sent it.

A request is `{"id", "method", "params"}`, an answer `{"id", "result"}` or `{"id", "error": {"reference", "message"}}`.
Whoever accepts a connection first sends one byte: `WANTS_BUNDLE` while nothing is loaded, `SERVES` afterwards.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Message = dict[str, Any]

VERSION = 1
WANTS_BUNDLE = b"B"
SERVES = b"S"
MAX_REQUEST_BYTES = 64 * 1024
MAX_ANSWER_BYTES = 8 * 1024 * 1024
MAX_BUNDLE_BYTES = 4 * 1024 * 1024
MAX_REQUEST_BRACKETS = 256  # the parser recurses on them, and a thread of the target may have a very small stack
MAX_ID = 2**53
HEADER_BYTES = 4


class Request:
    """What a host asks for."""

    def __init__(self, number: int, method: str, params: Message) -> None:
        self.number = number
        self.method = method
        self.params = params


class WireError(Exception):
    """What came is no message. `framing_lost` says that nothing after it can be understood either."""

    def __init__(self, message: str, *, framing_lost: bool = False) -> None:
        super().__init__(message)
        self.framing_lost = framing_lost


class Decoder:
    """Cuts a stream of bytes into message bodies. It holds no more than one message and what was fed last."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._data = bytearray()

    @property
    def buffered(self) -> int:
        """How many bytes of an unfinished message are held."""
        return len(self._data)

    def feed(self, data: bytes) -> list[bytes]:
        """Take in `data` and return the bodies that are complete now.

        Raises:
            WireError: a length is beyond the limit; the stream cannot be followed any more.
        """
        self._data += data
        bodies = []
        start = 0
        while len(self._data) - start >= HEADER_BYTES:
            size = int.from_bytes(self._data[start : start + HEADER_BYTES], "big")
            if size > self._max_bytes:
                self._data.clear()
                raise WireError(f"a message of {size} bytes; {self._max_bytes} are allowed", framing_lost=True)
            end = start + HEADER_BYTES + size
            if len(self._data) < end:
                break
            bodies.append(bytes(self._data[start + HEADER_BYTES : end]))
            start = end
        del self._data[:start]
        return bodies


def frame(body: bytes, max_bytes: int) -> bytes:
    """Put the length before a body.

    Raises:
        WireError: it is longer than `max_bytes`.
    """
    if len(body) > max_bytes:
        raise WireError(f"a message of {len(body)} bytes; {max_bytes} are allowed")
    return len(body).to_bytes(HEADER_BYTES, "big") + body


def encode_request(number: int, method: str, params: Message) -> bytes:
    """Return the framed request.

    Raises:
        WireError: it is too long.
    """
    return frame(_dump({"id": number, "method": method, "params": params}), MAX_REQUEST_BYTES)


def encode_answer(number: int, result: Message) -> bytes:
    """Return the framed answer.

    Each value is encoded by itself, since the encoder keeps the interpreter to itself while it works.

    Raises:
        WireError: it is too long.
        TypeError, ValueError: a value is not JSON.
    """
    values = b",".join(_dump(name) + b":" + _dump(value) for name, value in result.items())
    return frame(b'{"id":%d,"result":{%b}}' % (number, values), MAX_ANSWER_BYTES)


def encode_error(number: int, reference: str, message: str) -> bytes:
    """Return the framed answer that says what was wrong."""
    return frame(_dump({"id": number, "error": {"reference": reference, "message": message}}), MAX_ANSWER_BYTES)


def decode(body: bytes) -> Message:
    """Return the JSON object in a body.

    Raises:
        WireError: it holds something else.
    """
    try:
        message = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise WireError(f"not JSON: {type(error).__name__}") from error
    if not isinstance(message, dict):
        raise WireError("not a JSON object")
    return message


def decode_request(body: bytes) -> Request:
    """Return the request in a body.

    Raises:
        WireError: it is none.
    """
    if body.count(b"[") + body.count(b"{") > MAX_REQUEST_BRACKETS:
        raise WireError("too many brackets")
    message = decode(body)
    number, method, params = message.get("id"), message.get("method"), message.get("params", {})
    if not (type(number) is int and 0 <= number <= MAX_ID and isinstance(method, str) and isinstance(params, dict)):
        raise WireError("not a request: it needs an id, a method and params")
    return Request(number, method, params)


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
