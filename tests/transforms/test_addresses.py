from __future__ import annotations

import base64
import os

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.addresses import (
    audio_uri_of,
    display_name,
    folder_of,
    format_crc32c,
    is_http,
    is_uri,
    local_location,
    locate,
    locations_of,
    parse_crc32c,
)


@pytest.mark.parametrize("address", ["s3://b/a.wav", b"gs://b/a", "http://h/a", "file:///a", "a+b.c-1://x"])
def test_uris_are_known(address):
    assert is_uri(address)


@pytest.mark.parametrize("address", ["/a/b.wav", "a:b.wav", "C:/a", "1s://x", "./s3://b", "-x", b"\xff://a"])
def test_paths_are_no_uris(address):
    assert not is_uri(address)


def test_http_is_told_from_other_schemes():
    assert is_http("HTTPS://host/a")
    assert is_http(b"http://host/a")
    assert not is_http("httpx://host/a")
    assert not is_http("gs://bucket/http://a")


@pytest.mark.parametrize(
    ("location", "written"),
    [
        (b"/a b/50% #1?.wav", "/a b/50% #1?.wav"),
        ("/录音/é.wav".encode(), "/录音/é.wav"),
        (b"/caf\xe9.wav", "/caf\\xe9.wav"),
        (b"/\xed\xb3\xbf\xff", "/\\xed\\xb3\\xbf\\xff"),
        (b"https://h/a%20b?x=1", "https://h/a%20b?x=1"),
    ],
)
def test_audio_uri_is_never_percent_encoded(location, written):
    assert audio_uri_of(location) == written


def test_display_name_writes_names_that_are_not_text():
    assert display_name("a\udcffb/录.wav") == "a\\xffb/录.wav"


@pytest.mark.parametrize(
    ("address", "base", "location"),
    [
        ("a.wav", b"/corpus", b"/corpus/a.wav"),
        ("../b/./a.wav", b"/corpus/x", b"/corpus/b/a.wav"),
        ("/other/a.wav", b"/corpus", b"/other/a.wav"),
        ("a\udcff.wav", b"/corpus", b"/corpus/a\xff.wav"),
        ("-a b'.wav", b"/corpus", b"/corpus/-a b'.wav"),
        ("s3://b/k%20", b"/corpus", b"s3://b/k%20"),
        ("a/b.wav", b"gs://bucket/lists", b"gs://bucket/lists/a/b.wav"),
        ("../../../b.wav", b"gs://bucket/lists", b"gs://bucket/b.wav"),
        ("./b.wav", b"gs://bucket", b"gs://bucket/b.wav"),
        ("/data/b.wav", b"gs://bucket/lists", b"/data/b.wav"),
        ("file:///a%20b/%FF.wav", b"gs://bucket", b"/a b/\xff.wav"),
        ("FILE://localhost/a.wav", None, b"/a.wav"),
    ],
)
def test_addresses_are_located(address, base, location):
    assert locate(address, base) == location


def test_file_uri_of_another_machine_is_refused():
    with pytest.raises(ValueError, match="'server'"):
        locate("file://server/a.wav")


PIECES = st.lists(st.sampled_from([b"/", b".", b"..", b"a", b".b", b"c.wav", b" "]), max_size=8).map(b"".join)


@given(path=PIECES, base=PIECES.map(lambda path: b"/" + path))
def test_a_local_path_is_made_absolute_as_the_system_does_it(path, base):
    assert local_location(path, base) == os.path.abspath(os.path.join(base, path))  # noqa: PTH100, PTH118


def test_links_keep_their_names(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    assert local_location("link/a.wav") == bytes(tmp_path / "link" / "a.wav")


def test_folder_of_paths_and_uris():
    assert folder_of(b"/a/b.csv") == b"/a"
    assert folder_of(b"s3://b/x/m.csv") == b"s3://b/x"
    assert folder_of(b"s3://b/m.csv") == b"s3://b"


@given(st.integers(0, 2**32 - 1))
def test_crc32c_is_read_in_both_forms(value):
    encoded = base64.b64encode(value.to_bytes(4, "big")).decode()
    for text in (format_crc32c(value), format_crc32c(value).upper(), encoded, f" {encoded}\n"):
        assert parse_crc32c(text) == value
        assert parse_crc32c("crc32c=" + text.strip()) == value


def test_crc32c_of_a_known_text():
    # The check value of CRC-32C (RFC 3720, iSCSI): over the nine digits.
    assert format_crc32c(google_crc32c.value(b"123456789")) == "e3069283"
    assert parse_crc32c("4waSgw==") == 0xE3069283


@pytest.mark.parametrize(
    "text", ["", "123", "123456789", "0x123456", "AAAAAA=", "AAAA=A==", "ghijklmn", "-1234567"]
)
def test_other_forms_of_crc32c_are_refused(text):
    with pytest.raises(ValueError, match="CRC-32C"):
        parse_crc32c(text)


@given(st.binary(), st.binary())
def test_audio_uri_is_valid_text_and_tells_names_apart(one, other):
    one, other = one.replace(b"\\", b"/"), other.replace(b"\\", b"/")
    assert audio_uri_of(one).encode("utf-8").decode("utf-8") == audio_uri_of(one)
    assert (audio_uri_of(one) == audio_uri_of(other)) == (one == other)


@given(st.binary(min_size=1).map(lambda name: b"/" + name.replace(b"\\", b"")))
def test_a_written_location_leads_back_to_its_bytes(location):
    assert location in locations_of(audio_uri_of(location))


def test_an_address_as_it_stands_comes_first():
    assert locations_of("/a/\\xff.wav") == (b"/a/\\xff.wav", b"/a/\xff.wav")
    assert locations_of("gs://a/\\xff.wav") == (b"gs://a/\\xff.wav",)
