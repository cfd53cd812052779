"""Makes the recordings of this folder again, and references.csv with what is said in them.

Run it with the project's environment: ``python tests/recordings/make_recordings.py``.
It needs two speech synthesizers and two voices beside it; on Debian or Ubuntu::

    apt-get install flite festival festvox-us-slt-hts festvox-kallpc16k

The same versions of voices and encoders give the same bytes.
"""

from __future__ import annotations

import csv
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import soundfile
import soxr

Samples = npt.NDArray[np.float32]  # of shape (samples,) or (samples, channels), in [-1, 1]

HERE = Path(__file__).resolve().parent
SLT, KAL, RMS, AWB = "cmu_us_slt_arctic_hts", "kal_diphone", "rms", "awb"
FESTIVAL_VOICES = {SLT, KAL}

PEAK = 0.5
EDGE_SECONDS = 0.4
PAUSES_SECONDS = (0.9, 1.3, 1.0, 1.6)  # between sentences, in turn
NOISE_RMS = 1e-4  # -80 dBFS: pauses of a quiet room, not of zeros


@dataclass(frozen=True, slots=True)
class Turn:
    """A sentence, who says it, and on which channel."""

    voice: str
    sentence: str
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A recording to be made.

    Attributes:
        coding: a libsndfile subtype for wav and flac, else the name of an encoder.
        bits_per_second: None where libsndfile writes.
    """

    name: str
    sample_rate: int
    coding: str
    turns: tuple[Turn, ...]
    bits_per_second: int | None = None

    @property
    def channels(self) -> int:
        return 1 + max(turn.channel for turn in self.turns)


def told_by(voice: str, *sentences: str) -> tuple[Turn, ...]:
    return tuple(Turn(voice, sentence) for sentence in sentences)


PLANS = (
    Plan(
        "letter_16k.wav",
        16000,
        "PCM_16",
        told_by(
            SLT,
            "The computer in my office is very old and it takes a long time to start.",
            "I will send you the money as soon as I have received your letter.",
        ),
    ),
    Plan(
        "house_44k_24bit.wav",
        44100,
        "PCM_24",
        told_by(RMS, "They have a large house with a swimming pool and a beautiful view of the ocean."),
    ),
    Plan(
        "telephone_8k_mulaw.wav",
        8000,
        "ULAW",
        told_by(
            AWB,
            "You can leave a message after the tone and we will call you back tomorrow.",
            "He said that he was sorry but that he could not come to the party on Saturday.",
        ),
    ),
    Plan(
        "restaurant_44k.mp3",
        44100,
        "libmp3lame",
        told_by(
            KAL,
            "There is a small restaurant near the station where you can get a very good breakfast.",
            "The doctor told him that he should drink more water and get a little more sleep.",
        ),
        64000,
    ),
    Plan(
        "evening_48k.flac",
        48000,
        "PCM_16",
        told_by(
            SLT,
            "It was a beautiful evening and we decided to have dinner in the garden.",
            "After the concert we went to a little cafe and talked about music until midnight.",
        ),
    ),
    Plan(
        "museum_44k.m4a",
        44100,
        "aac",
        told_by(
            SLT,
            "The museum has a new collection of pictures from the nineteenth century.",
            "There were more than a thousand people in the street when the music started.",
        ),
        64000,
    ),
    Plan(
        "family_48k.opus",
        48000,
        "libopus",
        told_by(
            RMS,
            "When I was a young boy my grandfather told me many stories about the war.",
            "Our family has lived in this part of the country for almost a hundred years.",
        ),
        32000,
    ),
    Plan(
        "interview_32k_stereo.flac",
        32000,
        "PCM_16",
        (
            Turn(RMS, "The president said that the country needs more schools and better hospitals."),
            Turn(SLT, "My father used to say that a good question is more important than a quick answer.", 1),
            Turn(RMS, "He has been working on this problem for more than twenty years."),
        ),
    ),
    Plan(
        "city_48k_long.mp3",
        48000,
        "libmp3lame",
        told_by(
            RMS,
            "Many people in this city travel to work by train because it is faster than the bus.",
            "The meeting will begin at ten in the morning and it should be over before lunch.",
            "The weather will be warm and dry tomorrow with a little rain in the evening.",
            "We walked along the river for an hour and then we stopped for lunch in a small village.",
            "The children were playing in the park until their mother called them home for dinner.",
            "The police are looking for a man who was seen near the building on Monday night.",
            "The government will publish the results of the study at the end of the month.",
            "The students have to read one book every month and write a short report about it.",
            "The two companies have been talking about the future of the project for several months.",
            "The price of oil has gone up again and many people are worried about the winter.",
            "Please call me back this afternoon because I would like to change the date of our meeting.",
            "She opened the window and listened to the rain on the roof.",
        ),
        48000,
    ),
)

# A download that went wrong: the error page was saved under the recording's name.
BROKEN_NAME = "broken.mp3"
BROKEN_BYTES = b"<html><head><title>404 Not Found</title></head><body>No such recording.</body></html>\n"


def speak(turn: Turn, sample_rate: int) -> Samples:
    """Has one sentence spoken; shape (samples,), peak at `PEAK`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "spoken.wav")
        if turn.voice in FESTIVAL_VOICES:
            command = ["text2wave", "-eval", f"(voice_{turn.voice})", "-o", str(path)]
            subprocess.run(command, input=turn.sentence.encode(), check=True)
        else:
            subprocess.run(["flite", "-voice", turn.voice, "-t", turn.sentence, "-o", str(path)], check=True)
        samples, spoken_rate = soundfile.read(path, dtype="float32")
    resampled = soxr.resample(samples, spoken_rate, sample_rate, "VHQ")
    scaled: Samples = resampled * np.float32(PEAK / np.abs(resampled).max())
    return scaled


def assemble(plan: Plan) -> Samples:
    """Puts the turns one after the other with pauses; shape (samples, channels)."""
    rate = plan.sample_rate
    pieces = [np.zeros((round(EDGE_SECONDS * rate), plan.channels), np.float32)]
    for number, turn in enumerate(plan.turns):
        is_last = number == len(plan.turns) - 1
        pause_seconds = EDGE_SECONDS if is_last else PAUSES_SECONDS[number % len(PAUSES_SECONDS)]
        spoken = speak(turn, rate)
        piece = np.zeros((len(spoken) + round(pause_seconds * rate), plan.channels), np.float32)
        piece[: len(spoken), turn.channel] = spoken
        pieces.append(piece)
    joined = np.concatenate(pieces)
    noise = np.random.default_rng(0).normal(0, NOISE_RMS, joined.shape)
    return (joined + noise).astype(np.float32)


def encode(samples: Samples, plan: Plan, path: Path) -> None:
    """Writes a compressed file with the encoders that PyAV carries."""
    pcm = (samples * 32767).astype(np.int16).reshape(1, -1)
    # bitexact: no encoder version, no time and no random stream number in the file.
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(plan.coding, rate=plan.sample_rate, layout="mono")
        stream.bit_rate = plan.bits_per_second
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate = plan.sample_rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def main() -> None:
    rows = []
    for plan in PLANS:
        path = HERE / plan.name
        samples = assemble(plan)
        if plan.bits_per_second is None:
            soundfile.write(path, samples, plan.sample_rate, subtype=plan.coding)
        else:
            encode(samples, plan, path)
        rows.append((plan.name, " ".join(turn.sentence for turn in plan.turns), "en"))
        print(f"{plan.name}: {len(samples) / plan.sample_rate:.1f} s, {path.stat().st_size:,} bytes")
    (HERE / BROKEN_NAME).write_bytes(BROKEN_BYTES)
    rows.append((BROKEN_NAME, "", "en"))
    with (HERE / "references.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("audio", "reference", "language"))
        writer.writerows(rows)


if __name__ == "__main__":
    main()
