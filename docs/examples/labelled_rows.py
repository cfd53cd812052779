"""Good rows as wav files with their texts, doubtful ones for somebody to check.

python docs/examples/labelled_rows.py OUTPUT FOLDER [CHECKED.csv]

FOLDER gets wavs/ and metadata.csv (name|text, as LJSpeech has it) for the rows without doubts, and
check/ with check.csv for the others. Write what was really said into its column `corrected`, or `-`
to leave the row out, and give the file back as CHECKED.csv: then those rows are taken, too.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import soundfile

LEAST_SPEECH = 0.3  # of the segment's length
SOFTEST_DBFS = -45.0
MOST_CLIPPED = 0.001  # of its samples
# Something without digits, up to 20 characters, four times in a row.
REPEATED = re.compile(r"(\D{1,20}?)\1{3,}")
# A sentence that comes so often is a jingle, or was made up.
LONG_TEXT, MOST_TIMES = 10, 5

COLUMNS = ["audio", "text", "start_ms", "end_ms", "speech_ms", "level_dbfs", "clipped_share"]
Row = Mapping[str, Any]


def doubts(row: Row, times: Mapping[str, int]) -> list[str]:
    """Why a row may be a poor label; `times` tells how often each text comes."""
    text = row["text"].strip()
    found = {
        "no text": not text,
        "repeated within": REPEATED.search(f"{text} ") is not None,
        "repeated in other rows": len(text) > LONG_TEXT and times[row["text"]] > MOST_TIMES,
        "little speech": row["speech_ms"] < LEAST_SPEECH * (row["end_ms"] - row["start_ms"]),
        "soft": row["level_dbfs"] < SOFTEST_DBFS,
        "clipped": row["clipped_share"] > MOST_CLIPPED,
    }
    return [reason for reason, holds in found.items() if holds]


def rows_with_sound(output: Path) -> Iterator[Row]:
    """The rows that have their sound, a few at a time, however many there are."""
    segments = ds.dataset(output / "segments")
    for batch in segments.to_batches(columns=COLUMNS, batch_size=16, batch_readahead=1, fragment_readahead=1):
        yield from (row for row in batch.to_pylist() if row["audio"])


def main(output: Path, folder: Path, checked: Path | None = None) -> None:
    """Write what the module's text says."""
    times = Counter(ds.dataset(output / "segments").to_table(columns=["text"])["text"].to_pylist())
    corrected = {}
    if checked:
        with checked.open(encoding="utf-8", newline="") as file:
            corrected = {row["name"]: row["corrected"].strip() for row in csv.DictReader(file)}
    for name in ("wavs", "check"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    counted: Counter[str] = Counter()
    with (
        (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as labels,
        (folder / "check.csv").open("w", encoding="utf-8", newline="") as to_check,
    ):
        table = csv.writer(to_check)
        table.writerow(["name", "doubts", "text", "corrected"])
        for row in rows_with_sound(output):
            name = Path(row["audio"]["path"]).stem
            reasons = doubts(row, times)
            text = corrected.get(name) or ("" if reasons else row["text"])
            if text == "-":
                counted["left out"] += 1
                continue
            samples, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="int16")
            soundfile.write(folder / ("wavs" if text else "check") / f"{name}.wav", samples, rate)
            if text:
                labels.write(f"{name}|{' '.join(text.replace('|', ' ').split())}\n")
            else:
                table.writerow([name, ", ".join(reasons), row["text"], ""])
            counted.update(["good" if text else "to check", *([] if text else reasons)])
    print(
        ", ".join(f"{count} {what}" for what, count in sorted(counted.items())) or "no rows with their sound"
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
