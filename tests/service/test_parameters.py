from __future__ import annotations

import pytest

from pipeline.service.parameters import check_parameters
from pipeline.service.refusal import ServiceFault
from tests.service.calls import fields_of

FIELDS = fields_of(b"\0\0", "pcm")


@pytest.mark.parametrize(
    "more",
    [
        {"WordInfo": 2, "FilterDirty": 1, "FilterModal": 2, "FilterPunc": 0, "ConvertNumMode": 0},
        {"ProjectId": 0, "SubServiceType": 2, "UsrAudioKey": "x"},
        {
            "HotwordList": "腾讯云|10,语音识别|5,ASR|100",
            "HotwordId": "a",
            "CustomizationId": "",
            "ReplaceTextId": "r",
        },
    ],
)
def test_today_s_and_the_older_parameters_are_known(more: dict[str, object]) -> None:
    assert check_parameters({**FIELDS, **more}).word_info == more.get("WordInfo", 0)


def test_pcm_at_8_kilohertz_may_meet_a_16_kilohertz_engine() -> None:
    assert check_parameters(FIELDS).sample_rate == 16_000
    assert check_parameters({**FIELDS, "InputSampleRate": 8000}).sample_rate == 8000


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"wordinfo": 1}, "UnknownParameter"),
        ({"WordInfo": "1"}, "InvalidParameter"),
        ({"WordInfo": True}, "InvalidParameter"),
        ({"WordInfo": 1.0}, "InvalidParameter"),
        ({"HotwordId": None}, "InvalidParameter"),
        ({"WordInfo": 3}, "InvalidParameterValue"),
        ({"ConvertNumMode": 2}, "InvalidParameterValue"),
        ({"InputSampleRate": 16000}, "InvalidParameterValue"),
        ({"InputSampleRate": 8000, "VoiceFormat": "wav"}, "InvalidParameterValue"),
        ({"SubServiceType": 1}, "InvalidParameterValue.ErrorInvalidSubservicetype"),
        ({"ProjectId": -1}, "InvalidParameterValue.ErrorInvalidProjectid"),
        ({"HotwordList": "word"}, "InvalidParameterValue.InvalidWordWeight"),
        ({"HotwordList": "word|12"}, "InvalidParameterValue.InvalidWordWeight"),
        ({"HotwordList": "十一个汉字的热词太长了|5"}, "InvalidParameterValue.InvalidWordWeightStr"),
        ({"HotwordList": ",".join(["a|1"] * 129)}, "InvalidParameterValue.InvalidParameterLength"),
        ({"SourceType": 0}, "MissingParameter"),
        ({"SourceType": 0, "Url": "ftp://x/a.wav"}, "InvalidParameterValue.ErrorInvalidUrl"),
        ({"SourceType": 0, "Url": "http://x/" + "a" * 2039}, "InvalidParameterValue.ErrorInvalidUrl"),
    ],
)
def test_wrong_values_are_refused(changes: dict[str, object], code: str) -> None:
    with pytest.raises(ServiceFault) as caught:
        check_parameters({**FIELDS, **changes})
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["EngSerViceType", "SourceType", "VoiceFormat", "Data", "DataLen"])
def test_each_required_parameter_is_missed(name: str) -> None:
    with pytest.raises(ServiceFault, match=f"MissingParameter.*`{name}`"):
        check_parameters({key: value for key, value in FIELDS.items() if key != name})
