"""The configuration: every key with its type, default and meaning.

Values are checked one by one here; what depends on several keys is checked in
`pipeline.config_check`, and files are read in `pipeline.config_load`. The page
docs/configuration.md is made from the descriptions below.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipeline.config_recognition import Recognition, Section
from transforms.engines import EngineChoice
from transforms.request import RequestParameters


class Audio(Section):
    """What becomes of a recording before it is cut."""

    channels: Literal["mix", "split"] = Field(
        default="mix",
        description="`mix` transcribes all channels as one. `split` transcribes each for itself, as on "
        "telephone lines with one speaker a channel; every channel is called and paid for, equal ones once.",
    )
    max_hours: float = Field(
        default=24.0,
        gt=0,
        le=1000,
        description="A recording that decodes to more is a failure, its channels counted together: a small "
        "file can claim to be days long.",
    )
    stall_seconds: float = Field(
        default=60.0,
        ge=1,
        description="A decoder that gets nowhere for so long is ended, and its recording is a failure.",
    )
    chapters_above_hours: float | None = Field(
        default=1.0,
        gt=0,
        description="With several workers a wav, flac, mp3, m4a or Ogg recording, local or in object "
        "storage, that is longer is decoded in chapters, each by another worker; its cuts are the same. "
        "Without it every recording is decoded in one piece.",
    )


class Segmentation(Section):
    """How recordings are cut into calls."""

    max_seconds: float = Field(
        default=59.0,
        ge=1,
        lt=60,
        description="The longest segment. A call costs the same whatever its length, so long ones are "
        "cheap; the service refuses 60 s.",
    )
    detector: Literal["silero", "energy"] = Field(
        default="silero",
        description="What tells speech from silence. `silero` is a small network that knows voices in "
        "noise; `energy` goes by loudness, costs a third of the time, and is for clean recordings.",
    )
    skip_silence: bool = Field(
        default=True,
        description="Leave out what nobody speaks in; a recording without speech makes no call and is "
        "`empty`. `false` sends everything, cut in the same pauses.",
    )
    padding_seconds: float = Field(
        default=0.3,
        ge=0,
        le=5,
        description="Silence kept on either side of speech, so that no word's edge is clipped.",
    )
    overlap_seconds: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="Where speech has no pause, or hardly one, and is cut all the same, both segments hear "
        "this much; what is heard twice is taken out again by word times. Needs `recognition.word_info` 1 or "
        "2.",
    )
    squeeze_to_seconds: float | None = Field(
        default=None,
        ge=0.1,
        description="Send pauses inside a segment no longer than this: fewer calls where there is much "
        "silence. Times are those of the recording all the same. Without it pauses are sent as they are.",
    )


class Input(Section):
    """Which recordings are read."""

    limit: int | None = Field(
        default=None, ge=1, description="Take the first so many recordings only, to try something out."
    )
    verify: bool = Field(
        default=False,
        description="Read every recording again and compare its content, also those whose address, size and "
        "modification mark are those of the last run. What is paid for is not called again.",
    )
    retry_failed: Literal["passing", "all"] = Field(
        default="passing",
        description="What of an earlier run's failures is tried again: those for a passing reason, or all.",
    )
    download_max_bytes: int = Field(
        default=2_147_483_648,
        ge=1,
        description="Size of a recording downloaded over http(s) at most; a larger one is a failure.",
    )
    download_max_seconds: float = Field(
        default=600.0, gt=0, description="Time that one such download may take at most."
    )


class Budget(Section):
    """What may be spent; a wall, not a warning."""

    max_calls: int | None = Field(
        default=None,
        ge=0,
        description="Calls that may be billed, over a run and the unfinished runs that it continues; the run "
        "stops before one more. A higher value continues.",
    )
    max_cost: float | None = Field(
        default=None,
        ge=0,
        description="The same in money, in the currency of the price table, as if all calls were of one day.",
    )


class Output(Section):
    """How the dataset is written."""

    include_audio: bool = Field(
        default=False,
        description="Write the sound of each segment into `segments`, as FLAC, in the form that Hugging Face "
        "`datasets` reads: 60 MB for an hour at 16 kHz. Rows that have none are made anew, without a call.",
    )
    state: str | None = Field(
        default=None,
        min_length=1,
        description="Where the record of paid answers, the budget and the lock lie: a local folder, or an "
        "address of object storage (`s3://`, `gs://`), which workers on any number of hosts share. By "
        "default `.beamscribe` inside OUTPUT.",
    )
    lease_seconds: float = Field(
        default=60.0,
        ge=3,
        description="With a state in object storage: a run that has not been heard of for so long is gone, "
        "and another one, or another worker, takes over.",
    )
    rows_per_part: int = Field(
        default=5000, ge=1, description="A part file is closed when it has so many rows."
    )
    seconds_per_part: float = Field(
        default=30.0,
        gt=0,
        description="A part file is closed, and its rows can be read, when a row comes so long after its "
        "first: what comes seldom, as failures do, is there at the end at the latest.",
    )
    progress_seconds: float = Field(
        default=30.0,
        ge=0.1,
        description="Time between lines of progress where there is no terminal, between samples of "
        "`--json-log`, and between savings of a run's timeline.",
    )


class Config(Section):
    """All of the configuration. Holds no secret: those come from the environment."""

    recognition: Recognition = Field(default_factory=Recognition)
    audio: Audio = Field(default_factory=Audio)
    segmentation: Segmentation = Field(default_factory=Segmentation)
    budget: Budget = Field(default_factory=Budget)
    input: Input = Field(default_factory=Input)
    output: Output = Field(default_factory=Output)

    def request_parameters(self) -> RequestParameters:
        """The parameters of the requests, as the pure modules take them."""
        names = RequestParameters.__dataclass_fields__
        return RequestParameters(**self.recognition.model_dump(include=set(names)))

    def engine_choice(self) -> EngineChoice:
        """Which engine transcribes which language."""
        by_language = tuple(self.recognition.engines.items())
        return EngineChoice(default=self.recognition.engine, by_language=by_language)
