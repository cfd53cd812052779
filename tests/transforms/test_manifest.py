from __future__ import annotations

import csv
import json
import math
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.io.filesystems import FileSystems
from hypothesis import given
from hypothesis import strategies as st

from transforms.errors import UsageError
from transforms.manifest import read_manifest
from transforms.objects import Objects
from transforms.records import Recording


def check_manifest(path: str) -> int:
    return sum(1 for _ in read_manifest(path))


def written(tmp_path, content: str | bytes, name: str = "list.csv") -> str:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return str(path)


def test_csv_rows_become_recordings(tmp_path):
    manifest = written(
        tmp_path,
        "\ufeffid,audio,speaker,language,channel,crc32c,reference\r\n"
        '7,"a, ""b"".wav",x,zh,1,E3069283,hello\r\n'
        "\r\n"
        ",https://host/a%20b.mp3,,,,crc32c=4waSgw==,\r\n"
        "short,sub/录.wav\r\n",
    )
    first, second, third = read_manifest(manifest)
    base = bytes(tmp_path)
    assert first == Recording(
        f'{tmp_path}/a, "b".wav', base + b'/a, "b".wav', "zh", 1, expected_crc32c=0xE3069283, recording_id="7"
    )
    assert second == Recording(
        "https://host/a%20b.mp3", b"https://host/a%20b.mp3", expected_crc32c=0xE3069283
    )
    assert third == Recording(f"{tmp_path}/sub/录.wav", base + "/sub/录.wav".encode(), recording_id="short")
    assert check_manifest(manifest) == 3


def test_cells_may_hold_line_breaks_and_long_references(tmp_path):
    text = "word\n" * 60_000
    manifest = written(tmp_path, f'audio,reference\na.wav,"{text}"\nb.wav,\n')
    assert [one.audio_uri[-5:] for one in read_manifest(manifest)] == ["a.wav", "b.wav"]


def test_jsonl_rows_become_recordings(tmp_path):
    rows = [
        {"audio": "a.wav", "id": 12, "channel": 0, "language": None, "words": [1, {"x": 2}]},
        {"audio": "caf\udce9.wav", "crc32c": "00000001"},
    ]
    manifest = written(tmp_path, "\n".join(map(json.dumps, rows)) + "\n\n", "list.jsonl")
    first, second = read_manifest(manifest)
    assert (first.recording_id, first.channel, first.language) == ("12", 0, None)
    assert second.location == bytes(tmp_path) + b"/caf\xe9.wav"
    assert second.audio_uri == f"{tmp_path}/caf\\xe9.wav"
    assert second.expected_crc32c == 1


def test_parquet_rows_become_recordings(tmp_path):
    table = pa.table(
        {
            "audio": ["a.wav", "s3://bucket/b.wav"],
            "channel": pa.array([1.0, math.nan]),
            "id": pa.array([5, None], pa.int64()),
            "embedding": [[0.5], [0.25]],
        }
    )
    pq.write_table(table, tmp_path / "list.parquet")
    first, second = read_manifest(str(tmp_path / "list.parquet"))
    assert (first.channel, first.recording_id) == (1, "5")
    assert (second.channel, second.recording_id, second.location) == (None, None, b"s3://bucket/b.wav")


def test_parquet_is_read_batch_by_batch(tmp_path):
    path = tmp_path / "list.parquet"
    pq.write_table(pa.table({"audio": [f"{number}.wav" for number in range(10_000)]}), path)
    uris = [one.audio_uri for one in read_manifest(str(path))]
    assert uris == [f"{tmp_path}/{number}.wav" for number in range(10_000)]


def test_content_tells_the_form_where_the_ending_does_not(tmp_path):
    pq.write_table(pa.table({"audio": ["p.wav"]}), tmp_path / "one")
    written(tmp_path, '\ufeff\n {"audio": "j.wav"}\n', "two.txt")
    written(tmp_path, "audio\nc.wav\n", "three")
    found = [next(read_manifest(str(tmp_path / name))).audio_uri[-5:] for name in ("one", "two.txt", "three")]
    assert found == ["p.wav", "j.wav", "c.wav"]


def test_relative_paths_start_at_the_manifest_wherever_one_stands(tmp_path, monkeypatch):
    (tmp_path / "lists").mkdir()
    written(tmp_path / "lists", "audio\n../a.wav\nfile:///x%20y.wav\n")
    monkeypatch.chdir(tmp_path)
    assert [one.audio_uri for one in read_manifest("lists/list.csv")] == [f"{tmp_path}/a.wav", "/x y.wav"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,text\na.wav,x\n", r"'audio' is needed; found 'path', 'text'"),
        ("Audio,text\na.wav,x\n", r"Rename 'Audio'\?"),
        ("audio_path\na.wav\n", r"Rename 'audio_path'\?"),
        ("", "found none"),
        ("audio\n", "names no recording"),
        ("audio,audio\na,b\n", "stands there twice"),
        ("audio,channel\na.wav,1\nb.wav,-1\n", "line 3: 'channel' is '-1'"),
        ("audio,channel\na.wav,left\n", "line 2: 'channel' is 'left'"),
        ("audio,channel\na.wav,1.5\n", "'channel' is '1.5'"),
        ("audio,crc32c\na.wav,12\n", "line 2: '12' is not a CRC-32C"),
        ("audio,id\na.wav,1\n,2\n", "line 3: 'audio' is ''"),
        ("audio,id\na,b.wav,2\n", "3 cells under 2 columns"),
        ('audio,id\n"a.wav,2\nb.wav,3\n', "not CSV"),
        ("audio\nfile://server/a.wav\n", "'server'"),
        ("audio\n录音.wav\n".encode("gbk"), "not UTF-8"),
        ("audio\na.wav\n".encode("utf-16"), "not UTF-8"),
    ],
)
def test_mistakes_in_csv_are_named(tmp_path, content, message):
    manifest = written(tmp_path, content)
    with pytest.raises(UsageError, match=message) as raised:
        check_manifest(manifest)
    assert manifest in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"audio": "a.wav"}\n{"audio": \n', "line 2: not a JSON object"),
        ('["a.wav"]\n', "line 1: a JSON object is needed"),
        ('{"file": "a.wav"}\n', "line 1: the column 'audio' is needed; found 'file'"),
        ('{"audio": 5}\n', "'audio' is 5"),
        ('{"audio": "a\\u0000.wav"}\n', "zero byte"),
        ('{"audio": "\\ud800.wav"}\n', "line 1: .*surrogates"),
        ('{"audio": "a.wav", "channel": true}\n', "'channel' is True"),
        ('{"audio": "a.wav", "crc32c": 12345678}\n', "'crc32c' is 12345678; text"),
        ('{"audio": "a.wav", "language": ["zh"]}\n', "'language' is"),
        ('{"audio": "a.wav", "id": "\\udcff"}\n', "line 1: .*surrogates"),
        ("", "names no recording"),
    ],
)
def test_mistakes_in_jsonl_are_named(tmp_path, content, message):
    with pytest.raises(UsageError, match=message):
        check_manifest(written(tmp_path, content, "list.jsonl"))


def test_mistakes_in_parquet_are_named(tmp_path):
    with pytest.raises(UsageError, match="cannot be read as Parquet"):
        check_manifest(written(tmp_path, "PAR1 and no more", "list.parquet"))
    pq.write_table(pa.table({"audio": ["a.wav", None]}), tmp_path / "b.parquet")
    with pytest.raises(UsageError, match=r"row 2: 'audio' is None"):
        check_manifest(str(tmp_path / "b.parquet"))
    pq.write_table(pa.table({"sound": ["a.wav"]}), tmp_path / "c.parquet")
    with pytest.raises(UsageError, match="found 'sound'"):
        check_manifest(str(tmp_path / "c.parquet"))


def test_a_manifest_that_cannot_be_opened_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"none\.csv does not exist"):
        check_manifest(str(tmp_path / "none.csv"))
    with pytest.raises(UsageError, match="cannot be opened"):
        check_manifest(str(tmp_path))
    with pytest.raises(UsageError, match="cannot be opened"):
        check_manifest("nosuchscheme://bucket/list.csv")


def test_rows_are_read_as_they_are_asked_for(tmp_path):
    manifest = written(tmp_path, "audio,channel\n" + "a.wav,0\n" * 5 + "b.wav,wrong\n")
    rows = read_manifest(manifest)
    assert [next(rows).channel for _ in range(5)] == [0] * 5
    with pytest.raises(UsageError, match="line 7"):
        next(rows)


def test_a_remote_manifest_is_read_through_beams_file_systems(tmp_path, monkeypatch):
    local = written(tmp_path, "audio\nx/a.wav\n/b.wav\n")
    opened = FileSystems.open
    monkeypatch.setattr(FileSystems, "open", lambda _, **options: opened(local, **options))
    found = [one.location for one in read_manifest("hdfs://host/lists/list.csv")]
    assert found == [b"hdfs://host/lists/x/a.wav", b"/b.wav"]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "list"])
def test_a_manifest_in_object_storage_has_relative_rows(s3, tmp_path, ending):
    local = tmp_path / "list"
    audio = ["x/a b#1.wav", "../c.wav", "s3://other/d.wav", "/e.wav"]
    if ending == "parquet":
        pq.write_table(pa.table({"audio": audio}), local)
    elif ending == "jsonl":
        local.write_text("".join(json.dumps({"audio": each}) + "\n" for each in audio))
    else:
        local.write_text("\n".join(["audio", *audio]))
    Objects("s3://recordings/lists").put(f"list.{ending}", local.read_bytes())
    found = [one.location.decode() for one in read_manifest(f"s3://recordings/lists/list.{ending}")]
    assert found == [
        "s3://recordings/lists/x/a b#1.wav",
        "s3://recordings/c.wav",
        "s3://other/d.wav",
        "/e.wav",
    ]


def test_a_manifest_that_is_not_in_object_storage(s3):
    for address in ("s3://recordings/none.csv", "s3://no-such-bucket/none.csv"):
        with pytest.raises(UsageError, match="does not exist"):
            next(read_manifest(address))


names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@given(st.lists(names, min_size=1, max_size=5))
def test_any_name_survives_a_line_of_json(tmp_path_factory, audio):
    folder = tmp_path_factory.mktemp("names")
    manifest = written(
        folder, "".join(json.dumps({"audio": "/x" + name}) + "\n" for name in audio), "l.jsonl"
    )
    uris = [one.audio_uri for one in read_manifest(manifest)]
    assert uris == [os.path.abspath("/x" + name) for name in audio]  # noqa: PTH100


@given(st.lists(names, min_size=1, max_size=5))
def test_any_name_survives_csv(tmp_path_factory, audio):
    path = tmp_path_factory.mktemp("names") / "list.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["audio"], *(["/x" + name] for name in audio)])
    uris = [one.audio_uri for one in read_manifest(str(path))]
    assert uris == [os.path.abspath("/x" + name) for name in audio]  # noqa: PTH100
