from __future__ import annotations

import csv
import json
import re
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.export_forms import srt, vtt
from pipeline.subtitle_pieces import SpokenSegment, TimedWord
from pipeline.subtitles import GAP_MS, MAX_CUE_MS, MIN_CUE_MS, Cue, cues_of

TEXTS = st.text(st.sampled_from("abcdefgh  ,.!?-<>&你好世界，。ーのタイ한국어ไทย1234"), max_size=300)


@st.composite
def segments(draw: st.DrawFn) -> list[SpokenSegment]:
    """Of any text and any times, right and wrong ones."""
    found = []
    start_ms = 0
    for index in range(draw(st.integers(0, 4))):
        start_ms += draw(st.integers(0, 5000))
        end_ms = start_ms + draw(st.integers(0, 59_000))
        text = draw(TEXTS)
        words = []
        at_ms = start_ms
        for word in text.split() if draw(st.booleans()) else ():
            at_ms += draw(st.integers(-200, 1500))
            words.append(
                TimedWord(word.strip(",.!?"), max(0, at_ms), max(0, at_ms + draw(st.integers(-10, 900))))
            )
        found.append(SpokenSegment(index, start_ms, end_ms, text, tuple(words)))
        start_ms = end_ms
    return found


def one(text: str, end_ms: int, *words: tuple[str, int, int]) -> list[SpokenSegment]:
    return [SpokenSegment(0, 0, end_ms, text, tuple(TimedWord(*word) for word in words))]


def evenly(text: str, ms: int, start_ms: int = 0) -> list[SpokenSegment]:
    """A word in every ``ms`` milliseconds."""
    words = tuple(
        TimedWord(word.strip(",.?!"), start_ms + place * ms, start_ms + (place + 1) * ms)
        for place, word in enumerate(text.split())
    )
    return [SpokenSegment(0, start_ms, words[-1].end_ms, text, words)]


def wide(line: str) -> int:
    """Columns, counted in another way than the module's."""
    return sum(
        0
        if unicodedata.category(each) in {"Mn", "Me", "Cf"}
        else 1 + (unicodedata.east_asian_width(each) in "WF")
        for each in line
    )


def bare(text: str) -> str:
    return "".join(text.split())


@given(segments())
@settings(max_examples=200)
def test_every_subtitle_keeps_the_limits_and_no_text_is_lost(spoken):
    cues = cues_of(spoken)
    assert bare("".join(line for cue in cues for line in cue.lines)) == bare(
        "".join(each.text for each in spoken)
    )
    for cue in cues:
        assert 1 <= len(cue.lines) <= 2
        assert all(line == line.strip() and 0 < wide(line) <= 42 for line in cue.lines)
        assert 0 < cue.end_ms - cue.start_ms <= MAX_CUE_MS
    assert all(one.end_ms <= other.start_ms for one, other in pairwise(cues))


@given(st.lists(st.tuples(st.integers(0, 2500), st.integers(120, 900)), min_size=1, max_size=60), st.data())
def test_each_word_is_seen_while_it_is_said(pauses, data):
    words, at_ms = [], 0
    for number, (pause_ms, length_ms) in enumerate(pauses):
        words.append(TimedWord(f"w{number}", at_ms + pause_ms, at_ms + pause_ms + length_ms))
        at_ms = words[-1].end_ms
    text = " ".join(word.word + data.draw(st.sampled_from(["", "", ",", "."])) for word in words)
    cues = cues_of([SpokenSegment(0, 0, at_ms, text, tuple(words))])
    shown = [(re.sub(r"\W", "", word), cue) for cue in cues for line in cue.lines for word in line.split()]
    assert [word for word, _ in shown] == [word.word for word in words]
    for (_, cue), word in zip(shown, words, strict=True):
        assert cue.start_ms <= word.start_ms
        # Two frames before the next one it may have gone.
        assert word.end_ms <= cue.end_ms + GAP_MS


def test_sentences_and_pauses_come_first():
    text = "This is the first sentence of them. And here comes another one, which is longer than that was."
    assert [cue.lines[0].split()[0] for cue in cues_of(evenly(text, 400))] == ["This", "And"]
    [first, second] = cues_of(
        one(
            "we wait and go",
            5000,
            ("we", 0, 300),
            ("wait", 300, 700),
            ("and", 2000, 2300),
            ("go", 2300, 2600),
        )
    )
    assert (first.lines, second.lines) == (("we wait",), ("and go",))
    assert second.start_ms == 2000


def test_two_lines_break_at_the_comma_and_the_lower_one_is_not_left_with_a_word():
    text = "When the rain had stopped at last, we went for a walk"
    assert [cue.lines for cue in cues_of(evenly(text, 300))] == [
        ("When the rain had stopped at last,", "we went for a walk")
    ]
    [[upper, lower]] = [cue.lines for cue in cues_of(evenly("aaaa " * 9 + "aaa", 200))]
    assert abs(len(upper) - len(lower)) <= 5


def test_a_chinese_subtitle_holds_21_characters_a_line():
    [cue] = cues_of(one("好" * 42, 6900, ("好" * 42, 0, 6900)))
    assert [len(line) for line in cue.lines] == [21, 21]
    assert len(cues_of(one("好" * 43, 6900, ("好" * 43, 0, 6900)))) == 2


def test_a_chinese_line_does_not_break_a_word():
    words = ["一二三四五六七八", "甲乙丙丁戊己庚辛", "天地玄黄宇宙洪荒"]
    heard = [(word, 1500 * place, 1500 * (place + 1)) for place, word in enumerate(words)]
    [cue] = cues_of(one("".join(words), 4500, *heard))
    assert cue.lines in (("".join(words[:1]), "".join(words[1:])), ("".join(words[:2]), words[2]))


def test_words_without_any_time_still_come_one_after_the_other():
    words = [(f"word{number}", 1000, 1000) for number in range(60)]
    cues = cues_of(one(" ".join(word for word, _, _ in words), 20_000, *words))
    assert len(cues) > 4
    assert all(one.start_ms < one.end_ms <= other.start_ms for one, other in pairwise(cues))


def test_a_subtitle_stays_into_the_silence_until_it_is_read():
    [first, second] = cues_of(
        one(
            "extraordinarily incomprehensible. Next",
            20_000,
            ("extraordinarily", 0, 300),
            ("incomprehensible", 300, 600),
            ("next", 9000, 9200),
        )
    )
    assert first.end_ms == pytest.approx(33 * 1000 / 17, abs=1)
    assert second == Cue(9000, 9000 + MIN_CUE_MS, ("Next",))


def test_a_subtitle_goes_before_the_next_one_comes():
    text = "你好世界你好世界你好世界。再见"
    words = [("你好世界" * 3, 0, 1000), ("再见", 1100, 1500)]
    [cue] = cues_of(one(text, 2000, *words))
    assert cue.lines == (text,)
    [first, second] = cues_of(one(text, 9000, words[0], ("再见", 2000, 2500)))
    assert first.end_ms == pytest.approx(13 * 1000 / 9, abs=1)
    [first, second] = cues_of(
        one(
            "Yes. " + "No " * 40,
            20_000,
            ("yes", 0, 200),
            *[("no", 300 + 150 * n, 450 + 150 * n) for n in range(40)],
        )
    )[:2]
    assert first.end_ms + GAP_MS == second.start_ms


def test_no_subtitle_stays_beyond_the_recording_only_to_be_read():
    spoken = one("hello", 1000, ("hello", 900, 1000))
    assert cues_of(spoken)[0].end_ms == 900 + MIN_CUE_MS
    assert cues_of(spoken, 1200)[0].end_ms == 1200
    assert cues_of(spoken, 0)[0].end_ms == 1000


def test_a_word_that_is_said_to_last_for_a_minute_is_seen_for_seven_seconds():
    assert cues_of(one("er", 60_000, ("er", 0, 60_000))) == [Cue(0, MAX_CUE_MS, ("er",))]


def test_a_sentence_that_a_cut_divides_stays_together():
    [first] = evenly("and then we", 300)
    [second] = evenly("went home.", 300, start_ms=900)
    assert [cue.lines for cue in cues_of([first, second])] == [("and then we went home.",)]


def test_nothing_said_is_no_subtitle():
    assert cues_of([]) == []
    assert cues_of(one("  ", 1000)) == []
    assert srt([]) == ""
    assert vtt([]) == "WEBVTT\n\n"


@pytest.mark.parametrize("name", ["en_jfk_44k_stereo", "en_nemo_audio_1"])
def test_real_word_times_make_subtitles_that_can_be_read(name: str, shared_audio: Path):
    heard = json.loads((shared_audio / f"{name}.words.json").read_text())
    words = tuple(
        TimedWord(each["word"], round(each["start"] * 1000), round(each["end"] * 1000)) for each in heard
    )
    with (shared_audio / "manifest.csv").open(encoding="utf-8") as file:
        [text] = [row["reference"] for row in csv.DictReader(file) if row["audio"].startswith(name)]
    cues = cues_of([SpokenSegment(0, 0, words[-1].end_ms, text, words)])
    assert all(cue.end_ms - cue.start_ms >= MIN_CUE_MS for cue in cues)
    speeds = [sum(map(len, cue.lines)) * 1000 / (cue.end_ms - cue.start_ms) for cue in cues]
    assert max(speeds) < 20
    assert sum(speed <= 17 for speed in speeds) >= 0.9 * len(speeds)


# Small parsers that know nothing of the module, after the formats' own descriptions.

TIMES = re.compile(r"(\d{2,}):([0-5]\d):([0-5]\d)[.,](\d{3}) --> (\d{2,}):([0-5]\d):([0-5]\d)[.,](\d{3})")


def parsed_times(line: str, mark: str) -> tuple[int, int]:
    assert line.count(mark) == 2
    parts = [int(part) for part in TIMES.fullmatch(line).groups()]
    start, end = (((h * 60 + m) * 60 + s) * 1000 + ms for h, m, s, ms in (parts[:4], parts[4:]))
    return start, end


def parsed_srt(text: str) -> list[Cue]:
    blocks = [block.split("\n") for block in text.split("\n\n") if block]
    assert [block[0] for block in blocks] == [str(number) for number in range(1, len(blocks) + 1)]
    return [Cue(*parsed_times(block[1], ","), tuple(block[2:])) for block in blocks]


def parsed_vtt(text: str) -> list[Cue]:
    head, *blocks = [block for block in text.split("\n\n") if block]
    assert head == "WEBVTT"
    cues = []
    for block in blocks:
        times, *lines = block.split("\n")
        assert not any("-->" in line or "<" in line for line in lines)
        assert not any(re.search("&(?!amp;|lt;|gt;)", line) for line in lines)
        plain = [line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for line in lines]
        cues.append(Cue(*parsed_times(times, "."), tuple(plain)))
    return cues


@given(segments())
def test_srt_and_vtt_say_the_same_to_those_who_read_them(spoken):
    cues = cues_of(spoken)
    assert parsed_vtt(vtt(cues)) == cues
    arrowless = [
        Cue(cue.start_ms, cue.end_ms, tuple(line.replace("-->", "→") for line in cue.lines)) for cue in cues
    ]
    assert parsed_srt(srt(cues)) == arrowless


def test_hours_beyond_99_and_marks_of_the_format():
    cue = Cue(359_999_999, 360_000_000 + 3_600_000 * 900 + 61_001, ("a --> b & <i>",))
    assert parsed_vtt(vtt([cue])) == [cue]
    assert "99:59:59,999 --> 1000:01:01,001\na → b & <i>\n" in srt([cue])
    assert "a --&gt; b &amp; &lt;i&gt;" in vtt([cue])
