from __future__ import annotations

import csv
import io
import random
import struct
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from media_files import SHARED_AUDIO, av_file, sound_file, tone, video_file, wav_file

from transforms.decode import open_decoder
from transforms.errors import RecordingError
from transforms.records import Stage
from transforms.samples import floats_of

ROOT = Path(__file__).resolve().parents[2]
RATE = 16000
SOUND = tone(440, RATE, 2.0)
PCM = (SOUND * 32767).astype("<i2").tobytes()


def decode(data, name="a.bin"):
    with open_decoder(io.BytesIO(data), name) as decoder:
        blocks = [block.copy() for block in decoder.blocks()]
        assert all(block.shape[1] == decoder.channels for block in blocks)
        return decoder, floats_of(np.concatenate(blocks))


def failure(data):
    with pytest.raises(RecordingError) as caught:
        decode(data, "my recording")
    assert caught.value.stage is Stage.DECODE
    assert "my recording" in caught.value.message
    return caught.value.code


@pytest.mark.parametrize(
    ("container", "subtype", "tolerance"),
    [
        ("WAV", "PCM_U8", 1 / 127),
        ("WAV", "PCM_16", 1 / 32767),
        ("WAV", "PCM_24", 1e-6),
        ("WAV", "PCM_32", 1e-6),
        ("WAV", "FLOAT", 1e-7),
        ("WAV", "DOUBLE", 1e-7),
        ("WAV", "ULAW", 0.02),
        ("WAV", "ALAW", 0.02),
        ("WAVEX", "PCM_16", 1 / 32767),
        ("WAVEX", "FLOAT", 1e-7),
        ("RF64", "PCM_16", 1 / 32767),
        ("W64", "PCM_24", 1e-6),
        ("AIFF", "PCM_16", 1 / 32767),
        ("AU", "PCM_16", 1 / 32767),
        ("CAF", "PCM_24", 1e-6),
        ("FLAC", "PCM_16", 1 / 32767),
        ("FLAC", "PCM_24", 1e-6),
    ],
)
def test_sample_formats_are_kept_to_their_precision(container, subtype, tolerance):
    stereo = np.stack((SOUND, -0.5 * SOUND), axis=1)
    decoder, samples = decode(sound_file(stereo, RATE, container, subtype))
    assert (decoder.sample_rate, decoder.channels, decoder.damage) == (RATE, 2, None)
    assert samples.shape == stereo.shape
    assert np.abs(samples - stereo).max() <= tolerance


@pytest.mark.parametrize(
    ("container", "encoder"),
    [
        ("ipod", "aac"),
        ("adts", "aac"),
        ("ogg", "libopus"),
        ("matroska", "libopus"),
        ("mp3", "libmp3lame"),
        ("avi", "libmp3lame"),
        ("mpegts", "aac"),
        ("flv", "aac"),
        ("asf", "wmav2"),
        ("matroska", "pcm_s24le"),
        ("mov", "pcm_f64le"),
        ("mov", "pcm_u8"),
        ("tta", "tta"),
    ],
)
def test_containers_and_codecs_come_out_with_their_tone(container, encoder):
    decoder, samples = decode(av_file(SOUND, RATE, container, encoder))
    seconds = len(samples) / decoder.sample_rate
    assert decoder.damage is None
    assert seconds == pytest.approx(2.0, abs=0.15)
    middle = samples[len(samples) // 4 : len(samples) // 2, 0]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * decoder.sample_rate / len(middle) == pytest.approx(440, abs=4)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


@pytest.mark.skipif(
    "libopencore_amrnb" not in av.codecs_available, reason="this PyAV reads AMR and cannot write it"
)
def test_telephone_codecs_are_read():
    decoder, samples = decode(av_file(tone(440, 8000, 1.0), 8000, "amr", "libopencore_amrnb", bit_rate=12200))
    assert decoder.sample_rate == 8000
    assert len(samples) / 8000 == pytest.approx(1.0, abs=0.05)


def test_of_a_video_the_sound_is_taken():
    decoder, samples = decode(video_file(SOUND, RATE))
    assert len(samples) / decoder.sample_rate == pytest.approx(2.0, abs=0.15)


def test_tags_that_are_not_utf_8_do_not_matter():
    data = av_file(SOUND, RATE, "ipod", "aac", metadata={"title": "QQQQQQQQ"})
    assert b"QQQQQQQQ" in data
    assert decode(data.replace(b"QQQQQQQQ", "中文标题".encode("gbk")))[0].damage is None


@pytest.mark.parametrize("declared", [0, len(PCM) // 2, 0xFFFFFFFF, 0x7FFFF000])
def test_a_wrong_data_size_loses_no_sample(declared):
    decoder, samples = decode(wav_file(PCM, declared=declared))
    assert np.array_equal(samples[:, 0] * 32768, np.frombuffer(PCM, "<i2"))
    assert decoder.damage is None


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
@pytest.mark.parametrize("container", ["WAV", "WAVEX"])
def test_a_wrong_data_size_loses_no_sample_of_any_encoding(container, subtype):
    data = sound_file(np.stack((SOUND, -SOUND), axis=1), RATE, container, subtype)
    place = data.index(b"data") + 4
    decoder, samples = decode(data[:place] + bytes(4) + data[place + 4 :])
    assert decoder.channels == 2
    assert np.array_equal(samples, decode(data)[1])


def test_a_short_wav_with_no_data_size_is_read_too():
    assert len(decode(wav_file(PCM[:200], declared=0))[1]) == 100


def test_a_data_size_beyond_the_file_is_damage():
    decoder, samples = decode(wav_file(PCM, declared=2 * len(PCM)))
    assert len(samples) == len(SOUND)
    assert decoder.damage == f"the header announces {2 * len(PCM)} bytes of audio, {len(PCM)} are there"


def test_an_odd_number_of_bytes_costs_one_sample_at_most():
    assert len(decode(wav_file(PCM[:-1]))[1]) == len(SOUND) - 1


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_16_bits_are_kept_whatever_they_are(channels):
    values = np.concatenate(([-32768, 32767, -1, 0, 1], random_numbers(20_000))).astype("<i2")
    pcm = np.stack([np.roll(values, 7 * channel) for channel in range(channels)], axis=1)
    decoder, samples = decode(wav_file(pcm.tobytes(), channels=channels))
    assert decoder.damage is None
    assert np.array_equal(samples * 32768, pcm)


def random_numbers(count):
    return np.random.default_rng(3).integers(-32768, 32768, count)


def test_numbers_that_are_none_are_silence():
    samples = SOUND.copy()
    samples[100] = np.nan
    data = wav_file(samples.tobytes(), bits=32, tag=3)
    assert decode(data)[1][100, 0] == 0.0


@pytest.mark.parametrize(("mask", "expected"), [(0x3F, 3), (0x3, None)])
def test_the_subwoofer_of_a_wav_is_known(mask, expected):
    channels = mask.bit_count()
    data = wav_file(bytes(2000 * channels), channels=channels, mask=mask)
    assert decode(data)[0].low_frequency_channel == expected


def test_the_subwoofer_of_a_compressed_file_is_known():
    surround = np.repeat(SOUND[:, np.newaxis], 6, axis=1)
    assert decode(av_file(surround, RATE, "ipod", "aac", layout="5.1"))[0].low_frequency_channel == 3
    assert decode(sound_file(surround, RATE, "FLAC"))[0].low_frequency_channel == 3


def test_an_empty_file_says_so():
    assert failure(b"") == "EmptyFile"


RANDOM = random.Random(2).randbytes(20000)


@pytest.mark.parametrize(
    "data",
    [
        b"a",
        b"this is a text\n" * 1000,
        RANDOM,
        bytes(20000),
        b"\xff" * 5000,
        b"%PDF-1.4\n" + RANDOM,
        b"\x89PNG\r\n\x1a\n" + RANDOM,
        b"RIFF\0\0\0\0WAVE",
    ],
    ids=["byte", "text", "random", "zeros", "ones", "pdf", "png", "riff"],
)
def test_what_is_not_audio_says_so(data):
    assert failure(data) == "NotAudio"


def test_a_video_without_sound_says_so():
    assert failure(video_file(None, RATE, with_audio=False)) == "NoAudioStream"


def test_a_wav_without_samples_says_so():
    assert failure(wav_file(b"")) == "NoSamples"


@pytest.mark.parametrize("sample_rate", [1, 4_000_000_000])
def test_a_header_with_an_impossible_rate_is_not_followed(sample_rate):
    data = bytearray(wav_file(PCM))
    data[24:28] = struct.pack("<I", sample_rate)
    assert failure(bytes(data)) in ("DecodeFailed", "NotAudio")


@pytest.mark.parametrize(
    "script",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{path}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {path}\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
        "<AdaptationSet><Representation><BaseURL>file://{path}</BaseURL></Representation>"
        "</AdaptationSet></Period></MPD>",
    ],
    ids=["hls", "concat", "sdp", "dash"],
)
@pytest.mark.parametrize("name", ["a.wav", "a.m3u8", "a.mpd"])
def test_scripts_reach_no_other_file(tmp_path, script, name):
    other = tmp_path / "other.wav"
    other.write_bytes(wav_file(PCM))
    path = tmp_path / name
    path.write_text(script.format(path=other))
    with path.open("rb") as stream, pytest.raises(RecordingError) as caught, open_decoder(stream, name):
        pass
    assert caught.value.code == "NotAudio"


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM"])
@pytest.mark.parametrize("declared", [0, 100, 0xFFFFFFFF])
def test_a_wrong_data_size_of_compressed_samples_loses_little(subtype, declared):
    data = sound_file(SOUND, RATE, "WAV", subtype)
    place = data.index(b"data") + 4
    decoder, samples = decode(data[:place] + struct.pack("<I", declared) + data[place + 4 :])
    assert decoder.damage is None
    assert len(samples) / RATE == pytest.approx(2.0, abs=0.15)


def test_flac_of_unknown_length_is_whole_and_its_damage_told():
    noise = np.random.default_rng(1).standard_normal(10 * RATE).astype(np.float32) * 0.1
    data = sound_file(noise, RATE, "FLAC")
    data = data[:22] + bytes(4) + data[26:]
    decoder, samples = decode(data)
    assert (decoder.damage, len(samples)) == (None, 10 * RATE)
    assert "packets are broken" in decode(flip(data, 1))[0].damage


def test_a_short_flac_that_breaks_in_its_first_block_is_damaged():
    data = sound_file(SOUND[: RATE // 2], RATE, "FLAC")
    decoder, _ = decode(flip(data, 1))
    assert decoder.damage.startswith("libsndfile broke off")


def test_an_mp3_that_libsndfile_gives_up_is_decoded_to_its_end():
    noise = np.random.default_rng(1).standard_normal(20 * RATE).astype(np.float32) * 0.1
    data = av_file(noise, RATE, "mp3", "libmp3lame", options={"write_xing": "0"})
    decoder, samples = decode(data[:20_000] + bytes(3_000) + data[23_000:])
    assert "no frame follows the one before" in decoder.damage
    assert len(samples) / RATE > 19.0


def test_an_mp3_comes_out_in_blocks_as_at_once(capfd):
    # Its frames borrow bits of those before, also across the border of two blocks.
    long = np.concatenate([tone(hertz, RATE, 0.5) for hertz in range(200, 1800, 80)])
    long *= np.linspace(0.1, 1, len(long), dtype=np.float32)
    data = av_file(long, RATE, "mp3", "libmp3lame", bit_rate=24_000)
    decoder, samples = decode(data)
    at_once, _ = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    assert np.abs(samples - at_once).max() < 1e-6
    assert (decoder.damage, capfd.readouterr().err) == (None, "")


def test_an_mp3_of_varying_bit_rate_without_a_tag_is_whole():
    # From its first frame libsndfile guesses four times its length.
    low, high = (
        av_file(
            SOUND, RATE, "mp3", "libmp3lame", bit_rate=rate, options={"write_xing": "0", "id3v2_version": "0"}
        )
        for rate in (24_000, 96_000)
    )
    assert decode(low + high)[0].damage is None


def test_a_rate_that_changes_is_followed():
    first, second = (av_file(tone(440, rate, 2.0), rate, "mp3", "libmp3lame") for rate in (16000, 44100))
    decoder, samples = decode(first + second)
    assert len(samples) / decoder.sample_rate == pytest.approx(4.0, abs=0.2)


def test_an_index_that_is_cut_off_says_so():
    data = av_file(SOUND, RATE, "ipod", "aac")
    with pytest.raises(RecordingError, match="bytes of the box mdat") as caught:
        decode(data[: len(data) // 2])
    assert caught.value.code == "DecodeFailed"


def test_ffmpeg_is_loaded_only_when_a_file_needs_it(tmp_path):
    (tmp_path / "a.wav").write_bytes(wav_file(PCM))
    (tmp_path / "a.m4a").write_bytes(av_file(SOUND, RATE, "ipod", "aac"))
    script = (
        "import sys\nfrom transforms.decode import open_decoder\n"
        "with open(sys.argv[1], 'rb') as f, open_decoder(f, 'a') as d: list(d.blocks())\n"
        "print('av' in sys.modules)"
    )
    for name, expected in (("a.wav", "False"), ("a.m4a", "True")):
        command = [sys.executable, "-c", script, str(tmp_path / name)]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
        assert ran.stdout.strip() == expected


def flip(data, places, seed=1):
    chance = random.Random(seed)
    spoilt = bytearray(data)
    for _ in range(places):
        spoilt[chance.randrange(len(data) // 2, len(data))] ^= chance.randrange(1, 256)
    return bytes(spoilt)


@pytest.mark.parametrize("container", ["FLAC", "MP3", "OGG"])
def test_half_a_file_is_damage_and_what_is_there_is_kept(container):
    noise = np.random.default_rng(1).standard_normal(20 * RATE).astype(np.float32) * 0.1
    whole = sound_file(noise, RATE, container)
    decoder, samples = decode(whole[: len(whole) // 2])
    assert 8.0 < len(samples) / RATE < 12.0
    assert decoder.damage


def zeroed(data):
    """The same with a stretch of zeros in its middle."""
    middle = len(data) // 2
    return data[:middle] + bytes(1000) + data[middle + 1000 :]


@pytest.mark.parametrize(
    ("container", "encoder", "says"),
    [
        ("matroska", "aac", "FFmpeg reported an error: "),
        ("webm", "libopus", "FFmpeg reported an error: "),
        ("tta", "tta", "FFmpeg reported an error: CRC error"),
        ("wv", "wavpack", "FFmpeg reported an error: CRC error"),
    ],
)
def test_damage_that_ffmpeg_bridges_over_is_told(container, encoder, says, capfd):
    noise = np.random.default_rng(1).standard_normal(5 * RATE).astype(np.float32) * 0.1
    whole = av_file(noise, RATE, container, encoder)
    assert decode(whole)[0].damage is None
    assert says in decode(zeroed(whole))[0].damage
    assert decode(whole)[0].damage is None  # what was said of the one before is not said of it
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("container", ["matroska", "mp4"])
def test_sound_that_begins_late_is_not_taken_for_lost(container):
    decoder, samples = decode(av_file(SOUND, RATE, container, "aac", begins_at=2.0))
    assert decoder.damage is None
    assert len(samples) >= len(SOUND)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_big_endian_wav_is_no_noise_and_shows_where_it_is_cut(subtype):
    buffer = io.BytesIO()
    soundfile.write(buffer, SOUND, RATE, format="WAV", subtype=subtype, endian="BIG")
    data = buffer.getvalue()
    assert data.startswith(b"RIFX")
    decoder, samples = decode(data)
    assert decoder.damage is None
    assert np.abs(samples[:, 0] - SOUND).max() < 1e-4
    assert "bytes of audio" in decode(data[: len(data) // 2])[0].damage


def test_two_webm_files_joined_are_whole():
    data = av_file(SOUND, 48000, "webm", "libopus", options={"live": "1"})
    decoder, samples = decode(data + data)
    assert decoder.damage is None
    assert len(samples) > 1.9 * len(SOUND)


def test_a_broken_place_in_a_flac_costs_only_itself():
    noise = np.random.default_rng(1).standard_normal(30 * RATE).astype(np.float32) * 0.1
    decoder, samples = decode(flip(sound_file(noise, RATE, "FLAC"), 1))
    assert decoder.damage.startswith("libsndfile broke off: ")
    assert 25.0 < len(samples) / RATE <= 30.0
    assert np.abs(samples[: 14 * RATE, 0] - noise[: 14 * RATE]).max() < 1e-4


@pytest.mark.parametrize("container", ["webm", "matroska"])
def test_a_hole_in_a_cluster_is_damage(container):
    data = av_file(np.tile(SOUND, 6), 48_000, container, "libopus")
    decoder, samples = decode(data[: len(data) // 2] + bytes(500) + data[len(data) // 2 + 500 :])
    assert len(samples) < 3.4 * 48_000
    assert "announces" in decoder.damage
    assert decode(data)[0].damage is None


def test_broken_packets_are_counted():
    noise = np.random.default_rng(1).standard_normal(10 * RATE).astype(np.float32) * 0.1
    data = av_file(noise, RATE, "adts", "aac")
    decoder, samples = decode(flip(data, 60))
    assert "packets are broken" in decoder.damage
    assert len(samples)


class Failing(io.BytesIO):
    """A source that breaks off in the middle."""

    def read(self, size=-1):
        self._look()
        return super().read(min(size, 4096) if size > 0 else 4096)

    def readinto(self, buffer):
        self._look()
        return super().readinto(memoryview(buffer)[:4096])

    def _look(self):
        if self.tell() > 20000:
            raise RecordingError(Stage.READ, "ReadFailed", "the disk is gone")


@pytest.mark.parametrize("container", ["wav", "flac", "m4a", "opus"])
def test_a_source_that_fails_is_not_taken_for_the_end(container):
    noise = np.random.default_rng(1).standard_normal(10 * RATE).astype(np.float32) * 0.1
    data = {
        "wav": lambda: wav_file((noise * 32767).astype("<i2").tobytes()),
        "flac": lambda: sound_file(noise, RATE, "FLAC"),
        "m4a": lambda: av_file(noise, RATE, "ipod", "aac"),
        "opus": lambda: av_file(noise, RATE, "ogg", "libopus"),
    }[container]()
    with pytest.raises(RecordingError, match="the disk is gone"), open_decoder(Failing(data), "a") as decoder:
        list(decoder.blocks())


def test_the_stream_stays_open():
    stream = io.BytesIO(av_file(SOUND, RATE, "ipod", "aac"))
    with open_decoder(stream, "a") as decoder:
        next(decoder.blocks())
    assert not stream.closed


def manifest_rows():
    path = SHARED_AUDIO / "manifest.csv"
    return list(csv.DictReader(path.open(encoding="utf-8"))) if path.exists() else []


@pytest.mark.skipif(not manifest_rows(), reason="the shared recordings are not here")
def test_real_recordings_have_their_length():
    for row in manifest_rows():
        with (
            (SHARED_AUDIO / row["audio"]).open("rb") as stream,
            open_decoder(stream, row["audio"]) as decoder,
        ):
            seconds = sum(len(block) for block in decoder.blocks()) / decoder.sample_rate
        assert decoder.damage is None, row["audio"]
        assert (decoder.sample_rate, decoder.channels) == (int(row["sample_rate"]), int(row["channels"]))
        # Lengths of mp3 in the list count the encoder's delay and padding; the decoder takes them off.
        tolerance = 0.11 if row["codec"] == "mp3" else 0.1
        assert seconds == pytest.approx(float(row["seconds"]), abs=tolerance), row["audio"]
