"""The part of the configuration that says how the service is called."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from transforms.request import ENDPOINT

MAX_BODY_BYTES = 10_000_000
"""The service's limit of a request's body under TC3 signatures, by its documents."""

MAX_PAYLOAD_BYTES = MAX_BODY_BYTES * 3 // 4 - 100_000
"""What fits into such a body after base64, with room for the other fields."""


class Section(BaseModel):
    """What all parts of the configuration have in common."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class Recognition(Section):
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
    shared_quota: str | None = Field(
        default=None,
        min_length=1,
        description="Address of a Redis server (`redis://host:6379/0`), by which all runs that name it share "
        "one `recognition.requests_per_second`, on any number of machines. A worker that loses it goes at "
        "its share for at most a minute, then waits for it. Needs the extra `[redis]`.",
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
