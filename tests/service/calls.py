"""Audio, signed calls and the official SDK as a client, for the tests of the service."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import wave
from collections.abc import Mapping

import av
import numpy as np
import urllib3
from numpy.typing import NDArray
from tencentcloud.asr.v20190614 import asr_client, models
from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from pipeline.service.authentication import HttpCall
from pipeline.service.server import LocalService
from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY
from transforms.signing import sign_tc3

NOW = 1_700_000_000


def tone(seconds: float, rate: int = 16_000, hertz: float = 440.0) -> NDArray[np.int16]:
    """A sine, not silent, 16-bit mono."""
    times = np.arange(round(seconds * rate)) / rate
    return (8000 * np.sin(2 * np.pi * hertz * times)).astype(np.int16)


def wav(samples: NDArray[np.int16], rate: int = 16_000, *, channels: int = 1, width: int = 2) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(samples.tobytes())
    return buffer.getvalue()


def encode(
    samples: NDArray[np.int16], rate: int, *, container: str, codec: str, layout: str = "mono"
) -> bytes:
    """Encodes with FFmpeg; stereo has the same samples on both sides."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout=layout)
        planes = np.repeat(samples, 2 if layout == "stereo" else 1)[np.newaxis]
        frame = av.AudioFrame.from_ndarray(planes, format="s16", layout=layout)
        frame.rate = rate
        resampler = av.AudioResampler(
            format=stream.format, layout=layout, rate=rate, frame_size=stream.frame_size
        )
        for block in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(block))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def fields_of(
    payload: bytes, voice_format: str = "wav", engine: str = "16k_en", **more: object
) -> dict[str, object]:
    return {
        "EngSerViceType": engine,
        "SourceType": 1,
        "VoiceFormat": voice_format,
        "Data": base64.b64encode(payload).decode(),
        "DataLen": len(payload),
        **more,
    }


def signed_headers(body: bytes, *, host: str, timestamp: int, with_action: bool = True) -> dict[str, str]:
    content_type = "application/json"
    action = "SentenceRecognition"
    return {
        "Host": host,
        "Content-Type": content_type,
        "X-TC-Action": action,
        "X-TC-Version": "2019-06-14",
        "X-TC-Timestamp": str(timestamp),
        "Authorization": sign_tc3(
            secret_id=TEST_SECRET_ID,
            secret_key=TEST_SECRET_KEY,
            service="asr",
            host=host,
            content_type=content_type,
            action=action if with_action else None,
            body_sha256=hashlib.sha256(body).hexdigest(),
            timestamp=timestamp,
        ),
    }


def http_call(
    fields: object, headers: Mapping[str, str | None] | None = None, *, with_action: bool = True
) -> HttpCall:
    """A call signed at `NOW`; ``headers`` replace, None removes."""
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    sent: dict[str, str | None] = {
        **signed_headers(body, host="127.0.0.1:1", timestamp=NOW, with_action=with_action),
        **(headers or {}),
    }
    lowered = {name.lower(): value for name, value in sent.items() if value is not None}
    return HttpCall("POST", "", lowered, len(body), body)


def post(
    service: LocalService, fields: Mapping[str, object], *, timeout_s: float = 10.0
) -> urllib3.BaseHTTPResponse:
    """Calls a running service once, signed at its own time, over a connection of its own."""
    body = json.dumps(fields).encode()
    host = service.endpoint.removeprefix("http://")
    headers = signed_headers(body, host=host, timestamp=int(service.now()))
    with urllib3.PoolManager(retries=False, timeout=timeout_s) as pool:
        return pool.request("POST", service.endpoint, body=body, headers=headers)


def code_of(service: LocalService, fields: Mapping[str, object]) -> str | None:
    """The error code that a call is answered with; None for success."""
    error = json.loads(post(service, fields).data)["Response"].get("Error")
    return None if error is None else str(error["Code"])


def sdk_client(
    service: LocalService,
    *,
    secret_id: str = TEST_SECRET_ID,
    secret_key: str = TEST_SECRET_KEY,
    token: str | None = None,
    sign_method: str = "TC3-HMAC-SHA256",
    http_method: str = "POST",
) -> asr_client.AsrClient:
    profile = HttpProfile(
        protocol="http",
        endpoint=service.endpoint.removeprefix("http://"),
        reqMethod=http_method,
        reqTimeout=10,
    )
    return asr_client.AsrClient(
        credential.Credential(secret_id, secret_key, token),
        "ap-guangzhou",
        ClientProfile(signMethod=sign_method, httpProfile=profile),
    )


def sdk_call(
    client: asr_client.AsrClient, fields: Mapping[str, object]
) -> models.SentenceRecognitionResponse:
    request = models.SentenceRecognitionRequest()
    for name, value in fields.items():
        setattr(request, name, value)
    return client.SentenceRecognition(request)


def sdk_code(client: asr_client.AsrClient, fields: Mapping[str, object]) -> str:
    """The error code that the SDK raises."""
    try:
        answer = sdk_call(client, fields)
    except TencentCloudSDKException as error:
        return str(error.code)
    raise AssertionError(f"the call succeeded: {answer.Result}")
