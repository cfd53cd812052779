from __future__ import annotations

import base64
import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tencentcloud.asr.v20190614 import models

from transforms.errors import RecordingError, UsageError
from transforms.request import (
    VOICE_FORMATS,
    RequestParameters,
    answer_fingerprint,
    check,
    json_body,
    json_body_url,
    v1_parameters,
    voice_format_of_url,
)

PARAMETERS = st.builds(
    RequestParameters,
    word_info=st.integers(0, 2),
    filter_dirty=st.none() | st.integers(0, 2),
    filter_modal=st.none() | st.integers(0, 2),
    filter_punc=st.none() | st.integers(0, 2),
    convert_num_mode=st.none() | st.integers(0, 1),
    hotword_id=st.none() | st.text(min_size=1),
    hotword_list=st.none() | st.just("腾讯云|5,ASR|11"),
    customization_id=st.none() | st.text(min_size=1),
    replace_text_id=st.none() | st.text(min_size=1),
    project_id=st.none() | st.integers(0),
    sub_service_type=st.none() | st.just(2),
    usr_audio_key=st.none() | st.text(min_size=1),
)


def problems_of(parameters=None, *, engine="16k_zh", voice_format="wav", by_url=False, **given_parameters):
    with pytest.raises(UsageError) as refused:
        check(
            parameters or RequestParameters(**given_parameters),
            engine=engine,
            voice_format=voice_format,
            by_url=by_url,
        )
    return str(refused.value).split("\n")


@given(PARAMETERS, st.lists(st.binary(max_size=100)), st.sampled_from(["wav", "mp3"]))
def test_a_body_is_what_json_dumps_would_give(parameters, slices, voice_format):
    audio = b"".join(slices)
    body = b"".join(
        json_body(
            parameters,
            engine="16k_zh",
            voice_format=voice_format,
            audio=map(memoryview, slices),
            size_bytes=len(audio),
        )
    )
    parsed = json.loads(body)
    data = parsed.pop("Data")
    assert base64.b64decode(data, validate=True) == audio
    assert parsed.pop("DataLen") == len(audio)
    url_call = json.loads(
        json_body_url(parameters, engine="16k_zh", voice_format=voice_format, url="http://a/b")
    )
    assert (url_call.pop("Url"), url_call.pop("SourceType")) == ("http://a/b", 0)
    assert parsed.pop("SourceType") == 1
    assert parsed == url_call
    assert b"\n" not in body
    assert b"\r" not in body


def test_a_body_with_everything_set():
    parameters = RequestParameters(2, 1, 2, 0, 1, "h", "云|5", "c", "r", None, 0, 2, "key")
    body = b"".join(
        json_body(parameters, engine="8k_zh", voice_format="pcm", audio=[b"\0\1\2"], size_bytes=3)
    )
    assert json.loads(body) == {
        "EngSerViceType": "8k_zh",
        "SourceType": 1,
        "VoiceFormat": "pcm",
        "WordInfo": 2,
        "FilterDirty": 1,
        "FilterModal": 2,
        "FilterPunc": 0,
        "ConvertNumMode": 1,
        "HotwordId": "h",
        "HotwordList": "云|5",
        "CustomizationId": "c",
        "ReplaceTextId": "r",
        "ProjectId": 0,
        "SubServiceType": 2,
        "UsrAudioKey": "key",
        "DataLen": 3,
        "Data": "AAEC",
    }


def test_what_is_not_set_is_not_sent():
    body = b"".join(
        json_body(RequestParameters(), engine="16k_en", voice_format="wav", audio=[b"RIFF"], size_bytes=4)
    )
    assert set(json.loads(body)) == {
        "EngSerViceType",
        "SourceType",
        "VoiceFormat",
        "WordInfo",
        "DataLen",
        "Data",
    }


def test_the_official_client_knows_every_field_that_is_sent(recwarn):
    parameters = RequestParameters(2, 1, 2, 0, 1, "h", "云|5", "c", "r", 8000, 0, 2, "key")
    body = json_body_url(parameters, engine="16k_zh", voice_format="pcm", url="https://a/b.pcm")
    request = models.SentenceRecognitionRequest()
    request._deserialize(json.loads(body))
    assert [str(warning.message) for warning in recwarn] == []
    assert request.InputSampleRate == 8000


def test_the_older_signature_takes_the_same_call_as_text():
    url = "https://example.com/b?c=d&e=ü"
    call = v1_parameters(RequestParameters(project_id=0), engine="16k_zh", voice_format="mp3", url=url)
    assert call == {
        "EngSerViceType": "16k_zh",
        "SourceType": "0",
        "VoiceFormat": "mp3",
        "WordInfo": "1",
        "ProjectId": "0",
        "Url": url,
    }


@pytest.mark.parametrize("build", [json_body_url, v1_parameters])
def test_an_address_has_fewer_than_2048_bytes(build):
    base = "https://example.com/a.mp3?sign=SECRET"
    longest = base + "x" * (2047 - len(base))
    build(RequestParameters(), engine="16k_zh", voice_format="mp3", url=longest)
    with pytest.raises(RecordingError, match="2048 bytes") as failed:
        build(RequestParameters(), engine="16k_zh", voice_format="mp3", url=longest + "x")
    assert failed.value.code == "UrlTooLong"
    assert "SECRET" not in failed.value.message


@given(PARAMETERS)
def test_valid_parameters_pass(parameters):
    ids = (
        parameters.hotword_id,
        parameters.customization_id,
        parameters.replace_text_id,
        parameters.usr_audio_key,
    )
    if all(text is None or text.strip() for text in ids):
        check(parameters, engine="16k_zh", voice_format="auto")


def test_defaults_pass_without_a_warning():
    assert check(RequestParameters(), engine="16k_zh", voice_format="auto") == ()


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("word_info", 3, "0, 1, 2"),
        ("word_info", True, "0, 1, 2"),
        ("filter_dirty", -1, "0, 1, 2"),
        ("filter_modal", "1", "0, 1, 2"),
        ("filter_punc", 1.0, "0, 1, 2"),
        ("convert_num_mode", 2, "0, 1"),
        ("sub_service_type", 1, "2"),
        ("project_id", -1, "0"),
        ("project_id", False, "0"),
        ("hotword_id", "", "not empty"),
        ("hotword_list", " ", "not empty"),
        ("customization_id", 7, "a text"),
        ("usr_audio_key", "", "not empty"),
        ("hotword_list", "云", "word|weight"),
        ("hotword_list", "云|0", "1 to 11 or 100"),
        ("hotword_list", "云|12", "1 to 11 or 100"),
        ("hotword_list", "云|²", "1 to 11 or 100"),
        ("hotword_list", "|5", "word|weight"),
        ("hotword_list", "云|5,", "word|weight"),
        ("hotword_list", "云|5, ASR|6", "without spaces"),
        ("hotword_list", "a" * 31 + "|5", "30"),
        ("hotword_list", "云" * 11 + "|5", "10 hanzi"),
        ("hotword_list", ",".join(["云|5"] * 129), "128"),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_what_is_allowed(key, value, allowed):
    (problem,) = problems_of(**{key: value})
    assert f"recognition.{key}" in problem
    assert allowed in problem.partition("allowed: ")[2]


@pytest.mark.parametrize(
    "hotwords",
    [
        "云|1",
        "云|11,ASR|100",
        "a" * 30 + "|5",
        "云" * 10 + "|5",
        ",".join(["云|5"] * 128),
        "New York|5",
        "a|b|5",
    ],
)
def test_hotword_lists_that_are_allowed(hotwords):
    assert check(RequestParameters(hotword_list=hotwords), engine="16k_zh", voice_format="wav") == ()


def test_all_problems_are_told_at_once():
    problems = problems_of(word_info=9, filter_punc=9, hotword_list="x", engine="zh", voice_format="flac")
    assert len(problems) == 5


@pytest.mark.parametrize("voice_format", VOICE_FORMATS)
def test_by_address_every_format_of_the_service_is_allowed(voice_format):
    assert check(RequestParameters(), engine="16k_zh", voice_format=voice_format, by_url=True) == ()


@pytest.mark.parametrize("voice_format", ["amr", "silk", "speex"])
def test_formats_that_cannot_be_made_are_for_addresses_only(voice_format):
    (problem,) = problems_of(voice_format=voice_format)
    assert "recognition.source: url" in problem


def test_the_input_rate_is_for_8_khz_pcm_by_address_to_a_16_khz_engine():
    low = RequestParameters(input_sample_rate=8000)
    assert check(low, engine="16k_zh", voice_format="pcm", by_url=True) == ()
    assert "pcm and a 16 kHz engine" in problems_of(low, voice_format="wav", by_url=True)[0]
    assert "16 kHz engine" in problems_of(low, engine="8k_zh", voice_format="pcm", by_url=True)[0]
    assert "recognition.source: url" in problems_of(low, voice_format="pcm")[0]
    assert "allowed: 8000" in problems_of(input_sample_rate=16000, voice_format="pcm", by_url=True)[0]


def test_what_is_likely_a_slip_is_a_warning():
    (unknown,) = check(RequestParameters(), engine="16k_zh_medicine", voice_format="wav")
    assert "16k_zh_medical" in unknown
    filters = RequestParameters(filter_dirty=1, filter_modal=2, filter_punc=0)
    assert len(check(filters, engine="16k_en", voice_format="wav")) == 2
    assert check(filters, engine="8k_zh", voice_format="wav") == ()
    both = RequestParameters(hotword_id="a", hotword_list="b|5")
    assert "hotword_list alone" in check(both, engine="16k_zh", voice_format="wav")[0]


@pytest.mark.parametrize(
    ("url", "voice_format"),
    [
        ("https://a.example/b.mp3", "mp3"),
        ("https://a.example/b.MP3?sign=x.wav", "mp3"),
        ("https://a.example/b.opus#t", "ogg-opus"),
        ("https://a.example/b.ogg", "ogg-opus"),
        ("https://a.example/b.mp4", "m4a"),
        ("https://a.example/b.spx", "speex"),
        ("https://a.example/b.flac", None),
        ("https://a.example/b", None),
        ("https://a.mp3", None),
        ("http://[::1/b.mp3", None),
        ("", None),
    ],
)
def test_the_format_that_an_address_suggests(url, voice_format):
    assert voice_format_of_url(url) == voice_format


@pytest.mark.parametrize("voice_format", VOICE_FORMATS)
def test_every_format_of_the_service_has_an_ending(voice_format):
    ending = {"ogg-opus": "opus"}.get(voice_format, voice_format)
    assert voice_format_of_url(f"https://a.example/b.{ending}") == voice_format


def test_the_fingerprint_changes_with_everything_that_changes_the_answer():
    base = answer_fingerprint(RequestParameters(), engine="16k_zh")
    assert base == (("EngSerViceType", "16k_zh"), ("WordInfo", 1))
    assert answer_fingerprint(RequestParameters(), engine="16k_en") != base
    neutral = {"project_id", "sub_service_type", "usr_audio_key"}
    for field in fields(RequestParameters):
        changed = answer_fingerprint(RequestParameters(**{field.name: 0}), engine="16k_zh")
        assert (changed == base) == (field.name in neutral), field.name


@given(PARAMETERS)
def test_the_fingerprint_is_sorted_and_can_be_a_key(parameters):
    fingerprint = answer_fingerprint(parameters, engine="16k_zh")
    assert list(fingerprint) == sorted(fingerprint)
    assert {fingerprint: 1}[answer_fingerprint(parameters, engine="16k_zh")] == 1
