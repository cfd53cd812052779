"""The report of datasets that were really run, parsed as a browser would."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rich.console import Console

from pipeline.export_files import prepare
from pipeline.reports import MOST_NAMED, ReportArguments, report
from pipeline.run_record import RunCounts
from pipeline.service.server import LocalService
from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY, ServiceSettings
from pipeline.timeline import Timeline
from tests.e2e.command import beamscribe, rows, settings
from tests.e2e.sounds import chatter, write_wav
from tests.pipeline.test_finished import note, partial, transcript_of, write
from tests.transforms.dataset_samples import RATE, failure_of, utterance_of
from tests.transforms.test_upgrade import make_older
from transforms.errors import UsageError
from transforms.folders import RemoteFolder
from transforms.parts import create_dataset
from transforms.reading import Reading

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc)
LOADING = ("src", "href", "data", "action", "poster", "srcset")
VOID = {"meta", "link", "br", "img", "input", "wbr"}
HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;\u202egnp"


@dataclass
class Page(HTMLParser):
    """What a page holds: its tags with their attributes, and its texts outside of script and style."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"{tag} is closed where it was not open"

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("script", "style"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def parsed(file: Path) -> Page:
    page = Page()
    page.feed(file.read_text("utf-8"))
    page.close()
    assert page._open == []
    return page


def reported(output: Path | str, **arguments: object) -> tuple[Page, str]:
    """The page, written beside the dataset, and what was printed."""
    said, page = io.StringIO(), Path(output).parent / "page.html"
    report(ReportArguments(str(output), str(page), **arguments), Console(file=said, width=80), NOW)
    return parsed(page), said.getvalue()


def transcribed(folder: Path, service: LocalService, heard: dict[bytes, np.ndarray]) -> Path:
    """A dataset of these recordings and a broken one, each of their channels cut at 3 s."""
    (folder / "in").mkdir()
    for name, samples in heard.items():
        soundfile.write(os.fsencode(folder / "in") + b"/" + name, samples, RATE, format="WAV")
    (folder / "in" / "broken.wav").write_bytes(b"no sound")
    ended = beamscribe(
        "run", f"--input={folder / 'in'}", f"--output={folder / 'out'}",
        *settings(service, audio__channels="split", segmentation__max_seconds=3),
    )  # fmt: skip
    assert ended.code == 3
    return folder / "out"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Four recordings and a broken one, transcribed by the local service; no test changes them."""
    heard = {
        b"short.wav": chatter(1, 1),
        b"long.wav": chatter(7, 2),
        b"\xff.wav": chatter(2, 3),
        b"two.wav": np.stack([chatter(3, 8), chatter(3, 9)], axis=1),
    }
    with pytest.MonkeyPatch.context() as patch, LocalService(ServiceSettings()) as service:
        patch.setenv("TENCENTCLOUD_SECRET_ID", TEST_SECRET_ID)
        patch.setenv("TENCENTCLOUD_SECRET_KEY", TEST_SECRET_KEY)
        patch.delenv("TENCENTCLOUD_TOKEN", raising=False)
        yield transcribed(tmp_path_factory.mktemp("corpus"), service, heard)


def test_the_page_shows_what_the_dataset_holds(corpus):
    page, said = reported(corpus)
    assert "4 of 5 recordings are transcribed. The last run has ended." in page.text
    assert "1 failure of 1 recording" in page.text
    assert "NotAudio" in page.text
    assert "limit is 3 s" in page.text
    assert "Calls a second from" in page.text
    assert "Where the time went" in page.text
    for row in rows(corpus, "segments"):
        if "long.wav" in row["audio_uri"]:
            assert row["text"] in page.text.replace("  ", " ")
    assert "Report: " in said
    assert "long.wav (the longest)" in said


def test_what_a_killed_run_had_found_is_told_so_that_its_rows_do_not_look_like_all(tmp_path):
    run_id = "20260101T000000Z-0a0b0c0d"
    create_dataset(str(tmp_path))
    write(tmp_path, run_id, [utterance_of("/in/a.wav"), transcript_of("/in/a.wav")])
    counts = Reading(recordings_found=90, recordings_listed=1, recordings_done=3, failures={"NotAudio": 2})
    timeline = Timeline("2026-01-01T00:00:00+00:00", 60.0, totals=counts)
    note(tmp_path, run_id, ended_at=None, exit_code=None, counts=None, timeline=timeline)
    page, _ = reported(tmp_path)
    assert "1 of 1 recording is transcribed. The last run has not said that it ended." in page.text
    assert "By 1 Jan 2026, 00:01 UTC it had done 3 of 90 recordings; failed: NotAudio 2." in page.text


def test_recordings_that_a_stopped_run_did_not_start_are_told(tmp_path):
    run_id = "20260101T000000Z-0a0b0c0d"
    create_dataset(str(tmp_path))
    write(tmp_path, run_id, [utterance_of("/in/a.wav"), transcript_of("/in/a.wav")])
    note(
        tmp_path,
        run_id,
        exit_code=4,
        stopped="BudgetReached: ...",
        counts=RunCounts(files_not_started=92, unanswered_segments=9),
    )
    page, _ = reported(tmp_path)
    assert "exit code 4. It left 92 recordings not started and 9 segments not called." in page.text


def test_a_recording_can_be_heard_and_is_marked_where_it_was_cut(corpus):
    page, _ = reported(corpus, recordings=("long.wav",))
    (audio,) = page.of("audio")
    assert audio["src"].startswith("data:audio/mpeg;base64,")
    (strip,) = [each for each in page.of("figure") if each["class"] == "strip"]
    assert (strip["data-start"], strip["data-end"]) == ("0", "7000")
    segments = [row for row in rows(corpus, "segments") if "long.wav" in row["audio_uri"]]
    assert len(segments) >= 3
    drawn = [each for each in page.of("rect") if each.get("class", "").startswith("band")]
    assert len([each for each in drawn if "data-tip" in each]) == len(segments)
    times = [int(each["data-s"]) for each in page.of("button")]
    assert times == [row["start_ms"] for row in segments]
    words = [(int(each["data-s"]), int(each["data-e"])) for each in page.of("bdi") if "data-s" in each]
    assert words == [(word["start_ms"], word["end_ms"]) for row in segments for word in row["words"]]


def test_each_channel_is_shown_and_a_name_of_any_bytes_is_found(corpus):
    page, _ = reported(corpus, recordings=("two.wav", "\\xff.wav"))
    assert len(page.of("audio")) == 3
    assert "Channel 1" in page.text


def test_without_its_file_or_with_another_a_recording_has_its_rows_and_a_note(
    serve, local_credentials, tmp_path
):
    corpus = transcribed(tmp_path, serve(), {b"short.wav": chatter(1, 1), b"long.wav": chatter(7, 2)})
    heard = tmp_path / "in"
    (heard / "short.wav").unlink()
    write_wav(heard / "long.wav", chatter(7, 99))
    page, said = reported(corpus, recordings=("short.wav", "long.wav"))
    assert page.of("audio") == []
    assert "Its file cannot be read now (NotFound). Its rows are shown without its sound." in page.text
    assert "Its file has changed since it was transcribed." in page.text
    assert "has changed" in said
    (text,) = [row["text"] for row in rows(corpus, "segments") if "short.wav" in row["audio_uri"]]
    assert text in page.text


def test_error_rates_stand_in_the_report_if_there_are_references(corpus):
    (text,) = [row["text"] for row in rows(corpus, "transcripts") if "short.wav" in row["audio_uri"]]
    manifest = corpus.parent / "references.jsonl"
    said = {"audio": "in/short.wav", "channel": 0, "reference": f"{text} indeed"}
    manifest.write_text(json.dumps(said))
    page, _ = reported(corpus, references=str(manifest))
    assert "How good it is" in page.text
    assert "11.11 % of 9 words: 0 substituted, 1 deleted, 0 inserted" in page.text
    assert "short.wav" in page.text


def test_the_page_is_one_file_that_may_load_nothing(corpus):
    page, _ = reported(corpus)
    loaded = [
        value
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in LOADING and not value.startswith(("data:", "#"))
    ]
    assert loaded == []
    (policy,) = [each["content"] for each in page.of("meta") if each.get("http-equiv")]
    assert policy.startswith("default-src 'none'; img-src data:; media-src data:;")
    assert "unsafe" not in policy
    assert not any(name == "style" or name.startswith("on") for _, each in page.tags for name in each)
    identifiers = [each["id"] for _, each in page.tags if "id" in each]
    assert len(identifiers) == len(set(identifiers))
    wanted = {each["href"][1:] for each in page.of("a")} | {
        each["aria-labelledby"] for _, each in page.tags if "aria-labelledby" in each
    }
    assert wanted <= set(identifiers)


def test_names_and_texts_of_strangers_stay_text(tmp_path):
    output = tmp_path / "out"
    uri = f"/in/{HOSTILE}.wav"
    said = utterance_of(uri, 0, text=HOSTILE)
    bad = failure_of(f"{uri}.bad")
    write(
        output, "20260101T000000Z-00000001",
        [said, transcript_of(uri, text=HOSTILE, recording_id=HOSTILE), type(bad)(**{
            **{name: getattr(bad, name) for name in bad.__slots__}, "code": HOSTILE, "message": HOSTILE,
        })],
    )  # fmt: skip
    manifest = tmp_path / "references.jsonl"
    manifest.write_text(json.dumps({"audio": uri, "reference": HOSTILE, "language": HOSTILE}))
    page, printed = reported(output, references=str(manifest))
    assert len(page.of("script")) == 1
    assert page.of("img") == []
    assert "\u202e" not in page.text + printed
    assert "\\u202egnp" in page.text
    assert "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;" in page.text


def test_a_dataset_without_runs_or_rows_has_a_report_too(tmp_path):
    write(tmp_path / "out", "20260101T000000Z-00000001", [])
    page, _ = reported(tmp_path / "out")
    assert "No recording has a row yet." in page.text
    write(tmp_path / "out", "20260101T000000Z-00000001", [utterance_of("/in/a.wav")])
    page, said = reported(tmp_path / "out")
    assert "0 of 1 recording are transcribed" not in page.text
    assert "unfinished" in page.text
    assert "a.wav (the longest)" in said


def test_rows_of_an_older_run_count_only_where_no_newer_ones_are(tmp_path):
    old, new = "20260101T000000Z-00000001", "20260102T000000Z-00000002"
    write(tmp_path / "out", old, [utterance_of("/in/a.wav", n, text="old") for n in range(3)])
    write(tmp_path / "out", new, [utterance_of("/in/a.wav", n, text="new", end=3 * RATE) for n in range(2)])
    write(tmp_path / "out", new, [partial("/in/a.wav", 1)])
    page, _ = reported(tmp_path / "out")
    assert "0 to 2 s 1 2 to 4 s 2" in page.text
    shown = page.text.rpartition("To see and hear")[2].split()
    assert ("new" in shown, "old" in shown) == (True, False)


def test_the_report_goes_where_it_is_told(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pages").mkdir()
    assert beamscribe("report", corpus).code == 0
    (corpus / "report.html").rename(tmp_path / "default.html")
    assert beamscribe("report", corpus, "--to", "pages/one.html").code == 0
    assert (tmp_path / "pages" / "one.html").exists()
    assert sorted(path.name for path in (tmp_path / "pages").iterdir()) == ["one.html"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "{out}"], "--to {out}: expected a file, such as {out}/report.html."),
        (["--to", "{out}/segments/x.html"], "lies in segments/ of the dataset"),
        (["--to", "{in}/long.wav"], "--to {in}/long.wav: expected a name that ends in .html"),
        (["--recording", "https://h.example/a.wav?signature=hidden"], "https://h.example/a.wav?..."),
        (["--recording", "lung.wav"], "Did you mean {in}/long.wav?"),
        (["--recording", ""], "--recording is empty"),
        (["--run", "2026"], "Did you mean 20"),
        (["--recording=a"] * (MOST_NAMED + 1), f"expected {MOST_NAMED} at most"),
        (["--references", "{out}/none.csv"], "none.csv"),
    ],
)
def test_wrong_arguments_are_named_with_the_nearest_valid_choice(corpus, arguments, message):
    places = {"out": corpus, "in": corpus.parent / "in"}
    ended = beamscribe("report", corpus, *(each.format(**places) for each in arguments))
    assert ended.code == 2
    assert message.format(**places) in ended.stderr
    assert "hidden" not in ended.stderr
    assert not (corpus / "report.html").exists()


def test_no_secret_of_an_address_is_told_where_nothing_can_be_written():
    class Refusing(RemoteFolder):
        def prepare(self) -> None:
            raise UsageError("refused") from OSError("no right")

    target = "s3://key:hidden@bucket"
    with pytest.raises(UsageError, match=r"s3://\*\*\*@bucket: exports cannot be written there \(no right\)"):
        prepare(Refusing(target), target)


def test_the_run_that_was_asked_for_is_not_called_the_newest(tmp_path):
    old, new = "20260101T000000Z-00000001", "20260102T000000Z-00000002"
    create_dataset(str(tmp_path / "out"))
    for run_id in (old, new):
        started_at = f"{run_id[:4]}-01-0{run_id[7]}T00:00:00+00:00"
        record = {"run_id": run_id, "started_at": started_at, "configuration": {}} | dict.fromkeys(
            ("ended_at", "exit_code", "stopped", "cost", "currency")
        )
        (tmp_path / "out" / "runs" / f"{run_id}.json").write_text(json.dumps(record))
    assert f"Run {old} ." in reported(tmp_path / "out", run=old)[0].text
    assert f"Run {new} , the newest." in reported(tmp_path / "out")[0].text


def test_an_unfinished_recording_is_not_called_partial(tmp_path):
    write(tmp_path / "out", "20260101T000000Z-00000001", [utterance_of("/in/a.wav", 0)])
    page, _ = reported(tmp_path / "out")
    assert "Status unfinished" in page.text
    assert "Status partial" not in page.text


def test_a_dataset_of_the_release_before_has_a_report_before_it_is_upgraded(tmp_path):
    write(tmp_path / "out", "20260101T000000Z-00000001", [utterance_of("/in/a.wav", 0, text="heard")])
    make_older(tmp_path / "out")
    page, _ = reported(tmp_path / "out")
    assert "heard" in page.text.rpartition("To see and hear")[2]


def test_many_codes_do_not_make_the_page_endless(tmp_path):
    failures = [replace(failure_of(f"/in/{number}.wav"), code=f"Odd{number}") for number in range(53)]
    write(tmp_path / "out", "20260101T000000Z-00000001", failures)
    page, _ = reported(tmp_path / "out")
    assert len([each for each in page.of("div") if each.get("class") == "code"]) == 50
    assert "and 3 codes more: status --json has all of them." in page.text


def test_what_is_no_dataset_has_no_report(tmp_path):
    ended = beamscribe("report", tmp_path / "none")
    assert (ended.code, "does not exist" in ended.stderr) == (2, True)
