"""How recordings become segments: the options, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal

from transforms import formats
from transforms.chosen import ChannelChoice
from transforms.cuts import CutPolicy
from transforms.engines import EngineChoice, sample_rate_of
from transforms.errors import UsageError
from transforms.fetch import ReadLimits
from transforms.keys import Fingerprint, answer_key, url_key
from transforms.known import Shaping
from transforms.records import Mark, Recording
from transforms.request import RequestParameters, answer_fingerprint
from transforms.shared_place import Coordination, State
from transforms.slips import did_you_mean
from transforms.speech import DETECTORS

_CUTTING = ("detector", "skip_silence", "padding_seconds", "overlap_seconds", "squeeze_to_seconds")


@dataclass(frozen=True, slots=True)
class CutSettings:
    """How recordings become segments.

    Attributes:
        engines: which engine transcribes which language; its rate is the audio's.
        coordination: what the processes of the run share.
        state: where the record of paid answers lies; None to keep none.
        parameters: what the request says beside the audio; part of an answer's key.
        channels: "mix" all channels of a recording into one, or "split" them.
        voice_format: what segments are sent as; a named format with few bytes to
            spend makes segments shorter, "auto" never does.
        max_payload_bytes: the largest payload, before base64.
        max_seconds: the longest segment, below 60.
        detector: what tells speech from silence, one of `speech.DETECTORS`.
        skip_silence: leave out what no one speaks in; else segments tile the recording.
        padding_seconds: kept on either side of speech.
        overlap_seconds: what both segments hear where a cut had to fall into speech.
        squeeze_to_seconds: longer pauses inside a segment are sent as short as that; None
            for as they are.
        max_hours: a recording that decodes to more is a failure.
        stall_seconds: a decoder without progress for so long is given up.
        isolated: decode in processes of their own, so that a decoder that hangs or
            crashes costs its recording alone.
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
    coordination: Coordination
    state: State | None = None
    parameters: RequestParameters = field(default_factory=RequestParameters)
    channels: Literal["mix", "split"] = "mix"
    voice_format: str = "auto"
    max_payload_bytes: int = 600_000
    max_seconds: float = 59.0
    detector: str = "silero"
    skip_silence: bool = True
    padding_seconds: float = 0.3
    overlap_seconds: float = 0.0
    squeeze_to_seconds: float | None = None
    max_hours: float = 24.0
    stall_seconds: float = 60.0
    isolated: bool = True
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

    def check(self) -> None:
        """Refuse settings by which no recording could be cut.

        Raises:
            UsageError: a choice is unknown, or a limit does not hold one second.
        """
        choices = (("detector", self.detector, DETECTORS), ("channels", self.channels, ("mix", "split")))
        for name, chosen, known in choices:
            if chosen not in known:
                raise UsageError(
                    f"{name} is {chosen!r}: expected {' or '.join(known)}.{did_you_mean(chosen, known)}"
                )
        for engine in self.engines.engines:
            self.policy(sample_rate_of(engine))

    def policy(self, sample_rate: int) -> CutPolicy:
        """The limits of a cut at an engine's rate."""
        max_samples = formats.max_samples(
            self.voice_format,
            sample_rate,
            max_payload_bytes=self.max_payload_bytes,
            max_seconds=self.max_seconds,
        )
        return CutPolicy.for_rate(
            sample_rate,
            max_samples=max_samples,
            pad_seconds=self.padding_seconds,
            skip_silence=self.skip_silence,
            overlap_seconds=self.overlap_seconds,
            squeeze_seconds=self.squeeze_to_seconds,
        )

    def cutting(self, sample_rate: int) -> Fingerprint:
        """Everything that decides where a channel is cut, but for the version that does it.

        Options with their default value are left out, so that a new option changes nothing.
        """
        defaults = {each.name: each.default for each in fields(self)}
        chosen = ((name, getattr(self, name)) for name in _CUTTING)
        return (
            ("max_samples", self.policy(sample_rate).max_samples),
            *((name, value) for name, value in chosen if value != defaults[name]),
        )

    def channel_choice(self, recording: Recording) -> ChannelChoice:
        """Which channels of a recording are transcribed, and how."""
        if recording.channel is not None:
            return ChannelChoice("only", recording.channel)
        return ChannelChoice(self.channels)

    def answer_key(self, *, pcm_digest: bytes, samples: int, sample_rate: int, engine: str) -> bytes:
        """By which the answer to a segment is recorded.

        Args:
            pcm_digest: BLAKE3 of the sound that is sent, 16-bit little-endian mono.
            samples: its length.
            sample_rate: samples per second.
            engine: that hears it.
        """
        voice_format = formats.sent_as(self.voice_format, samples, sample_rate, self.max_payload_bytes)
        return answer_key(
            pcm_digest=pcm_digest,
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
