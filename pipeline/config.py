"""The configuration: every key with its type, default and meaning.

Values are checked one by one here; what depends on several keys is checked in
`pipeline.config_check`, and files are read in `pipeline.config_load`. The page
docs/configuration.md is made from the descriptions below.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from transforms.engines import EngineChoice
from transforms.request import ENDPOINT, RequestParameters

MAX_BODY_BYTES = 10_000_000
"""The service's limit of a request's body under TC3 signatures, by its documents."""

MAX_PAYLOAD_BYTES = MAX_BODY_BYTES * 3 // 4 - 100_000
"""What fits into such a body after base64, with room for the other fields."""


class _Section(BaseModel):
    """What all parts of the configuration have in common."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class Recognition(_Section):
    """How the service is called."""

    endpoint: str = Field(
        default=ENDPOINT,
        description="Address of the service, with its scheme. Plain http is accepted for hosts of this "
        "machine only (localhost, 127.x.x.x, [::1]).",
    )
    engine: str = Field(
        default="16k_zh",
        min_length=1,
        description="Engine of recordings without a language, and of all while `recognition.engines` is "
        "empty. Audio is resampled to the engine's rate. An unknown name is a warning: new ones appear.",
    )
    engines: dict[str, Annotated[str, Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Engine for each `language` of the manifest, such as `{en: 16k_en, yue: 16k_yue}`; "
        "`en` serves `en-US` too. A recording in a language without an engine is then a failure.",
    )
    requests_per_second: float = Field(
        default=25.0,
        gt=0,
        description="Calls started in a second, over all threads and processes of a run on one machine. "
        "The account's quota: 25 in the service's older document, 30 today, more can be bought.",
    )
    concurrency: int = Field(
        default=48,
        ge=1,
        le=4096,
        description="Calls in flight at most. To keep a rate busy it takes rate x latency of them "
        "(Little's law): 25 a second at about 2 s are 48. Also the most that a crash can cost.",
    )
    timeout_seconds: float = Field(
        default=60.0, gt=0, description="Deadline of a whole call, from connecting to the last byte."
    )
    connect_timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        description="Deadline of making the connection; `recognition.timeout_seconds` holds as well.",
    )
    max_attempts: int = Field(
        default=5,
        ge=1,
        le=100,
        description="Calls made for one segment at most before a passing error becomes a failure.",
    )
    max_payload_bytes: int = Field(
        default=600_000,
        ge=1,
        le=MAX_PAYLOAD_BYTES,
        description="Bytes of audio in a call at most, before base64. 600000 is the older document's "
        "limit; 2250000 is today's 3 MB after base64, under which 59 s of 16 kHz wav fit as they are.",
    )
    voice_format: Literal["auto", "wav", "pcm", "mp3", "ogg-opus", "m4a", "aac", "speex", "silk", "amr"] = (
        Field(
            default="auto",
            description="Form in which audio is sent. `auto` never shortens a segment to fit: 16-bit wav "
            "where it fits, else ogg-opus, which costs less CPU than mp3. With `recognition.source: url` "
            "it names the form of what lies at the address (`auto`: by the address's ending); `speex`, "
            "`silk` and `amr` are for that only.",
        )
    )
    source: Literal["data", "url"] = Field(
        default="data",
        description="`data` sends audio. `url` sends the http(s) addresses of a manifest as they are, "
        "one call each: the service downloads them itself and refuses more than 60 s.",
    )
    signature: Literal["tc3", "v1"] = Field(
        default="tc3",
        description="`tc3` is TC3-HMAC-SHA256. `v1` is the older form; it cannot carry audio and needs "
        "`recognition.source: url`.",
    )
    word_info: int = Field(
        default=1, description="Words with times: 0 none, 1 words, 2 words and punctuation (`WordInfo`)."
    )
    filter_dirty: int | None = Field(
        default=None,
        description="Swear words, Mandarin engines: 0 kept, 1 removed, 2 replaced by * (`FilterDirty`).",
    )
    filter_modal: int | None = Field(
        default=None,
        description="Filler words, Mandarin engines: 0 kept, 1 some removed, 2 all removed (`FilterModal`).",
    )
    filter_punc: int | None = Field(
        default=None,
        description="Punctuation, Mandarin engines: 0 kept, 1 none at the end of sentences, 2 none at all "
        "(`FilterPunc`).",
    )
    convert_num_mode: int | None = Field(
        default=None, description="Numbers: 0 as Chinese numerals, 1 as digits (`ConvertNumMode`)."
    )
    hotword_id: str | None = Field(default=None, description="A stored table of hot words (`HotwordId`).")
    hotword_list: str | None = Field(
        default=None,
        description="Hot words of these calls, `word|weight,word|weight`: at most 128 words of 30 "
        "characters (10 Chinese), weights 1-11 or 100 (`HotwordList`).",
    )
    customization_id: str | None = Field(
        default=None, description="A model that you trained (`CustomizationId`)."
    )
    replace_text_id: str | None = Field(
        default=None, description="A stored table of replacements (`ReplaceTextId`)."
    )
    input_sample_rate: int | None = Field(
        default=None,
        description="8000, for 8 kHz `pcm` at an address (`recognition.source: url`) and a 16 kHz engine "
        "(`InputSampleRate`).",
    )
    project_id: int | None = Field(
        default=None, description="Required by the service's older document, there 0 (`ProjectId`)."
    )
    sub_service_type: int | None = Field(
        default=None, description="Required by the service's older document, there 2 (`SubServiceType`)."
    )
    usr_audio_key: str | None = Field(
        default=None,
        description="Required by the service's older document: your own name for the audio (`UsrAudioKey`).",
    )
    region: str | None = Field(
        default=None, min_length=1, description="Region header, not needed by the service (`X-TC-Region`)."
    )
    language: Literal["zh-CN", "en-US"] | None = Field(
        default=None, description="Language of the service's error messages (`X-TC-Language`)."
    )
    ca_bundle: str | None = Field(
        default=None,
        min_length=1,
        description="File or folder of certificates (PEM) to verify the service by, for a network that "
        "signs its own. Verification cannot be switched off.",
    )


class Audio(_Section):
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


class Segmentation(_Section):
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


class Input(_Section):
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


class Budget(_Section):
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


class Output(_Section):
    """How the dataset is written."""

    include_audio: bool = Field(
        default=False,
        description="Write the sound of each segment into `segments`, as FLAC, in the form that Hugging Face "
        "`datasets` reads: 60 MB for an hour at 16 kHz. Rows that have none are made anew, without a call.",
    )
    state: str | None = Field(
        default=None,
        min_length=1,
        description="Local folder of the record of paid answers, the budget and the lock; needed where "
        "OUTPUT is no local folder. By default `.beamscribe` inside OUTPUT.",
    )
    rows_per_part: int = Field(
        default=5000, ge=1, description="A part file is closed when it has so many rows."
    )
    seconds_per_part: float = Field(
        default=30.0,
        gt=0,
        description="A part file is closed, and its rows can be read, so long after its first row.",
    )
    progress_seconds: float = Field(
        default=30.0,
        ge=0.1,
        description="Time between lines of progress where there is no terminal, between samples of "
        "`--json-log`, and between savings of a run's timeline.",
    )


class Config(_Section):
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
