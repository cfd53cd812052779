from __future__ import annotations

import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.references import Reference, read_references
from transforms.errors import UsageError


def written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, "utf-8")
    return str(folder / name)


def test_csv_jsonl_and_parquet_say_the_same(tmp_path):
    rows = [
        {"audio": "a.wav", "reference": 'He said, "no".\nThen 停。', "language": "en", "channel": 1},
        {"audio": "sub/b.wav", "reference": None, "language": None, "channel": None},
        {"audio": "/c.wav", "reference": "", "language": "zh", "channel": 0},
    ]
    expected = [
        Reference(f"{tmp_path}/a.wav", 1, "en", 'He said, "no".\nThen 停。'),
        Reference(f"{tmp_path}/sub/b.wav", None, None, ""),
        Reference("/c.wav", 0, "zh", ""),
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "list.parquet")
    texts = {
        "list.csv": "\ufeffspeaker,audio, reference ,language,channel\r\n"
        'x,a.wav,"He said, ""no"".\nThen 停。",en,1\r\n\r\ny,sub/b.wav\r\nz,/c.wav,,zh,0\r\n',
        "list.jsonl": "\ufeff" + "\n\n".join(json.dumps(row) for row in rows),
    }
    for name, text in texts.items():
        assert list(read_references(written(tmp_path, name, text))) == expected
    assert list(read_references(str(tmp_path / "list.parquet"))) == expected


def test_content_tells_the_kind_where_the_name_does_not(tmp_path):
    row = {"audio": "/a.wav", "reference": "yes"}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "one")
    written(tmp_path, "two", json.dumps(row))
    written(tmp_path, "three", "audio,reference\n/a.wav,yes\n")
    for name in ("one", "two", "three"):
        assert list(read_references(str(tmp_path / name))) == [Reference("/a.wav", None, None, "yes")]


def test_rows_of_json_may_lack_the_reference_and_numbers_are_texts(tmp_path):
    path = written(tmp_path, "list.jsonl", '{"audio": "/a"}\n{"audio": "/b", "reference": 110}\n')
    assert [each.text for each in read_references(path)] == ["", "110"]


def test_nan_is_no_reference(tmp_path):
    pq.write_table(pa.table({"audio": ["/a"], "reference": [math.nan]}), tmp_path / "list.parquet")
    assert [each.text for each in read_references(str(tmp_path / "list.parquet"))] == [""]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "a.csv",
            "audio,Referense\nx.wav,y\n",
            "'reference' is needed; found 'audio', 'Referense'. Rename 'Ref",
        ),
        ("a.csv", "audio,language\nx.wav,y\n", "'reference' is needed; found 'audio', 'language'."),
        ("a.csv", "file,reference\nx.wav,y\n", "'audio' is needed"),
        ("a.csv", 'audio,reference\nx.wav,"y\n', "quotation mark never closed"),
        ("a.jsonl", '{"audio": "x", "reference": ["y"]}\n', "'reference' is ['y']; text is needed"),
        ("a.jsonl", '{"audio": "x", "reference": "\\ud800"}\n', "surrogates not allowed"),
        ("a.jsonl", '{"audio": "x", "reference": "y"}\nno\n', "line 2: not a JSON object"),
    ],
)
def test_what_is_wrong_with_the_manifest_is_said(name, text, said, tmp_path):
    with pytest.raises(UsageError) as error:
        list(read_references(written(tmp_path, name, text)))
    assert said in str(error.value)


def test_a_manifest_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"^--references: .*nothing\.csv does not exist"):
        list(read_references(str(tmp_path / "nothing.csv")))
