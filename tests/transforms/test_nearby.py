from __future__ import annotations

import os

from transforms.nearby import did_you_mean_path


def test_a_misspelt_folder_is_found_with_what_lies_in_it(tmp_path):
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "one.wav").touch()
    found = did_you_mean_path(f"{tmp_path}/recordigns/one.wav")
    assert found == f" Did you mean {tmp_path}/recordings/one.wav?"
    found = did_you_mean_path(f"{tmp_path}/recordigns/two.wav")
    assert found == f" Did you mean {tmp_path}/recordings?"


def test_a_relative_path_is_looked_for_in_the_working_folder(tmp_path, monkeypatch):
    (tmp_path / "references.csv").touch()
    monkeypatch.chdir(tmp_path)
    assert did_you_mean_path("reference.csv") == " Did you mean references.csv?"
    assert did_you_mean_path("reference.csv/") == " Did you mean references.csv?"


def test_nothing_is_said_where_nothing_is_near_or_can_be_listed(tmp_path):
    (tmp_path / "a.wav").touch()
    assert did_you_mean_path(f"{tmp_path}/references.csv") == ""
    assert did_you_mean_path(f"{tmp_path}/a.wav/below") == ""
    assert did_you_mean_path("s3://bucket/nothing") == ""
    assert did_you_mean_path("") == ""


def test_a_name_that_is_no_text_can_be_printed(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.wav")).touch()
    assert did_you_mean_path(f"{tmp_path}/cafe.wav") == f" Did you mean {tmp_path}/caf\\xe9.wav?"
