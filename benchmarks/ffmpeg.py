"""The ffmpeg program as what decoding is measured against."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal

Resampler = Literal["swr", "soxr"]


@dataclass(frozen=True, slots=True)
class Ffmpeg:
    """An ffmpeg program: where it is and what it says its version is."""

    path: str
    version: str

    def decode_to_nowhere(self, paths: Sequence[Path], resampler: Resampler = "swr") -> None:
        """Decode files to 16-bit mono at 16 kHz in one process, one after the other, and keep nothing.

        Args:
            paths: at least one; several have to be of one format.
            resampler: FFmpeg's own, or soxr at the quality of its HQ.

        Raises:
            RuntimeError: it failed.
        """
        resampling = ["-ar", "16000"]
        if resampler == "soxr":
            resampling = ["-af", "aresample=16000:resampler=soxr:precision=20"]
        source, script = ["-i", f"file:{paths[0]}"], ""
        if len(paths) > 1:
            source = ["-f", "concat", "-safe", "0", "-protocol_whitelist", "pipe,file", "-i", "pipe:0"]
            script = "".join(f"file 'file:{path}'\n" for path in paths)
        command = [self.path, "-nostdin", "-v", "error", *source, "-vn", "-ac", "1", *resampling]
        ran = subprocess.run([*command, "-f", "null", "-"], input=script, capture_output=True, text=True)
        if ran.returncode != 0:
            raise RuntimeError(f"ffmpeg cannot decode {paths[0]}: {ran.stderr}")


def find_ffmpeg() -> Ffmpeg | None:
    """The program that FFMPEG names, or that of the PATH, or of the imageio-ffmpeg wheel; None without.

    Raises:
        FileNotFoundError: FFMPEG names what is not there.
    """
    path = os.environ.get("FFMPEG") or shutil.which("ffmpeg") or _of_wheel()
    if path is None:
        return None
    said = subprocess.run([path, "-version"], capture_output=True, text=True, check=True).stdout
    return Ffmpeg(path, said.split()[2])


def described(ffmpeg: Ffmpeg | None) -> str:
    """Which one it is, or how to get one, as a line below a table."""
    if ffmpeg is None:
        return "No ffmpeg: name one in FFMPEG, or pip install imageio-ffmpeg."
    return f"ffmpeg is {ffmpeg.version}, {ffmpeg.path}."


def _of_wheel() -> str | None:
    try:
        wheel = import_module("imageio_ffmpeg")
    except ImportError:
        return None
    return str(wheel.get_ffmpeg_exe())
