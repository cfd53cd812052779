"""CPU of a signed call: this client beside the official SDK, from audio to answer.

Both make the request, encode the audio as base64, sign, send and read the answer; the
server runs in another process. The floor is what no client can do without: base64,
SHA-256 of the body, and handing the body to a socket that is open.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from tencentcloud.asr.v20190614.asr_client import AsrClient
from tencentcloud.asr.v20190614.models import SentenceRecognitionRequest
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from benchmarks.plain_server import plain_server
from benchmarks.tables import milliseconds, show, times
from transforms import request
from transforms.client import ClientSettings, SentenceClient
from transforms.credentials import Credentials
from transforms.request import RequestParameters

PAYLOAD_BYTES = (240_000, 1_888_044)
"""59 s of 16 kHz audio as ogg-opus of 32 kbit/s, and as wav."""

_ENGINE = "16k_en"
_SECRET_ID, _SECRET_KEY = "AKIDbenchmark", "benchmark"


@dataclass(frozen=True, slots=True)
class ClientCpu:
    """CPU of one call with a payload of some size, in seconds; medians of the rounds.

    Attributes:
        sdk_ratio: of the SDK's to the own, round by round.
        floor_ratio: of the own to the floor, round by round.
    """

    payload_bytes: int
    floor_seconds: float
    own_seconds: float
    sdk_seconds: float
    sdk_ratio: float
    floor_ratio: float


class _Secrets:
    """A `CredentialSource` with nothing to look up."""

    def current(self) -> Credentials:
        return Credentials(_SECRET_ID, _SECRET_KEY)

    def refresh(self) -> Credentials:
        return self.current()


def measure(payload_bytes: int, *, rounds: int, calls: int) -> ClientCpu:
    """Call with the clients in turn.

    Args:
        payload_bytes: size of the audio before base64.
        rounds: how often each has its turn.
        calls: made in a turn.
    """
    audio = os.urandom(payload_bytes)
    with plain_server() as port:
        client = SentenceClient(ClientSettings(endpoint=f"http://127.0.0.1:{port}"), _Secrets())
        sdk = _sdk_client(port)
        parameters = RequestParameters(word_info=1)

        def call_own() -> None:
            body = request.json_body(
                parameters, engine=_ENGINE, voice_format="wav", audio=(audio,), size_bytes=len(audio)
            )
            client.send(client.prepare(body))

        def call_sdk() -> None:
            sdk.SentenceRecognition(_sdk_request(audio))

        with socket.create_connection(("127.0.0.1", port)) as connection:
            turns = (partial(_call_bare, connection, audio), call_own, call_sdk)
            for turn in turns:
                turn()  # connections and imports are no part of a call
            measured = [tuple(_cpu_seconds(turn, calls) for turn in turns) for _ in range(rounds)]
        client.close()
    floor, own, sdk_call = zip(*measured, strict=True)
    return ClientCpu(
        payload_bytes=payload_bytes,
        floor_seconds=median(floor),
        own_seconds=median(own),
        sdk_seconds=median(sdk_call),
        sdk_ratio=median(theirs / ours for ours, theirs in zip(own, sdk_call, strict=True)),
        floor_ratio=median(ours / least for least, ours in zip(floor, own, strict=True)),
    )


def report(measured: Sequence[ClientCpu]) -> None:
    """Print what was measured."""
    show(
        "CPU of a signed call, user and system; medians of alternating rounds",
        (
            "payload",
            "the floor (reference)",
            "this client",
            "official SDK (reference)",
            "SDK / this client",
            "this client / floor",
        ),
        [
            (
                f"{each.payload_bytes:,} bytes",
                milliseconds(each.floor_seconds),
                milliseconds(each.own_seconds),
                milliseconds(each.sdk_seconds),
                times(each.sdk_ratio),
                times(each.floor_ratio),
            )
            for each in measured
        ],
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """``python -m benchmarks.client_cpu``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.client_cpu", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="see that it works")
    quick = parser.parse_args(arguments).quick
    rounds, calls = (3, 2) if quick else (21, 20)
    report([measure(size, rounds=rounds, calls=calls) for size in PAYLOAD_BYTES])


def _cpu_seconds(call: Callable[[], None], calls: int) -> float:
    started = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - started) / calls


def _call_bare(connection: socket.socket, audio: bytes) -> None:
    data = binascii.b2a_base64(audio, newline=False)
    digest = hashlib.sha256(data).hexdigest()
    head = f"POST / HTTP/1.1\r\nX-Digest: {digest}\r\nContent-Length: {len(data)}\r\n\r\n"
    connection.sendall(head.encode("ascii"))
    connection.sendall(data)
    connection.recv(4096)


def _sdk_client(port: int) -> AsrClient:
    http = HttpProfile(protocol="http", endpoint=f"127.0.0.1:{port}", reqMethod="POST")
    return AsrClient(Credential(_SECRET_ID, _SECRET_KEY), "", ClientProfile(httpProfile=http))


def _sdk_request(audio: bytes) -> SentenceRecognitionRequest:
    call = SentenceRecognitionRequest()
    call.EngSerViceType = _ENGINE
    call.SourceType = 1
    call.VoiceFormat = "wav"
    call.WordInfo = 1
    call.Data = base64.b64encode(audio).decode("ascii")
    call.DataLen = len(audio)
    return call


if __name__ == "__main__":
    main()
