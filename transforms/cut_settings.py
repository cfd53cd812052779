"""How recordings become segments: the options, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from blake3 import blake3

from transforms import formats
from transforms.cuts import CutPolicy
from transforms.engines import EngineChoice
from transforms.fetch import ReadLimits
from transforms.keys import Fingerprint, answer_key, url_key
from transforms.known import Shaping
from transforms.normalize import ChannelChoice
from transforms.records import Mark, Recording
from transforms.request import RequestParameters, answer_fingerprint


@dataclass(frozen=True, slots=True)
class CutSettings:
    """How recordings become segments.

    Attributes:
        engines: which engine transcribes which language; its rate is the audio's.
        coordination: the folder that the processes of the run share.
        state: the folder of the record of paid answers; None to keep none.
        parameters: what the request says beside the audio; part of an answer's key.
        channels: "mix" all channels of a recording into one, or "split" them.
        voice_format: what segments are sent as; a named format with few bytes to
            spend makes segments shorter, "auto" never does.
        max_payload_bytes: the largest payload, before base64.
        max_seconds: the longest segment, below 60.
        search_seconds: how far back from the limit a quiet place is looked for.
        limits: of size and time, for what is downloaded.
        by_url: pass http(s) addresses on to the service instead of downloading.
        threads: how many recordings are decoded at once.
        chain: stands for the content of an address whose server tells no mark: the name
            of the run and the unfinished ones that it continues.
        local_service: whether a service on this machine answers, whose answers are
            never those of the real one.
        shaping_base: digest of all options that shape the rows (`known.settings_digest`).
    """

    engines: EngineChoice
    coordination: Path
    state: Path | None = None
    parameters: RequestParameters = field(default_factory=RequestParameters)
    channels: Literal["mix", "split"] = "mix"
    voice_format: str = "auto"
    max_payload_bytes: int = 600_000
    max_seconds: float = 59.0
    search_seconds: float = 12.0
    limits: ReadLimits = field(default_factory=ReadLimits)
    by_url: bool = False
    threads: int = 1
    shaping_base: str = ""
    chain: str = ""
    local_service: bool = False

    @property
    def shaping(self) -> Shaping:
        """What a later run knows the rows of a recording by."""
        return Shaping(self.shaping_base, self.engines)

    def policy(self, sample_rate: int) -> CutPolicy:
        """The limits of a cut at an engine's rate."""
        max_samples = formats.max_samples(
            self.voice_format,
            sample_rate,
            max_payload_bytes=self.max_payload_bytes,
            max_seconds=self.max_seconds,
        )
        return CutPolicy.for_rate(sample_rate, max_samples=max_samples, search_seconds=self.search_seconds)

    def channel_choice(self, recording: Recording) -> ChannelChoice:
        """Which channels of a recording are transcribed, and how."""
        if recording.channel is not None:
            return ChannelChoice("only", recording.channel)
        return ChannelChoice(self.channels)

    def answer_key(self, pcm: bytes, sample_rate: int, engine: str) -> bytes:
        """By which the answer to a segment with this sound is recorded."""
        samples = len(pcm) // 2
        voice_format = self.voice_format
        if voice_format == formats.AUTO:
            voice_format = formats.choose_format(samples, sample_rate, self.max_payload_bytes)
        return answer_key(
            pcm_digest=blake3(pcm).digest(),
            samples=samples,
            sample_rate=sample_rate,
            voice_format=voice_format,
            bit_rate=formats.BIT_RATES.get(voice_format, 0),
            fingerprint=self.fingerprint(engine),
        )

    def url_key(self, url: str, mark: Mark | None, engine: str) -> bytes:
        """By which the answer to a recording that the service fetches itself is recorded."""
        return url_key(
            url=url,
            mark=f"during {self.chain}" if mark is None else f"{mark.size_bytes} {mark.modified}",
            voice_format=self.voice_format,
            fingerprint=self.fingerprint(engine),
        )

    def fingerprint(self, engine: str) -> Fingerprint:
        """Everything but the audio that can change an answer."""
        local = (("beamscribe.local_service", 1),) if self.local_service else ()
        return (*answer_fingerprint(self.parameters, engine=engine), *local)
