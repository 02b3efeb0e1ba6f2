"""Command lines and lines of source without their secrets: a report is made to be passed on.

Too much is hidden rather than too little: a hidden flag costs nothing, a leaked key costs a rotation. What is hidden
reads `***`, whatever its length. Separate, because everything that shows one goes through it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HIDDEN = "***"
Hide = Callable[[str], str]

_WORDS = (
    r"pass(?:word|wd|phrase|code)?s?|pwd|secrets?|tokens?|credentials?|creds?|auth(?:orization|entication)?|bearer"
    r"|api[-_.]?keys?|keys?|apikeys?|accesskeys?|secretkeys?|privatekeys?|cookies?|sessions?(?:[-_.]?id)?|signatures?|sig"
    r"|salt|pin|otp|jwt|sas|dsn|license"
)
# The last word of a name that speaks of where a secret lies, or of how it is handled, and so is none itself.
_HARMLESS = (
    r"file|files|path|dir|folder|name|names|id|type|kind|url|uri|host|port|env|var|ttl|timeout|expiry|expires|age|length|size"
    r"|bits|count|max|min|limit|backend|class|module|provider|method|mode|enabled|required|header|algorithm|hash|prefix|format"
)
_NAME = r"[A-Za-z0-9_.\-]*"
_SECRET_NAME = re.compile(rf"(?:^|[-_.])(?:{_WORDS})(?:$|[-_.\d])", re.IGNORECASE)
_HARMLESS_END = re.compile(rf"[-_.](?:{_HARMLESS})$", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SWITCHED_OFF = re.compile(r"^-+(?:no|without|disable|skip|use|enable|with)-", re.IGNORECASE)

_OPTION = re.compile(rf"^(-{{1,2}}{_NAME}|{_NAME})([=:])(.+)$", re.DOTALL)
_USERINFO = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]{0,30}://)([^/?#\s'\"]*)@")
_PAIR = re.compile(
    rf"""(?<![A-Za-z0-9_.\-])(['"]?)({_NAME}[A-Za-z])\1(\s*[=:]\s*)(?!//)"""  # name, as it is written, and separator
    r"""("[^"]*"|'[^']*'|[^\s&;,'"(){}\[\]]+)"""  # value
)
_SCHEME = re.compile(r"\b(bearer|basic|token|digest|negotiate)(\s+)([^\s'\",;]+)", re.IGNORECASE)
_KEY_BLOCK = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_KNOWN_TOKEN = re.compile(
    r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|sk-|sk_live_|rk_live_|pypi-|npm_|hf_|AKIA|ASIA|AIza|ya29\.|eyJ)"
    r"[A-Za-z0-9_.\-]{8,}"
)
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
_LONG = re.compile(r"[A-Za-z0-9+/_=\-]{20,}")
_CHARACTER = re.compile(r"\\.|[^\\\n]")  # of a literal; a line's end stays, and a backslash alone
_IN_BRACES = re.compile(r"(\{[^{}]*\})")
_SEPARATORS = re.compile(r"[/_\-]")


def redact_command(command: Sequence[str]) -> tuple[str, ...]:
    """The command line, argument by argument, with what is or may be a secret hidden."""
    redacted: list[str] = []
    hide_next = False
    for argument in command:
        if hide_next and not argument.startswith("--"):
            redacted.append(HIDDEN)
            hide_next = False
            continue
        redacted.append(_argument(argument))
        hide_next = _asks_for_secret(argument)
    return tuple(redacted)


def _asks_for_secret(argument: str) -> bool:
    """Whether the argument is an option whose value, the next argument, is a secret."""
    return argument.startswith("-") and "=" not in argument and " " not in argument and is_secret(argument)


def _argument(argument: str) -> str:
    option = _OPTION.match(argument)
    if option and is_secret(option[1]) and not option[3].startswith("//"):
        return f"{option[1]}{option[2]}{HIDDEN}"
    return redact_text(argument)


def redact_text(text: str) -> str:
    """Free text (an argument, a line of a profile) with the secrets that it shows hidden."""
    return _redacted(text, _hidden)


def redact_source(text: str) -> str:
    """A line of source with the secrets that it spells out hidden; names and calls stay, they are what it tells."""
    text = _USERINFO.sub(partial(_user, _hidden), text)
    text = _PAIR.sub(lambda match: _pair(_hidden, match) if match[4][0] in "'\"" else match[0], text)
    return _KNOWN_TOKEN.sub(HIDDEN, text)


def redact_layout(text: str, *, code: bool, secret: bool) -> str:
    """The text of a literal, where what is hidden takes as many bytes as before: all of it if it is a `secret`.

    With `code` the expressions in braces stay: it is an f-string's.
    """
    if secret:
        return _masked_around(text) if code else _masked(text)
    if not code:
        return _redacted(text, _masked)
    parts = _IN_BRACES.split(_USERINFO.sub(partial(_user, _masked_around), text))
    parts[::2] = [_redacted(part, _masked) for part in parts[::2]]
    return "".join(parts)


def _masked(secret: str) -> str:
    return _CHARACTER.sub(lambda match: "*" * len(match[0].encode("utf-8", "surrogatepass")), secret)


def _masked_around(secret: str) -> str:
    parts = _IN_BRACES.split(secret)
    parts[::2] = map(_masked, parts[::2])
    return "".join(parts)


def _hidden(_secret: str) -> str:
    return HIDDEN


def _redacted(text: str, hide: Hide) -> str:
    def whole(match: re.Match[str]) -> str:
        return hide(match[0])

    text = _USERINFO.sub(partial(_user, hide), _KEY_BLOCK.sub(whole, text))
    text = _SCHEME.sub(lambda match: f"{match[1]}{match[2]}{hide(match[3])}", text)
    text = _PAIR.sub(partial(_pair, hide), text)
    text = _UUID.sub(whole, _KNOWN_TOKEN.sub(whole, text))
    return _LONG.sub(lambda match: hide(match[0]) if _looks_random(match[0]) else match[0], text)


def _user(hide: Hide, match: re.Match[str]) -> str:
    return f"{match[1]}{hide(match[2])}@"


def _pair(hide: Hide, match: re.Match[str]) -> str:
    if not is_secret(match[2]):
        return match[0]
    quote, value = match[4][0] if match[4][0] in "'\"" else "", match[4]
    value = value[1:-1] if quote else value
    return f"{match[1]}{match[2]}{match[1]}{match[3]}{quote}{hide(value)}{quote}"


def is_secret(name: str) -> bool:
    """Whether a name (`--db-password`, `API_KEY`, `apiKey`) is that of a secret."""
    if _SWITCHED_OFF.match(name):
        return False
    words = _CAMEL.sub("_", name.lstrip("-"))
    return bool(_SECRET_NAME.search(words)) and not _HARMLESS_END.search(words)


def _looks_random(text: str) -> bool:
    """Whether a long word is a key rather than a name or a path: its letters and digits are mixed as in no word."""
    parts = _SEPARATORS.split(text)
    if len(text) >= 32 and _kinds(text) >= {"upper", "lower", "digit"}:
        changes = sum(_kind(a) != _kind(b) for part in parts for a, b in pairwise(part))
        if changes / len(text) >= 0.25:
            return True  # a key with slashes in it: its parts may be short
    longest = max(parts, key=len)
    if len(longest) < 16:
        return False
    kinds = _kinds(longest)
    if len(kinds) == 1:
        return kinds == {"digit"} and len(longest) >= 32
    return _bits(longest) >= (3.0 if "digit" in kinds else 4.0)


def _kinds(text: str) -> set[str]:
    return {_kind(character) for character in text}


def _kind(character: str) -> str:
    if character.isdigit():
        return "digit"
    return "upper" if character.isupper() else "lower" if character.islower() else "other"


def _bits(text: str) -> float:
    """Shannon entropy of the text's characters, in bits for each."""
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts)
