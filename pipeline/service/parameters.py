"""The parameters of SentenceRecognition: which there are, their types and values.

Source: https://cloud.tencent.com/document/product/1093/35646, today's and older form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from pipeline.service.refusal import ServiceFault
from transforms.engines import KNOWN_ENGINES, sample_rate_of

INTEGERS: Final = frozenset(
    {
        "SourceType",
        "DataLen",
        "WordInfo",
        "FilterDirty",
        "FilterModal",
        "FilterPunc",
        "ConvertNumMode",
        "InputSampleRate",
        "ReinforceHotword",
        "ProjectId",
        "SubServiceType",
    }
)
"""Parameters that are whole numbers."""

STRINGS: Final = frozenset(
    {
        "EngSerViceType",
        "VoiceFormat",
        "Url",
        "Data",
        "HotwordId",
        "HotwordList",
        "CustomizationId",
        "ReplaceTextId",
        "UsrAudioKey",
    }
)
"""Parameters that are text."""

VOICE_FORMATS: Final = ("wav", "pcm", "ogg-opus", "speex", "silk", "mp3", "m4a", "aac", "amr")
"""What VoiceFormat may say."""

_ALLOWED_VALUES: Final[Mapping[str, tuple[int, ...]]] = {
    "WordInfo": (0, 1, 2),
    "FilterDirty": (0, 1, 2),
    "FilterModal": (0, 1, 2),
    "FilterPunc": (0, 1, 2),
    "ConvertNumMode": (0, 1),
    "ReinforceHotword": (0, 1),
    "InputSampleRate": (8000,),
}
_MAX_URL_CHARACTERS: Final = 2047
_MAX_HOTWORDS: Final = 128
# A hanzi, three bytes in UTF-8, counts as three of the 30 characters.
_MAX_HOTWORD_BYTES: Final = 30
_HOTWORD_WEIGHTS: Final = frozenset({*range(1, 12), 100})

_Value = TypeVar("_Value", int, str)


@dataclass(frozen=True, slots=True)
class RecognitionRequest:
    """The parameters that the service acts on, checked.

    Attributes:
        url: set for SourceType 0, else empty.
        data: base64, for SourceType 1, else empty.
        data_len: bytes before base64, as the client states them.
        input_sample_rate: of pcm that is not at the engine's rate; 0 if not given.
    """

    engine: str
    source_type: int
    voice_format: str
    url: str
    data: str
    data_len: int
    word_info: int
    input_sample_rate: int

    @property
    def sample_rate(self) -> int:
        """Samples per second that the audio must have."""
        return self.input_sample_rate or sample_rate_of(self.engine)


def check_parameters(fields: Mapping[str, object]) -> RecognitionRequest:
    """Checks the parameters in the order of the service.

    Unknown names, types, missing ones, engine, source type, format, then the values
    of the optional ones.

    Raises:
        ServiceFault: the first thing that is wrong.
    """
    _check_names_and_types(fields)
    _check_present(fields)
    engine = _get(fields, "EngSerViceType", "")
    if engine not in KNOWN_ENGINES:
        raise ServiceFault(
            "InvalidParameterValue.ErrorInvalidEngservice", f"EngSerViceType `{engine}` is invalid."
        )
    source_type = _get(fields, "SourceType", -1)
    if source_type not in (0, 1):
        raise ServiceFault("InvalidParameterValue.ErrorInvalidSourcetype", "SourceType must be 0 or 1.")
    voice_format = _get(fields, "VoiceFormat", "")
    if voice_format not in VOICE_FORMATS:
        raise ServiceFault(
            "InvalidParameterValue.ErrorInvalidVoiceFormat", f"VoiceFormat `{voice_format}` is not supported."
        )
    _check_options(fields)
    return RecognitionRequest(
        engine=engine,
        source_type=source_type,
        voice_format=voice_format,
        url=_get(fields, "Url", "") if source_type == 0 else "",
        data=_get(fields, "Data", "") if source_type == 1 else "",
        data_len=_get(fields, "DataLen", 0),
        word_info=_get(fields, "WordInfo", 0),
        input_sample_rate=_get(fields, "InputSampleRate", 0),
    )


def _get(fields: Mapping[str, object], name: str, default: _Value) -> _Value:
    """Returns a field whose type was checked, or the default."""
    value = fields.get(name, default)
    assert isinstance(value, type(default)), "types are checked before values are read"
    return value


def _check_names_and_types(fields: Mapping[str, object]) -> None:
    for name in fields:
        if name not in INTEGERS and name not in STRINGS:
            raise ServiceFault("UnknownParameter", f"The parameter `{name}` is not recognized.")
    for name, value in fields.items():
        wanted = int if name in INTEGERS else str
        if not isinstance(value, wanted) or isinstance(value, bool):
            kind = "an integer" if wanted is int else "a string"
            raise ServiceFault("InvalidParameter", f"The value of the parameter `{name}` must be {kind}.")


def _check_present(fields: Mapping[str, object]) -> None:
    required = ["EngSerViceType", "SourceType", "VoiceFormat"]
    if fields.get("SourceType") == 0:
        required.append("Url")
    elif fields.get("SourceType") == 1:
        required += ["Data", "DataLen"]
    for name in required:
        if name not in fields:
            raise ServiceFault("MissingParameter", f"The request is missing the required parameter `{name}`.")


def _check_options(fields: Mapping[str, object]) -> None:
    for name, allowed in _ALLOWED_VALUES.items():
        if name in fields and fields[name] not in allowed:
            choices = ", ".join(map(str, allowed))
            raise ServiceFault("InvalidParameterValue", f"The parameter `{name}` must be one of {choices}.")
    if "InputSampleRate" in fields and fields["VoiceFormat"] != "pcm":
        raise ServiceFault("InvalidParameterValue", "`InputSampleRate` is for pcm only.")
    if _get(fields, "ProjectId", 0) < 0:
        raise ServiceFault("InvalidParameterValue.ErrorInvalidProjectid", "ProjectId must be 0 or more.")
    if _get(fields, "SubServiceType", 2) != 2:
        raise ServiceFault("InvalidParameterValue.ErrorInvalidSubservicetype", "SubServiceType must be 2.")
    url = _get(fields, "Url", "")
    is_web_address = url.startswith(("http://", "https://")) and len(url) <= _MAX_URL_CHARACTERS
    if fields["SourceType"] == 0 and not is_web_address:
        raise ServiceFault(
            "InvalidParameterValue.ErrorInvalidUrl",
            "Url must be an http(s) address of less than 2048 characters.",
        )
    if fields.get("HotwordList"):
        _check_hotwords(_get(fields, "HotwordList", ""))


def _check_hotwords(text: str) -> None:
    entries = text.split(",")
    if len(entries) > _MAX_HOTWORDS:
        raise ServiceFault(
            "InvalidParameterValue.InvalidParameterLength",
            f"HotwordList holds more than {_MAX_HOTWORDS} words.",
        )
    for entry in entries:
        word, bar, weight = entry.rpartition("|")
        if not bar or not weight.isdecimal() or int(weight) not in _HOTWORD_WEIGHTS:
            raise ServiceFault(
                "InvalidParameterValue.InvalidWordWeight",
                f"`{entry}` is not `word|weight`, weight 1-11 or 100.",
            )
        if not 0 < len(word.encode("utf-8", "surrogatepass")) <= _MAX_HOTWORD_BYTES:
            raise ServiceFault(
                "InvalidParameterValue.InvalidWordWeightStr",
                f"`{word}` is empty or longer than 30 characters.",
            )
