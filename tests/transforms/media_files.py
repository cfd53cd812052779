"""Small media files, made in memory."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import av
import numpy as np
import soundfile

SHARED_AUDIO = Path(__file__).resolve().parents[2] / ".." / "shared" / "audio"


def tone(hertz, sample_rate, seconds=1.0, level=0.5):
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(sample_rate * seconds)) / sample_rate)).astype(
        np.float32
    )


def level_db(samples, hertz, sample_rate):
    """The level of one frequency, in dB of full scale."""
    window = np.hanning(len(samples))
    turning = np.exp(-2j * np.pi * hertz * np.arange(len(samples)) / sample_rate)
    return 20 * np.log10(2 * abs((samples * window * turning).sum()) / window.sum() + 1e-12)


def sound_file(samples, sample_rate, container="WAV", subtype=None):
    """What libsndfile writes; ``samples`` is (frames,) or (frames, channels)."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sample_rate, format=container, subtype=subtype)
    return buffer.getvalue()


def wav_file(data, *, sample_rate=16000, channels=1, declared=None, bits=16, tag=1, mask=None, after=b""):
    """A RIFF file around any bytes, with any data size in its header."""
    frame = channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, sample_rate, sample_rate * frame, frame, bits)
    if mask is not None:
        guid = struct.pack("<H", tag) + bytes.fromhex("000000001000800000aa00389b71")
        fmt = struct.pack("<H", 0xFFFE) + fmt[2:] + struct.pack("<HHI", 22, bits, mask) + guid
    size = len(data) if declared is None else declared
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", size) + data + after
    return b"RIFF" + struct.pack("<I", len(body)) + body


def av_file(
    samples,
    sample_rate,
    container,
    encoder,
    *,
    layout="mono",
    bit_rate=64000,
    metadata=None,
    options=None,
    encoder_options=None,
    begins_at=0.0,
):
    """What FFmpeg writes; ``samples`` is (frames,) or (frames, channels), ``options`` are the muxer's."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container, options=options or {}) as output:
        output.metadata.update(metadata or {})
        stream = output.add_stream(encoder, rate=sample_rate, layout=layout)
        stream.bit_rate = bit_rate
        stream.codec_context.options = encoder_options or {}
        pcm = np.ascontiguousarray((samples * 32767).astype(np.int16).reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout=layout)
        frame.sample_rate = sample_rate
        frame.pts = round(begins_at * sample_rate)
        for packet in (*stream.encode(frame), *stream.encode(None)):
            output.mux(packet)
    return buffer.getvalue()


def video_file(samples, sample_rate, *, container="mp4", with_audio=True):
    """A few pictures, and sound or none."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        video = output.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        audio = output.add_stream("aac", rate=sample_rate, layout="mono") if with_audio else None
        for _ in range(10):
            picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            output.mux(video.encode(picture))
        output.mux(video.encode(None))
        if audio is not None:
            pcm = (samples * 32767).astype(np.int16).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
            frame.sample_rate = sample_rate
            output.mux(audio.encode(frame))
            output.mux(audio.encode(None))
    return buffer.getvalue()


def two_tracks(samples, sample_rate, container, *, picture=False):
    """The sound first and, beside it, a beep half as long or the picture of an album."""
    buffer = io.BytesIO()
    beep = tone(2000, sample_rate, len(samples) / sample_rate / 2)
    with av.open(buffer, "w", format=container) as output:
        tracks = [(output.add_stream("aac", rate=sample_rate, layout="mono"), samples)]
        if picture:
            cover = output.add_stream("mjpeg", rate=1)
            cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
            cover.disposition = av.stream.Disposition.attached_pic
            image = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            output.mux(cover.encode(image))
            output.mux(cover.encode(None))
        else:
            tracks.append((output.add_stream("aac", rate=sample_rate, layout="mono"), beep))
        for stream, sound in tracks:
            pcm = (sound * 32767).astype(np.int16).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
            frame.sample_rate = sample_rate
            output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    return buffer.getvalue()
