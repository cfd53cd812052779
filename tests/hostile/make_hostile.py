"""Makes a folder of malformed, damaged, rare and hostile recordings, each with its expected row.

``python -m tests.hostile.make_hostile FOLDER`` writes them; the tests ask for `cases`. The
same bytes come out every time, and none of them is kept in the repository.
"""

from __future__ import annotations

import os
import random
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from tests.hostile.patches import (
    flipped,
    head_damaged,
    with_flac_picture,
    with_id3,
    with_number,
    without_last_page,
)
from tests.transforms.media_files import av_file, sound_file, tone, two_tracks, video_file, wav_file

RATE = 16_000
COMPLETE, PARTIAL = "complete", "partial"
MAX_HOURS = 0.01
"""What the corpus takes for too long: `TOO_LONG_SECONDS` is more."""
TOO_LONG_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Case:
    """One file.

    Attributes:
        name: its name, any bytes.
        content: what it holds.
        outcome: the status of its transcript, or the code of its failure.
        says: a text that the message of its failure or damage has.
        seconds: how long it is when decoded; None where that is not the point.
    """

    name: bytes
    content: bytes
    outcome: str = COMPLETE
    says: str = ""
    seconds: float | None = None


@cache
def noise(seconds: float = 2.0, rate: int = RATE) -> np.ndarray:
    """As loud as speech, and the same every time."""
    samples = np.random.default_rng(7).standard_normal(round(seconds * rate)) * 0.1
    return samples.astype(np.float32)


@cache
def pcm() -> bytes:
    return (noise() * 32767).astype("<i2").tobytes()


def cases() -> Iterator[Case]:
    """All files that are files."""
    yield from names()
    yield from encodings()
    yield from sizes()
    yield from cut_off()
    yield from flips()
    yield from headers()
    yield from containers()
    yield from not_audio()


def names() -> Iterator[Case]:
    awkward = (
        "with space", "it's \"quoted\"", "colon: a", "-dash", "--output", "line\nbreak", "percent%20d",
        "a%03d", "[1]", "star*", "question?", "$HOME`id`;", "file:here", "concat:a|b", "back\\slash",
        "中文 ünï", "#1", "~",
    )  # fmt: skip
    for place, name in enumerate(awkward):
        sound = tone(300 + 20 * place, RATE, 0.3)
        yield Case(f"{name}.wav".encode(), sound_file(sound, RATE), seconds=0.3)
    yield Case(b"not-utf8-\xff\xfe\x80.wav", sound_file(tone(250, RATE, 0.3), RATE), seconds=0.3)
    yield Case(b"long-" + b"n" * 245 + b".wav", sound_file(tone(260, RATE, 0.3), RATE), seconds=0.3)
    yield Case(b"flac called.mp3", sound_file(noise(), RATE, "FLAC"), seconds=2)
    yield Case(b"mp3 called.wav", sound_file(noise(), RATE, "MP3"), seconds=2)
    yield Case(b"opus called.m4a", av_file(noise(2, 48_000), 48_000, "ogg", "libopus"), seconds=2)


def encodings() -> Iterator[Case]:
    stereo = np.stack((noise(), -0.5 * noise()), axis=1)
    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"):
        for container in ("WAV", "WAVEX", "RF64"):
            data = sound_file(stereo, RATE, container, subtype)
            yield Case(f"{container}-{subtype}.wav".encode(), data, seconds=2)
    for container in ("W64", "AIFF", "AU", "CAF"):
        yield Case(f"whole.{container.lower()}".encode(), sound_file(stereo, RATE, container), seconds=2)
    for subtype in ("IMA_ADPCM", "MS_ADPCM"):
        data = sound_file(noise(), RATE, "WAV", subtype)
        yield Case(f"{subtype}.wav".encode(), data)
        yield Case(f"{subtype}-size-0.wav".encode(), with_number(data, b"data", 4, "<I", 0), seconds=2)
    surround = wav_file(
        np.tile(noise(), (6, 1)).T.astype("<f4").tobytes(), channels=6, bits=32, tag=3, mask=0x3F
    )
    yield Case(b"surround.wav", surround, seconds=2)
    spoiled = noise().copy()
    spoiled[100:200] = np.nan
    spoiled[300] = np.inf
    yield Case(b"not-numbers.wav", wav_file(spoiled.tobytes(), bits=32, tag=3), seconds=2)


def sizes() -> Iterator[Case]:
    for declared in (0, 2, len(pcm()) // 2, 0x7FFFF000, 0xFFFFFFFF):
        yield Case(f"size-{declared:x}.wav".encode(), wav_file(pcm(), declared=declared), seconds=2)
    yield Case(
        b"size-too-large.wav", wav_file(pcm(), declared=len(pcm()) + 999), PARTIAL, "the header announces", 2
    )
    yield Case(b"odd-bytes.wav", wav_file(pcm()[:-1]), seconds=2)
    rf64 = sound_file(noise(), RATE, "RF64", "PCM_16")
    yield Case(b"rf64-size-0.wav", with_number(rf64, b"ds64", 16, "<Q", 0), seconds=2)
    w64 = sound_file(noise(), RATE, "W64", "PCM_16")
    yield Case(b"streamed.w64", with_number(w64, b"data", 16, "<Q", 0x7FFF_FFFF_FFFF_FFFF), seconds=2)
    aiff = sound_file(noise(), RATE, "AIFF", "PCM_16")
    yield Case(b"streamed.aiff", with_number(aiff, b"SSND", 4, ">I", 0), seconds=2)
    au = sound_file(noise(), RATE, "AU", "PCM_16")
    yield Case(b"streamed.au", with_number(au, b".snd", 8, ">I", 0xFFFF_FFFF), seconds=2)
    flac = sound_file(noise(), RATE, "FLAC")
    yield Case(b"length-unknown.flac", flac[:22] + bytes(4) + flac[26:], seconds=2)
    yield Case(
        b"huge-chunk.wav",
        wav_file(pcm()).replace(b"data", b"junk" + b"\xf0\xff\xff\xff" + b"data"),
        "NotAudio",
    )


def cut_off() -> Iterator[Case]:
    whole = {
        "wav": sound_file(noise(), RATE),
        "rf64.wav": sound_file(noise(), RATE, "RF64", "PCM_16"),
        "w64": sound_file(noise(), RATE, "W64", "PCM_16"),
        "aiff": sound_file(noise(), RATE, "AIFF", "PCM_16"),
        "au": sound_file(noise(), RATE, "AU", "PCM_16"),
        "caf": sound_file(noise(), RATE, "CAF", "PCM_16"),
        "flac": sound_file(noise(), RATE, "FLAC"),
        "mp3": sound_file(noise(), RATE, "MP3"),
        "ogg": sound_file(noise(), RATE, "OGG"),
        "opus": av_file(noise(2, 48_000), 48_000, "ogg", "libopus"),
        "aac": av_file(noise(), RATE, "adts", "aac"),
        "mkv": av_file(noise(2, 48_000), 48_000, "matroska", "libopus"),
        "avi": av_file(noise(), RATE, "avi", "libmp3lame"),
        "wma": av_file(noise(), RATE, "asf", "wmav2"),
    }
    heads = {"au": PARTIAL, "aac": "NoSamples", "mkv": "DecodeFailed", "avi": "DecodeFailed"}
    for ending, data in whole.items():
        yield Case(f"half.{ending}".encode(), data[: len(data) * 5 // 8], PARTIAL)
        yield Case(f"head.{ending}".encode(), data[:30], heads.get(ending, "NotAudio"))
    plain_mp3 = av_file(noise(), RATE, "mp3", "libmp3lame", options={"write_xing": "0"})
    yield Case(b"no-info-tag.mp3", plain_mp3, seconds=2.1)
    yield Case(
        b"no-info-tag-half.mp3", plain_mp3[: len(plain_mp3) // 2], PARTIAL, "the last frame is cut off"
    )
    for ending in ("ogg", "opus"):
        yield Case(
            f"page-border.{ending}".encode(), without_last_page(whole[ending]), PARTIAL, "no last page"
        )
    m4a = av_file(noise(), RATE, "ipod", "aac")
    assert m4a.rindex(b"moov") > m4a.rindex(b"mdat")
    yield Case(b"index-at-end.m4a", m4a, seconds=2.1)
    yield Case(b"index-cut-off.m4a", m4a[: len(m4a) * 5 // 8], "DecodeFailed", "the box mdat")
    fragments = {"movflags": "empty_moov+default_base_moof", "frag_duration": "200000"}
    pieces = av_file(noise(), RATE, "mp4", "aac", options=fragments)
    yield Case(b"fragments.mp4", pieces, seconds=2.1)
    yield Case(b"fragments-half.mp4", pieces[: len(pieces) // 2], PARTIAL, "the box m")


def flips() -> Iterator[Case]:
    yield Case(
        b"flipped.flac", flipped(sound_file(noise(), RATE, "FLAC"), 1), PARTIAL, "libsndfile broke off"
    )
    yield Case(b"flipped.ogg", flipped(sound_file(noise(), RATE, "OGG"), 1), PARTIAL, "wrong checksum")
    opus = av_file(noise(2, 48_000), 48_000, "ogg", "libopus")
    yield Case(b"flipped.opus", flipped(opus, 1), PARTIAL, "wrong checksum")
    mp3 = sound_file(noise(), RATE, "MP3")
    yield Case(b"flipped.mp3", head_damaged(mp3), PARTIAL, "no frame follows")
    yield Case(b"zeros-inside.mp3", mp3[: len(mp3) // 2] + bytes(1500) + mp3[len(mp3) // 2 + 1500 :], PARTIAL)
    aac = av_file(noise(), RATE, "adts", "aac")
    yield Case(b"flipped.aac", flipped(aac, 30), PARTIAL, "packets are broken")
    m4a = av_file(noise(), RATE, "ipod", "aac")
    begin = m4a.index(b"mdat") + 200
    yield Case(b"ones-inside.m4a", m4a[:begin] + b"\xff" * 3000 + m4a[begin + 3000 :], PARTIAL, "packets")
    moved = sound_file(noise(), RATE, "FLAC")
    yield Case(b"wrong-md5.flac", moved[:26] + bytes(range(16)) + moved[42:], seconds=2)


def headers() -> Iterator[Case]:
    wav = wav_file(pcm())
    for channels in (0, 65535):
        yield Case(
            f"channels-{channels}.wav".encode(), with_number(wav, b"fmt ", 10, "<H", channels), "NoSamples"
        )
    yield Case(b"channels-200.wav", with_number(wav, b"fmt ", 10, "<H", 200), "DecodeFailed", "200 channels")
    yield Case(b"rate-0.wav", with_number(wav, b"fmt ", 12, "<I", 0), "NotAudio")
    yield Case(b"rate-1.wav", with_number(wav, b"fmt ", 12, "<I", 1), "DecodeFailed", "1 Hz")
    yield Case(b"rate-4e9.wav", with_number(wav, b"fmt ", 12, "<I", 4_000_000_000), "NotAudio")
    flac = sound_file(np.tile(noise()[:, None], (1, 8)), RATE, "FLAC")
    fastest = flac[:18] + (655_350 << 12 | 7 << 9 | 15 << 4).to_bytes(4, "big")[:3] + flac[21:]
    yield Case(b"rate-655350.flac", fastest)
    yield Case(b"no-samples.wav", wav_file(b""), "NoSamples")
    yield Case(
        b"id3-of-256-MB.mp3", b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + sound_file(noise(), RATE, "MP3"), "NotAudio"
    )
    silence = np.zeros(TOO_LONG_SECONDS * RATE, np.float32)
    yield Case(b"bomb.flac", sound_file(silence, RATE, "FLAC"), "TooLong", "audio.max_hours")
    yield Case(b"bomb.opus", av_file(silence, RATE, "ogg", "libopus"), "TooLong", "audio.max_hours")
    yield Case(b"bomb.wv", av_file(silence, RATE, "wv", "wavpack"), "TooLong", "audio.max_hours")


def containers() -> Iterator[Case]:
    mp3, flac = sound_file(noise(), RATE, "MP3"), sound_file(noise(), RATE, "FLAC")
    yield Case(b"id3-in-front.mp3", with_id3(mp3), seconds=2)
    yield Case(b"id3-in-front.flac", with_id3(flac), seconds=2)
    yield Case(b"garbage-in-front.mp3", random.Random(5).randbytes(500).replace(b"\xff", b"") + mp3)
    yield Case(b"tag-behind.mp3", mp3 + b"TAG" + bytes(125), seconds=2)
    yield Case(b"picture.mp3", with_id3(mp3, picture=True), seconds=2)
    yield Case(b"picture.flac", with_flac_picture(flac), seconds=2)
    yield Case(b"picture.m4a", two_tracks(noise(), RATE, "mp4", picture=True), seconds=2.1)
    yield Case(b"twice.mp3", mp3 + mp3, seconds=4.1)
    other = sound_file(noise(2, 44_100), 44_100, "MP3")
    yield Case(b"rate-changes.mp3", mp3 + other, seconds=4.1)
    adts = av_file(noise(), RATE, "adts", "aac") + av_file(noise(2, 44_100), 44_100, "adts", "aac")
    yield Case(b"rate-changes.aac", adts, seconds=4.2)
    opus = av_file(noise(2, 48_000), 48_000, "ogg", "libopus")
    yield Case(b"chained.opus", opus + opus, seconds=4)
    vorbis = sound_file(noise(), RATE, "OGG")
    yield Case(b"chained.ogg", vorbis + vorbis, seconds=4)
    yield Case(b"film.mp4", video_file(noise(), RATE), seconds=2.1)
    yield Case(b"film.mkv", video_file(noise(), RATE, container="matroska"), seconds=2.1)
    yield Case(b"film.ts", video_file(noise(), RATE, container="mpegts"), seconds=2.1)
    yield Case(b"silent-film.mp4", video_file(None, RATE, with_audio=False), "NoAudioStream")
    yield Case(b"two-languages.mkv", two_tracks(noise(), RATE, "matroska"), seconds=2.1)


def not_audio() -> Iterator[Case]:
    chance = random.Random(3)
    yield Case(b"empty.wav", b"", "EmptyFile")
    for name, data in {
        "byte.wav": b"R",
        "text.wav": b"Dear sir or madam,\n" * 50,
        "page.mp3": b"<!DOCTYPE html><html><body>404</body></html>" * 20,
        "archive.m4a": b"PK\x03\x04\x14\0" + chance.randbytes(2000),
        "drawing.flac": b"\x89PNG\r\n\x1a\n" + chance.randbytes(2000),
        "random.opus": chance.randbytes(20_000),
        "zeros.wav": bytes(20_000),
        "ones.mp3": b"\xff" * 20_000,
        "subtitles.ogg": b"1\n00:00:00,000 --> 00:00:02,000\nHello\n\n" * 20,
        "riff.wav": b"RIFF\0\0\0\0WAVE",
    }.items():
        yield Case(name.encode(), data, "NotAudio")
    for name, script in SCRIPTS.items():
        for ending in ("wav", "mp3"):
            yield Case(f"{name}.{ending}".encode(), script("/etc/hostname", 9).encode(), "NotAudio")


SCRIPTS: dict[str, Callable[[str, int], str]] = {
    "hls": lambda path, port: (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{path}\n"
        f"#EXTINF:10,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n"
    ),
    "hls-key": lambda path, port: (
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n"
        f'#EXT-X-KEY:METHOD=AES-128,URI="http://127.0.0.1:{port}/key"\n#EXTINF:1,\n{path}\n#EXT-X-ENDLIST\n'
    ),
    "hls-master": lambda path, port: (
        f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://127.0.0.1:{port}/b.m3u8\n"
    ),
    "concat": lambda path, port: f"ffconcat version 1.0\nfile {path}\nfile http://127.0.0.1:{port}/a.wav\n",
    "sdp": lambda path, port: (
        f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n"
    ),
    "dash": lambda path, port: (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
        f'type="static"><Period><BaseURL>http://127.0.0.1:{port}/</BaseURL><AdaptationSet><Representation>'
        f"<BaseURL>file://{path}</BaseURL></Representation></AdaptationSet></Period></MPD>"
    ),
    "asx": lambda path, port: (
        f'<asx version="3.0"><entry><ref href="http://127.0.0.1:{port}/"/></entry></asx>'
    ),
    "pls": lambda path, port: f"[playlist]\nFile1=http://127.0.0.1:{port}/a.mp3\nFile2={path}\n",
    "ffmeta": lambda path, port: f";FFMETADATA1\ntitle=file:{path}\n",
    "rtsp": lambda path, port: f"RTSPtextRTSP://127.0.0.1:{port}/a\n",
}
"""Texts that name another file or a host, by what they are."""


def write(folder: Path) -> list[Case]:
    """Write all files, and what is no file: links, a pipe, a folder with the name of a recording."""
    found = list(cases())
    for case in found:
        with open(os.path.join(os.fsencode(folder), case.name), "xb") as file:  # noqa: PTH118, PTH123
            file.write(case.content)
    for name in (b"folder.wav", b"folder.mp3"):
        os.mkdir(os.path.join(os.fsencode(folder), name))  # noqa: PTH102, PTH118
    (folder / "dangling.wav").symlink_to(folder / "nowhere")
    (folder / "loop.wav").symlink_to(folder / "loop.wav")
    os.mkfifo(folder / "pipe.wav")
    return [
        *found,
        Case(b"dangling.wav", b"", "NotFound", "where there is nothing"),
        Case(b"loop.wav", b"", "ReadFailed"),
        Case(b"pipe.wav", b"", "ReadFailed", "a pipe"),
    ]


LARGE_BYTES = (1 << 32) + 4096
"""Of sound in `write_large`: more than a header of 32 bits can say."""
LARGE_RATE = 768_000


def write_large(path: Path, kind: str) -> None:
    """A sparse file of 4 GiB of silence, some six minutes: RIFF (its size wrapped), RF64 or W64."""
    frame = 16
    fmt = struct.pack("<HHIIHH", 3, 2, LARGE_RATE, LARGE_RATE * frame, frame, 64)
    if kind == "W64":
        tail = bytes.fromhex("f3acd3118cd100c04f8edb8a")
        head = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000") + struct.pack("<Q", LARGE_BYTES + 104)
        head += b"wave" + tail + b"fmt " + tail + struct.pack("<Q", 40) + fmt
        head += b"data" + tail + struct.pack("<Q", LARGE_BYTES + 24)
    elif kind == "RF64":
        head = (
            b"RF64"
            + b"\xff" * 4
            + b"WAVEds64"
            + struct.pack("<IQQQI", 28, LARGE_BYTES + 72, LARGE_BYTES, 0, 0)
        )
        head += b"fmt " + struct.pack("<I", 16) + fmt + b"data" + b"\xff" * 4
    else:
        head = (
            b"RIFF" + struct.pack("<I", (LARGE_BYTES + 36) % (1 << 32)) + b"WAVEfmt " + struct.pack("<I", 16)
        )
        head += fmt + b"data" + struct.pack("<I", LARGE_BYTES % (1 << 32))
    with path.open("xb") as file:
        file.write(head)
        file.truncate(len(head) + LARGE_BYTES)


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True)
    print(f"{len(write(Path(sys.argv[1])))} files")
