"""Planned faults: which call is hit by what, decided by a seed alone.

A rule is written ``KIND[:ARGUMENT]=SHARE`` or ``KIND[:ARGUMENT]=first:N``, for
example ``throttle=0.1``, ``hang:30=0.02``, ``code:InternalError.ErrorRecognize=first:3``.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from transforms.errors import UsageError
from transforms.slips import did_you_mean


class FaultKind(str, Enum):
    """What happens to a call that a rule hits.

    The first five answer in place of the recognition and are not billed. The others
    spoil the delivery of an answer that was recognized, and billed, already.
    """

    THROTTLE = "throttle"
    """RequestLimitExceeded."""
    INTERNAL = "internal"
    """InternalError."""
    HTTP502 = "http502"
    """Status 502 with an HTML page, as a gateway answers."""
    CODE = "code"
    """The error code that the argument names."""
    CHARSET_CODE = "charset-code"
    """The same, with the content type ``application/json; charset=utf-8``."""
    RESET = "reset"
    """The connection is reset before any header."""
    TRUNCATE = "truncate"
    """The body ends in its middle."""
    SLOW = "slow"
    """The body drips over the argument's seconds."""
    HANG = "hang"
    """Nothing comes for the argument's seconds, then the right answer."""
    CHARSET = "charset"
    """The right answer as ``application/json; charset=utf-8``."""
    EMPTY = "empty"
    """An answer whose Result is null."""
    NOT_JSON = "notjson"
    """Status 200 and the right content type, but not JSON."""


UNBILLED: Final = frozenset(
    {FaultKind.THROTTLE, FaultKind.INTERNAL, FaultKind.HTTP502, FaultKind.CODE, FaultKind.CHARSET_CODE}
)
"""The kinds that keep a call from being recognized, and so from being billed."""

_DEFAULT_SECONDS: Final = {FaultKind.SLOW: 5.0, FaultKind.HANG: 30.0}
_WITH_CODE: Final = frozenset({FaultKind.CODE, FaultKind.CHARSET_CODE})


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One planned fault.

    Attributes:
        kind: what happens.
        share: the share of calls that are hit, 0 to 1.
        first_calls: hits every one of the first N calls, instead of a share.
        seconds: how long a slow or hanging answer takes.
        code: the error code of the kinds that answer one.
    """

    kind: FaultKind
    share: float = 0.0
    first_calls: int = 0
    seconds: float = 0.0
    code: str = ""


def parse_fault(text: str) -> FaultRule:
    """Reads a rule such as ``hang:30=0.02``.

    Raises:
        UsageError: the text is no rule; the message says what was expected.
    """
    head, equals, amount = text.strip().rpartition("=")
    name, colon, argument = head.partition(":")
    if not equals or name not in {kind.value for kind in FaultKind}:
        kinds = ", ".join(kind.value for kind in FaultKind)
        raise UsageError(
            f"fault {text!r}: expected KIND[:ARGUMENT]=SHARE or KIND[:ARGUMENT]=first:N, KIND one of {kinds}."
            + did_you_mean(name, [kind.value for kind in FaultKind])
        )
    kind = FaultKind(name)
    share, first_calls = _parse_amount(text, amount)
    if kind in _WITH_CODE:
        if not argument:
            raise UsageError(f"fault {text!r}: name the error code, as in {name}:InternalError=0.1")
        return FaultRule(kind, share, first_calls, code=argument)
    if kind in _DEFAULT_SECONDS:
        seconds = _parse_seconds(text, argument) if colon else _DEFAULT_SECONDS[kind]
        return FaultRule(kind, share, first_calls, seconds=seconds)
    if colon:
        raise UsageError(f"fault {text!r}: {name} takes no argument, write {name}={amount}")
    return FaultRule(kind, share, first_calls)


def check_shares(rules: Sequence[FaultRule]) -> None:
    """Refuses rules whose shares together exceed all calls.

    Raises:
        UsageError: the shares sum to more than 1.
    """
    total = sum(rule.share for rule in rules)
    if total > 1.0 + 1e-9:
        raise UsageError(f"the shares of the faults sum to {total:g}; together they may be 1 at most")


class FaultPlan:
    """Tells for the call of a number which rule hits it.

    Args:
        rules: tried in order: each first-N rule, then the shares, of which at most
            one hits a call.
        seed: the same seed and number always give the same answer.
    """

    def __init__(self, rules: Sequence[FaultRule], seed: int) -> None:
        self._rules = tuple(rules)
        self._seed = seed

    def draw(self, number: int) -> FaultRule | None:
        """Returns the rule that hits call ``number``, counted from 0, or None."""
        if not self._rules:
            return None
        for rule in self._rules:
            if number < rule.first_calls:
                return rule
        # One generator for each number, so that no order between threads matters.
        point = random.Random(f"fault:{self._seed}:{number}").random()
        for rule in self._rules:
            if point < rule.share:
                return rule
            point -= rule.share
        return None


def _parse_amount(text: str, amount: str) -> tuple[float, int]:
    """Reads a share or ``first:N``: (share, first calls)."""
    word, colon, count = amount.partition(":")
    if colon:
        if word == "first" and count.isdecimal() and int(count) > 0:
            return 0.0, int(count)
        raise UsageError(f"fault {text!r}: expected first:N with N of at least 1 after the =")
    try:
        share = float(amount)
    except ValueError:
        raise UsageError(f"fault {text!r}: {amount!r} is neither a share nor first:N") from None
    if not 0.0 <= share <= 1.0:
        raise UsageError(f"fault {text!r}: a share lies between 0 and 1")
    return share, 0


def _parse_seconds(text: str, argument: str) -> float:
    """Reads the seconds of a slow or hanging answer."""
    try:
        seconds = float(argument)
    except ValueError:
        raise UsageError(f"fault {text!r}: {argument!r} is not a number of seconds") from None
    if not 0.0 <= seconds <= 3600.0:
        raise UsageError(f"fault {text!r}: seconds lie between 0 and 3600")
    return seconds
