"""What a paid answer is known by: digests of content and request, never of a name. Pure.

Every key is the SHA-256 of a JSON array that begins with the key's kind and version.
JSON tells texts from numbers and shows where each ends, so different fields never make
the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Final

Fingerprint = tuple[tuple[str, str | int | float | None], ...]
"""Names and values, such as `request.answer_fingerprint` gives: the parameters that can change an answer."""

# A change of what a key is made of needs a new version, or old answers are taken for others.
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class PlanBasis:
    """What is cut, and what for.

    Attributes:
        content_digest: BLAKE3 of the recording's bytes.
        channels: ``mix``, ``split``, or whatever else was asked for.
        sample_rate: samples per second after normalization.
        voice_format: what segments are sent as, or ``auto``.
        max_payload_bytes: by which ``auto`` chooses.
        fingerprint: of the requests; a plan names the keys of their answers.
    """

    content_digest: bytes
    channels: str
    sample_rate: int
    voice_format: str
    max_payload_bytes: int
    fingerprint: Fingerprint


def answer_key(
    *,
    pcm_digest: bytes,
    samples: int,
    sample_rate: int,
    voice_format: str,
    bit_rate: int,
    fingerprint: Fingerprint,
) -> bytes:
    """The key of the answer to a segment that is sent.

    Args:
        pcm_digest: BLAKE3 of the segment's samples, 16-bit little-endian mono.
        samples: how many they are.
        sample_rate: samples per second.
        voice_format: what they are encoded as.
        bit_rate: of the encoding, in bit/s; 0 where it has none.
        fingerprint: of the request.

    Returns:
        32 bytes.
    """
    return _digest("answer", pcm_digest.hex(), samples, sample_rate, voice_format, bit_rate, fingerprint)


def url_key(*, url: str, mark: str, voice_format: str, fingerprint: Fingerprint) -> bytes:
    """The key of the answer to a recording that the service downloads itself.

    Args:
        url: its address; its content is not seen here.
        mark: what its server says to tell contents apart (etag, checksum, time of
            change); empty if it says nothing.
        voice_format: what the service is told that it is.
        fingerprint: of the request.

    Returns:
        32 bytes.
    """
    return _digest("url", url, mark, voice_format, fingerprint)


def plan_key(basis: PlanBasis, cutting: Fingerprint) -> bytes:
    """The key of a recording's cuts, 32 bytes.

    Args:
        basis: what is cut, and what for.
        cutting: everything that decides where, but for the version that does it.
    """
    return _plan_digest(basis, cutting)


def tiled_plan_key(basis: PlanBasis, max_samples: int, search_samples: int) -> bytes:
    """The key that a recording's cuts had when silence was cut like speech, 32 bytes.

    Args:
        basis: what is cut, and what for.
        max_samples: the limit of a segment.
        search_samples: how far back from it a quiet place was looked for.
    """
    return _plan_digest(basis, max_samples, search_samples)


def cuts_key(plan: bytes) -> bytes:
    """The key of the cuts of a recording whose segments' keys are not known yet, 32 bytes.

    Args:
        plan: `plan_key`.
    """
    return _digest("cuts", plan.hex())


def chapter_key(plan: bytes, number: int) -> bytes:
    """The key of what one chapter has of a recording's cuts, 32 bytes.

    Args:
        plan: `plan_key`.
        number: of the chapter.
    """
    return _digest("chapter", plan.hex(), number)


def _plan_digest(basis: PlanBasis, *where: int | Fingerprint) -> bytes:
    return _digest(
        "plan",
        basis.content_digest.hex(),
        basis.channels,
        basis.sample_rate,
        *where,
        basis.voice_format,
        basis.max_payload_bytes,
        basis.fingerprint,
    )


def _digest(kind: str, *fields: str | int | Fingerprint) -> bytes:
    text = json.dumps([f"beamscribe {kind}", _VERSION, *fields], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
