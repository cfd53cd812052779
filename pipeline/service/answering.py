"""One call from the bytes received to the answer: checks, faults, bill, recognition."""

from __future__ import annotations

import hashlib
import json
import random
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from pipeline.service.authentication import HttpCall
from pipeline.service.checks import check_call, check_data, check_payload_size
from pipeline.service.download import download
from pipeline.service.faults import UNBILLED, FaultKind, FaultPlan, FaultRule
from pipeline.service.ledger import Arrival, Ledger, ReceivedCall
from pipeline.service.parameters import RecognitionRequest
from pipeline.service.payload import Audio, decode_audio
from pipeline.service.recognizers import Heard, Recognizer
from pipeline.service.refusal import ServiceFault
from pipeline.service.settings import ServiceSettings

JSON_TYPE: Final = "application/json"
"""Exactly this: the official SDK reads errors under no other."""

_CHARSET_TYPE: Final = "application/json; charset=utf-8"
_GATEWAY_PAGE: Final = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer and how it is delivered.

    Attributes:
        delivery: RESET, TRUNCATE, SLOW or HANG; None delivers it whole.
        seconds: how long a slow or hanging one takes.
        ready_at_s: not to be sent before this, on the ledger's clock.
    """

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = JSON_TYPE
    delivery: FaultKind | None = None
    seconds: float = 0.0
    ready_at_s: float = 0.0


@dataclass(slots=True)
class _Call:
    """What is known of a call so far; it grows while the call is answered."""

    arrived_at_s: float
    request: RecognitionRequest | None = None
    payload_sha256: str | None = None
    data_len: int | None = None
    duration_ms: int | None = None
    rule: FaultRule | None = None

    def ended(self, *, code: str | None, billed: bool) -> ReceivedCall:
        return ReceivedCall(
            arrived_at_s=self.arrived_at_s,
            engine=self.request.engine if self.request else "",
            voice_format=self.request.voice_format if self.request else "",
            data_len=self.data_len,
            payload_sha256=self.payload_sha256,
            duration_ms=self.duration_ms,
            code=code,
            fault=self.rule.kind.value if self.rule else None,
            billed=billed,
        )


class Answerer:
    """Answers calls as the settings say; safe to use from many threads.

    Args:
        settings: what is expected, allowed and spoiled.
        recognizer: tells what was said.
        ledger: counts, and holds the quota.
    """

    def __init__(self, settings: ServiceSettings, recognizer: Recognizer, ledger: Ledger) -> None:
        self._settings = settings
        self._recognizer = recognizer
        self._ledger = ledger
        self._plan = FaultPlan(settings.faults, settings.seed)

    def answer(self, http_call: HttpCall, arrival: Arrival) -> Reply:
        """Answers a call and enters it into the ledger."""
        call = _Call(arrival.utc_s)
        try:
            call.request = check_call(
                http_call,
                now_s=arrival.utc_s,
                arrivals_in_second=arrival.in_last_second,
                settings=self._settings,
            )
            audio = self._audio(call, call.request)
            return self._recognized(call, call.request, audio, arrival)
        except ServiceFault as fault:
            self._ledger.record(call.ended(code=fault.code, billed=False))
            charset = call.rule is not None and call.rule.kind is FaultKind.CHARSET_CODE
            return Reply(_error_body(fault), content_type=_CHARSET_TYPE if charset else JSON_TYPE)

    def _audio(self, call: _Call, request: RecognitionRequest) -> Audio:
        """Gets the payload and decodes it."""
        if request.source_type == 0:
            payload = download(request.url, allow_public=self._settings.allow_public_urls)
            check_payload_size(payload, self._settings)
        else:
            payload = check_data(request, self._settings)
        call.data_len = len(payload)
        call.payload_sha256 = hashlib.sha256(payload).hexdigest()
        audio = decode_audio(payload, voice_format=request.voice_format, sample_rate=request.sample_rate)
        call.duration_ms = audio.duration_ms
        return audio

    def _recognized(self, call: _Call, request: RecognitionRequest, audio: Audio, arrival: Arrival) -> Reply:
        """Recognizes, bills and lets the planned faults strike."""
        number = self._ledger.next_valid_call()
        call.rule = self._plan.draw(number)
        if call.rule is not None and call.rule.kind in UNBILLED:
            return self._instead(call, call.rule)
        if not self._ledger.reserve():
            raise ServiceFault(
                "FailedOperation.UserHasNoAmount",
                "The resource package is used up. Please buy another or activate postpaid billing.",
            )
        try:
            if audio.is_silent:
                raise ServiceFault("InvalidParameterValue.NoHumanVoice", "The audio holds no human voice.")
            assert call.payload_sha256 is not None, "the payload was read before its audio"
            heard = self._recognizer.recognize(audio, call.payload_sha256)
        except ServiceFault:
            call.rule = None
            self._ledger.release()
            raise
        self._ledger.record(call.ended(code=None, billed=True))
        ready_at_s = arrival.at_s + self._latency_s(number)
        return _spoiled(_body(request, audio, heard), call.rule, ready_at_s)

    def _instead(self, call: _Call, rule: FaultRule) -> Reply:
        """Answers a call that is not recognized because of a planned fault."""
        if rule.kind is FaultKind.HTTP502:
            self._ledger.record(call.ended(code=None, billed=False))
            return Reply(_GATEWAY_PAGE, HTTPStatus.BAD_GATEWAY, "text/html")
        codes = {FaultKind.THROTTLE: "RequestLimitExceeded", FaultKind.INTERNAL: "InternalError"}
        raise ServiceFault(codes.get(rule.kind, rule.code), "A planned fault of the local service.")

    def _latency_s(self, number: int) -> float:
        low_ms, high_ms = self._settings.latency_ms
        # A generator for each number: the same latencies in whatever order threads come.
        return random.Random(f"latency:{self._settings.seed}:{number}").uniform(low_ms, high_ms) / 1000


def _spoiled(body: bytes, rule: FaultRule | None, ready_at_s: float) -> Reply:
    """Delivers an answer, unless a rule spoils it."""
    if rule is None:
        return Reply(body, ready_at_s=ready_at_s)
    if rule.kind is FaultKind.CHARSET:
        return Reply(body, content_type=_CHARSET_TYPE, ready_at_s=ready_at_s)
    if rule.kind is FaultKind.EMPTY:
        empty = _envelope({"Result": None, "AudioDuration": None, "WordSize": None, "WordList": None})
        return Reply(empty, ready_at_s=ready_at_s)
    if rule.kind is FaultKind.NOT_JSON:
        return Reply(b"upstream connect error or disconnect before headers", ready_at_s=ready_at_s)
    return Reply(body, delivery=rule.kind, seconds=rule.seconds, ready_at_s=ready_at_s)


def _body(request: RecognitionRequest, audio: Audio, heard: Heard) -> bytes:
    words = heard.words if request.word_info else ()
    return _envelope(
        {
            "Result": heard.text,
            "AudioDuration": audio.duration_ms,
            "WordSize": len(words),
            "WordList": [
                {"Word": word.word, "StartTime": word.start_ms, "EndTime": word.end_ms} for word in words
            ]
            or None,
        }
    )


def _error_body(fault: ServiceFault) -> bytes:
    return _envelope({"Error": {"Code": fault.code, "Message": fault.message}})


def _envelope(response: dict[str, object]) -> bytes:
    """Wraps an answer as the service does, with a RequestId of its own."""
    document = {"Response": {**response, "RequestId": str(uuid.uuid4())}}
    # Unescaped, as the service sends Chinese; a lone surrogate from a request's text has no UTF-8.
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")
