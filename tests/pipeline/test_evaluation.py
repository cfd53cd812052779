from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.error_rates import Evaluation, Place
from pipeline.evaluation import evaluate
from pipeline.scoring import compare
from tests.pipeline.test_finished import transcript_of, write
from transforms.errors import UsageError
from transforms.parts import create_dataset
from transforms.records import Status, Transcript

OLD, NEW = "20260101T000000Z-00000000", "20260102T000000Z-00000000"
Row = tuple[str, str, str, str]


def manifest(folder: Path, rows: Iterable[Row]) -> str:
    """Rows of audio, reference, language and channel."""
    path = folder / "references.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("audio", "reference", "language", "channel"), *rows])
    return str(path)


def evaluated(folder: Path, rows: Iterable[Row], transcripts: Iterable[Transcript], **options) -> Evaluation:
    write(folder / "out", OLD, transcripts)
    return evaluate(str(folder / "out"), manifest(folder, rows), **options)


def partial(uri: str, text: str) -> Transcript:
    return transcript_of(uri, text=text, status=Status.PARTIAL, segments=2, failed_segments=1)


def test_equal_texts_have_no_errors(tmp_path):
    rows = [("/a", "Hello, world!", "en", ""), ("/b", "你好。", "zh", "")]
    found = evaluated(
        tmp_path, rows, [transcript_of("/a", text="hello world"), transcript_of("/b", text="你好")]
    )
    assert found.transcribed.words.rate == found.transcribed.characters.rate == 0.0
    assert found.worst == ()
    assert [(group.name, group.figure) for group in found.languages] == [("en", "wer"), ("zh", "cer")]


def test_rates_are_summed_over_words_not_averaged_over_recordings(tmp_path):
    rows = [("/a", "a b c d e f g h i", "en", ""), ("/b", "x", "EN", ""), ("/c", "广州市", "zh_CN", "")]
    heard = [("/a", "a b c d e f g h i"), ("/b", "y"), ("/c", "广洲市")]
    found = evaluated(tmp_path, rows, [transcript_of(uri, text=text) for uri, text in heard])
    assert found.transcribed.words.rate == pytest.approx(2 / 13)
    assert (found.transcribed.recordings, found.transcribed.figure) == (3, "wer")
    english, chinese = found.languages
    assert (english.name, english.recordings, english.words.rate) == ("en", 2, 0.1)
    assert (chinese.name, chinese.figure, chinese.characters.rate) == ("zh-cn", "cer", pytest.approx(1 / 3))
    assert (english.words.length, chinese.characters.substitutions) == (10, 1)


def test_what_is_left_out_is_named(tmp_path):
    rows = [
        ("/a", "one two", "", ""), ("/gone", "three four", "", ""), ("/silent", " ... ", "", ""),
        ("/split", "who knows", "", ""), ("/part", "five six", "", ""),
    ]  # fmt: skip
    transcripts = [
        transcript_of("/a", text="one two"), transcript_of("/silent"), transcript_of("/split"),
        transcript_of("/split", 1), partial("/part", "five"), transcript_of("/unasked"),
    ]  # fmt: skip
    found = evaluated(tmp_path, rows, transcripts)
    for some, uri in (
        (found.missing, "/gone"), (found.empty_references, "/silent"), (found.unclear_channel, "/split"),
        (found.partial, "/part"),
    ):  # fmt: skip
        assert (some.count, some.examples) == (1, (Place(uri, None),))
    assert (found.unreferenced.count, found.unreferenced.examples) == (1, (Place("/unasked", 0),))
    assert (found.transcribed.recordings, found.transcribed.words.rate) == (2, 0.25)
    assert (found.all_references.recordings, found.all_references.words.rate) == (3, 0.5)
    assert [group.name for group in found.languages] == ["not told"]


def test_missing_transcripts_count_as_deleted_everywhere_on_demand(tmp_path):
    rows = [("/a", "one two", "en", ""), ("/gone", "drei", "de", "")]
    transcripts = [transcript_of("/a", text="one two")]
    without = evaluated(tmp_path, rows, transcripts)
    within = evaluated(tmp_path, rows, transcripts, missing_as_deleted=True)
    assert (without.transcribed, without.all_references) == (within.transcribed, within.all_references)
    assert without.all_references.words.deletions == 1
    assert [group.name for group in without.languages] == ["en"]
    assert [(group.name, group.words.rate) for group in within.languages] == [("en", 0.0), ("de", 1.0)]
    assert without.worst == ()
    [worst] = within.worst
    assert (worst.place.audio_uri, worst.status, worst.channel) == ("/gone", None, None)


def test_channels_are_rows_of_their_own_but_one_recording(tmp_path):
    rows = [("/a", "one", "", "0"), ("/a", "two", "", "1"), ("/b", "three", "", "")]
    transcripts = [
        transcript_of("/a", 0, text="one"), transcript_of("/a", 1, text="too"),
        transcript_of("/b", text="three"),
    ]  # fmt: skip
    found = evaluated(tmp_path, rows, transcripts)
    assert (found.transcribed.recordings, found.transcribed.words.length) == (2, 3)
    [worst] = found.worst
    assert (worst.place, worst.channel, worst.words.rate) == (Place("/a", 1), 1, 1.0)


def test_the_newest_run_counts(tmp_path):
    write(tmp_path / "out", NEW, [transcript_of("/a", text="good")])
    found = evaluated(tmp_path, [("/a", "good", "", "")], [transcript_of("/a", text="bad")])
    assert found.transcribed.words.rate == 0.0


def test_the_worst_come_first_and_only_as_many_as_asked_for(tmp_path):
    said = {"/best": "a b c d", "/good": "a b c x", "/bad": "x y", "/worse": "x y z", "/same": "x y z"}
    rows = [(uri, "a b c d", "", "") for uri in said]
    transcripts = [transcript_of(uri, text=text) for uri, text in said.items()]
    found = evaluated(tmp_path, rows, transcripts, worst=3)
    assert [each.place.audio_uri for each in found.worst] == ["/bad", "/same", "/worse"]
    first = found.worst[0]
    assert (first.words.rate, first.words.interval, first.words.deletions) == (1.0, None, 2)
    assert [word.reference for word in first.alignment] == ["a", "b", "c", "d"]
    assert evaluate(str(tmp_path / "out"), str(tmp_path / "references.csv"), worst=0).worst == ()


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=5).map(" ".join), min_size=2, max_size=6),
    st.randoms(use_true_random=False),
)
def test_the_order_of_rows_and_transcripts_changes_nothing(tmp_path_factory, texts, random):
    rows = [(f"/{number}", "a b c", "en" if number % 2 else "zh", "") for number in range(len(texts))]
    transcripts = [transcript_of(f"/{number}", text=text) for number, text in enumerate(texts)]
    found = [
        evaluated(tmp_path_factory.mktemp("order"), *orders)
        for orders in (
            (rows, transcripts),
            (random.sample(rows, len(rows)), random.sample(transcripts, len(transcripts))),
        )
    ]
    one, other = (replace(each, output="", references="") for each in found)
    assert one == other
    assert one.transcribed.words.rate == pytest.approx(
        sum(compare("a b c", text).words.errors for text in texts) / (3 * len(texts))
    )


@pytest.mark.parametrize(
    ("rows", "transcripts", "said"),
    [
        ([("/a", "x", "", "")], [], "there is no transcript yet"),
        ([("/a", " ", "", "")], [transcript_of("/a")], "no row has a text under 'reference'"),
        (
            [("a.wav", "x", "", "")],
            [transcript_of("/else/a.wav")],
            "no recording in common.*/a.wav.* has /else/a.wav: 'audio' has to lead there",
        ),
        ([("/a", "x", "", "2")], [transcript_of("/a")], "of /a, channel 2"),
        (
            [("/a", "x", "", "")],
            [transcript_of("/a"), transcript_of("/a", 1)],
            "needs the column 'channel'",
        ),
    ],
)
def test_nothing_to_compare_is_an_error_that_says_why(rows, transcripts, said, tmp_path):
    create_dataset(str(tmp_path / "out"))
    with pytest.raises(UsageError, match=said):
        evaluated(tmp_path, rows, transcripts)


def test_less_than_no_recordings_cannot_be_shown(tmp_path):
    with pytest.raises(UsageError, match="--worst -1: expected 0 or more"):
        evaluate(str(tmp_path), "references.csv", worst=-1)
