from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.answer import Answer, HeardWord, ServiceError, parse_answer

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Response", "Result", "Error", "Code", "WordList", "Word", "RequestId"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


def body(**response: object) -> bytes:
    return json.dumps({"Response": {"RequestId": "r-1", **response}}).encode()


def refusal(status: int, content: bytes) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        parse_answer(status, content)
    return caught.value


def test_a_transcript_with_words() -> None:
    words = [
        {"Word": "ni", "StartTime": 10, "EndTime": 200},
        {"Word": "hao", "StartTime": 200, "EndTime": 480},
    ]
    content = body(Result="ni hao", AudioDuration=1234, WordSize=2, WordList=words)
    heard = (HeardWord("ni", 10, 200), HeardWord("hao", 200, 480))
    assert parse_answer(200, content) == Answer("ni hao", heard, 1234, "r-1")


@pytest.mark.parametrize("more", [{}, {"WordList": None}, {"WordList": []}, {"AudioDuration": None}])
def test_what_may_be_absent_may_be_absent(more: dict[str, object]) -> None:
    assert parse_answer(200, body(Result="", **more)) == Answer("", (), 0, "r-1")


@pytest.mark.parametrize("status", [200, 400, 502])
def test_an_error_is_an_error_under_any_status_and_beside_a_result(status: int) -> None:
    error = refusal(status, body(Result="x", Error={"Code": "InternalError.Sub", "Message": "later"}))
    assert (error.code, error.message, error.request_id) == ("InternalError.Sub", "later", "r-1")
    assert not error.possibly_billed


def test_a_numeric_code_and_a_missing_message_are_taken() -> None:
    error = refusal(200, body(Error={"Code": 4008}))
    assert error.code == "4008"
    assert error.message


@pytest.mark.parametrize("more", [{}, {"Result": None}, {"Result": 5}, {"Result": ["x"]}])
def test_a_response_without_a_result_is_no_transcript(more: dict[str, object]) -> None:
    error = refusal(200, body(**more))
    assert (error.code, error.request_id, error.possibly_billed) == ("NoResult", "r-1", True)


@pytest.mark.parametrize(
    ("status", "content", "code", "possibly_billed"),
    [
        (200, b"<html>502</html>", "NotJson", True),
        (200, b"", "NotJson", True),
        (200, b'{"Response": {"Resu', "NotJson", True),
        (200, b"\xff\xfe\xfd", "NotJson", True),
        (200, b"[" * 200_000, "NotJson", True),
        (200, b"[]", "MalformedAnswer", True),
        (200, b'{"Response": null}', "MalformedAnswer", True),
        (200, body(Error={"Message": "no code"}), "MalformedAnswer", True),
        (200, body(Error="broken"), "MalformedAnswer", True),
        (502, b"<html>502</html>", "HttpStatus.502", True),
        (500, body(Result="x"), "HttpStatus.500", True),
        (503, body(Error="broken"), "HttpStatus.503", True),
        (404, b"{}", "HttpStatus.404", False),
        (302, b"", "HttpStatus.302", False),
    ],
)
def test_what_is_no_answer_of_the_service(
    status: int, content: bytes, code: str, possibly_billed: bool
) -> None:
    error = refusal(status, content)
    assert (error.code, error.possibly_billed) == (code, possibly_billed)


@pytest.mark.parametrize(
    "more",
    [
        {"WordList": "words"},
        {"WordList": ["word"]},
        {"WordList": [{"Word": None, "StartTime": 0, "EndTime": 1}]},
        {"WordList": [{"Word": "a", "StartTime": 0.5, "EndTime": 1}]},
        {"WordList": [{"Word": "a", "StartTime": 0, "EndTime": -1}]},
        {"WordList": [{"Word": "a", "StartTime": True, "EndTime": 1}]},
        {"WordList": [{"Word": "a", "StartTime": 0}]},
        {"AudioDuration": "59"},
        {"AudioDuration": 2**70},
    ],
)
def test_words_and_durations_of_the_wrong_form(more: dict[str, object]) -> None:
    error = refusal(200, body(Result="x", **more))
    assert (error.code, error.request_id) == ("MalformedAnswer", "r-1")


def test_half_a_character_does_not_reach_the_dataset() -> None:
    answer = parse_answer(200, b'{"Response": {"Result": "a\\ud800b", "RequestId": "r"}}')
    assert answer.text == "a?b"
    assert parse_answer(200, b'{"Response": {"Result": "\\ud83d\\ude00"}}').text == "\U0001f600"


@given(status=st.sampled_from([200, 404, 502]), value=json_values)
def test_any_json_is_an_answer_or_a_named_error(status: int, value: object) -> None:
    try:
        answer = parse_answer(status, json.dumps(value).encode())
    except ServiceError as error:
        shown = error.code + error.message
    else:
        shown = f"{status} {answer.text}"
        assert status == 200
    assert shown.encode("utf-8")


def test_an_error_pickles_whole_and_says_its_call() -> None:
    error = ServiceError("InternalError", "later", "r-1", True)
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, ServiceError)
    assert (copy.code, copy.message, copy.request_id, copy.possibly_billed) == (
        "InternalError",
        "later",
        "r-1",
        True,
    )
    assert str(copy) == "InternalError: later (RequestId r-1)"
