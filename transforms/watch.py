"""When every call would fail: seen from how the last segments ended. Pure.

A wrong configuration shows in the first payloads, all refused alike; an outage in
segments that one after the other used up their attempts. Both stop the run: what
follows would only cost time, or money.
"""

from __future__ import annotations

from dataclasses import dataclass

from transforms.codes import Verdict
from transforms.stopping import StopReason

EVERY_PAYLOAD_REFUSED = "EveryPayloadRefused"
OUTAGE = "Outage"

ENOUGH = 20
"""So many segments in a row are no accident."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What the segments that ended so far have in common.

    Attributes:
        refused_alike: how many segments were refused with ``code``, and nothing else
            has happened since the start; None once something else has.
        code: the code that they were refused with.
        given_up: how many segments in a row failed for a passing reason.
    """

    refused_alike: int | None = 0
    code: str = ""
    given_up: int = 0

    def answered(self) -> Watch:
        """After a segment that the service took, whether it heard something or not."""
        return Watch(refused_alike=None)

    def failed(self, code: str, verdict: Verdict) -> Watch:
        """After a segment that failed."""
        if verdict in (Verdict.TRANSIENT, Verdict.THROTTLED):
            return Watch(self.refused_alike, self.code, self.given_up + 1)
        alike = self.refused_alike is not None and self.code in ("", code)
        return Watch(self.refused_alike + 1 if alike and self.refused_alike is not None else None, code, 0)

    def reason(self) -> StopReason | None:
        """Why the run should stop; None where it should go on."""
        if self.refused_alike is not None and self.refused_alike >= ENOUGH:
            return StopReason(
                EVERY_PAYLOAD_REFUSED,
                f"the first {self.refused_alike} segments were all refused with {self.code}: the "
                "configuration is likely wrong. Compare recognition.engine and recognition.voice_format "
                "with the recordings. If it lay elsewhere, set input.retry_failed=all for the next run.",
            )
        if self.given_up >= ENOUGH:
            return StopReason(
                OUTAGE,
                f"{self.given_up} segments in a row failed for a passing reason, after every repeat that "
                "was allowed: the service or the network is down. Run the same command again later.",
            )
        return None
