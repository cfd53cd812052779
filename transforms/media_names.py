"""Which names are those of recordings, where a folder is meant and nobody named its files."""

from __future__ import annotations

_ENDINGS = (
    "3g2 3gp aac ac3 aif aifc aiff amr ape asf au avi awb caf dts eac3 f4a f4v flac flv gsm m2ts m4a m4b m4v "
    "mka mkv mov mp2 mp3 mp4 mpa mpeg mpg mpga mts oga ogg ogv ogx opus qt ra rf64 rm rmvb silk snd sph spx "
    "tta voc vob w64 wav wave weba webm wma wmv wv"
)
MEDIA_ENDINGS = frozenset(_ENDINGS.split())
"""Endings of names, in lower case, by which a file in a folder counts as a recording."""


def is_media(names: tuple[str, ...]) -> bool:
    """Tell whether a file beneath a folder counts: a known ending, and nothing hidden on the way.

    Args:
        names: of the folders on the way down, and its own.
    """
    stem, dot, ending = names[-1].rpartition(".") if names else ("", "", "")
    return bool(stem.strip(".") and dot) and ending.lower() in MEDIA_ENDINGS and not is_hidden(names)


def is_hidden(names: tuple[str, ...]) -> bool:
    """Tell whether no person put it there: ``._a.wav`` is what macOS keeps beside ``a.wav``."""
    return any(name.startswith(".") or name == "lost+found" for name in names)
