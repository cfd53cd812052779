"""Numbers, times and texts of strangers, written as people read them on a page. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timezone

# Control characters, halves of surrogate pairs, and the marks that turn the direction of what
# follows: with them a name can pretend to be another. Joiners stay: Persian and emoji need them.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_BLANKS = re.compile(r"[\t\r\n]+")
_ENGINE = re.compile(r"\d+k_([a-z]{2,3})")
_LANGUAGES = {"zh": "zh-Hans", "yue": "zh-HK"}
_UNITS = ("bytes", "KB", "MB", "GB", "TB")


def shown(text: str) -> str:
    r"""Text in which what cannot be seen is seen: ``\u202e`` instead of the mark; line breaks are spaces."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", _BLANKS.sub(" ", text))


def count(number: float) -> str:
    """A number with its thousands apart; whole from 100 on, else with at most two places."""
    if number == int(number) or abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:,.2f}".rstrip("0").rstrip(".")


def many(number: int, thing: str) -> str:
    """A number of things: ``1 call``, ``2 calls``."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def percent(share: float) -> str:
    """A share of 1; only none is 0 %, only all is 100 %."""
    value = 100 * share
    if 0 < value < 0.1:
        return "under 0.1 %"
    if 99.9 < value < 100:
        return "over 99.9 %"
    return f"{value:.0f} %" if value in (0, 100) or 10 <= value <= 99 else f"{value:.1f} %"


def duration(seconds: float) -> str:
    """A length of time in its two largest units, such as ``3 h 24 min``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds else "0 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _two(whole, 60, "min", 1, "s")
    if whole < 2 * 86400:
        return _two(whole, 3600, "h", 60, "min")
    return _two(whole, 86400, "days", 3600, "h")


def _two(whole: int, large: int, large_name: str, small: int, small_name: str) -> str:
    first, rest = divmod(whole, large)
    second = rest // small
    return f"{first:,} {large_name} {second} {small_name}" if second else f"{first:,} {large_name}"


def clock(ms: int) -> str:
    """A place in a recording: ``1:02.3``, ``1:01:02.3``."""
    tenths = ms // 100
    seconds, minutes = tenths // 10 % 60, tenths // 600
    hours = f"{minutes // 60}:" if minutes >= 60 else ""
    shown_minutes = f"{minutes % 60:02}" if hours else f"{minutes}"
    return f"{hours}{shown_minutes}:{seconds:02}.{tenths % 10}"


def size(size_bytes: float) -> str:
    """A size in the unit that fits, of 1,000 each."""
    unit = 0
    while size_bytes >= 999.5 and unit < len(_UNITS) - 1:
        size_bytes /= 1000
        unit += 1
    digits = 0 if size_bytes >= 9.95 or not unit else 1
    return f"{size_bytes:.{digits}f} {_UNITS[unit]}"


def instant(text: str) -> str:
    """An ISO 8601 time in UTC to the minute, such as ``22 Nov 2026, 18:29 UTC``; as it is if it is none."""
    try:
        moment = datetime.fromisoformat(text).astimezone(timezone.utc)
    except ValueError:
        return text
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


def language_of(engine: str) -> str:
    """The language tag (BCP 47) of an engine's texts; empty if its name does not tell."""
    found = _ENGINE.match(engine)
    return _LANGUAGES.get(found[1], found[1]) if found else ""
