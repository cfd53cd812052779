"""Opening a stream with FFmpeg: only as what holds its sound itself, and nothing else with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn

import av
import av.container

from transforms import codes
from transforms.decode_base import ShieldedStream, UndecodableError
from transforms.decode_packets import text_of

# Containers that hold their audio themselves. Playlists, concat scripts, session
# descriptions and picture sequences, which name other files or hosts, are not among them.
_DEMUXERS: Final = (
    "aac,ac3,ac4,adx,aiff,amr,ape,asf,asf_o,au,avi,caf,dsf,dss,dts,dtshd,dv,eac3,flac,flv,gsm,gxf,"
    "iff,ircam,loas,matroska,mlp,mov,mp3,mpc,mpc8,mpeg,mpegts,mxf,nistsphere,nut,ogg,oma,qcp,rm,shn,"
    "sox,tak,truehd,tta,voc,w64,wav,webm,wtv,wv,xwma"
)
# The first is enough for nearly all files and opens short ones fast; the second is
# FFmpeg's own, for streams whose audio begins late.
_PROBE_BYTES: Final = (1 << 16, 5_000_000)

# Tags in other encodings are common, and of no interest here. From PyAV 19 on they are
# replaced unasked, and the argument is gone.
_TAGS: dict[str, Any] = {} if int(av.__version__.split(".")[0]) >= 19 else {"metadata_errors": "replace"}


def open_container(stream: ShieldedStream, options: Mapping[str, str]) -> av.container.InputContainer:
    """Open with little probing, and with much if that did not find the audio.

    Args:
        stream: at any position; it is not closed.
        options: of the demuxer.

    Raises:
        UndecodableError: FFmpeg does not recognise it, or it has no audio.
        BeamscribeError, OSError: reading the stream failed.
    """
    for probe_bytes in _PROBE_BYTES:
        stream.seek(0)
        try:
            container: av.container.InputContainer = av.open(
                stream,
                "r",
                options={"format_whitelist": _DEMUXERS, "probesize": str(probe_bytes), **options},
                io_open=_refuse_other_files,
                **_TAGS,
            )
        except (av.FFmpegError, PermissionError) as error:
            stream.check()
            raise UndecodableError(codes.NOT_AUDIO, f"FFmpeg says: {text_of(error)}") from error
        stream.check()
        audio = container.streams.audio
        if audio and audio[0].codec_context is not None and audio[0].codec_context.sample_rate:
            return container
        has_audio = bool(audio)
        kinds = ", ".join(sorted({found.type for found in container.streams}))
        container.close()
    if has_audio:
        raise UndecodableError(
            codes.NO_SAMPLES, "FFmpeg finds an audio stream of an unknown kind or no length"
        )
    raise UndecodableError(
        codes.NO_AUDIO_STREAM, f"FFmpeg finds no audio stream in it, only: {kinds or 'nothing'}"
    )


def _refuse_other_files(url: str, flags: int, options: Mapping[str, str]) -> NoReturn:
    """The door behind the list of demuxers: a recording never opens another file."""
    raise PermissionError("a recording may not refer to other files")
