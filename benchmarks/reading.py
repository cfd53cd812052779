"""Time and peak memory of ``export``, ``evaluate`` and ``report``: 10,000 recordings beside 100,000.

Each recording has six segments of 40 words; two in a hundred have failed. The reference is
the same command on a tenth of the recordings: what streams takes as much memory. The files of
the recordings are not there, so the report has no sound.

    python -m benchmarks.reading [--quick]
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.status import SPOKEN, Watched, make_dataset, name_of, watched
from benchmarks.tables import mebibytes, show, times


def make_references(path: Path, recordings: int) -> None:
    """A manifest in which a word of forty differs from what `make_dataset` writes."""
    said = SPOKEN.rsplit(" ", 1)[0] + " otherwise"
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("audio", "reference", "language"))
        table.writerows((name_of(number), " ".join([said] * 6), "en") for number in range(recordings))


def measure(recordings: int) -> Mapping[str, Watched]:
    """Each command on a dataset of so many recordings; checks that it read them all."""
    with tempfile.TemporaryDirectory() as folder:
        output, references = Path(folder, "out"), Path(folder, "references.csv")
        make_dataset(output, recordings, killed=False)
        make_references(references, recordings)
        tables = watched("export", str(output), "--format", "jsonl,csv")
        subtitles = watched("export", str(output), "--format", "srt,vtt,txt")
        evaluated = watched("evaluate", str(output), "--references", str(references), "--json")
        page = watched("report", str(output))
        assert (output / "report.html").stat().st_size > 10_000, "the report is written"
        lines = (output / "exports" / "transcripts.jsonl").read_bytes().count(b"\n")
        files = [sum(1 for _ in (output / "exports" / name).iterdir()) for name in ("srt", "vtt", "txt")]
    found = json.loads(evaluated.printed)["transcribed"]
    assert {lines, *files} == {found["recordings"]}, "every recording is read"
    assert lines > 0.9 * recordings, "nearly all are transcribed"
    assert found["words"]["rate"] == 1 / 40, "one word of forty differs"
    return {
        "export jsonl,csv": tables,
        "export srt,vtt,txt": subtitles,
        "evaluate": evaluated,
        "report": page,
    }


def main() -> None:
    """Print seconds and memory for each command and size."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--quick", action="store_true", help="50 and 100 recordings")
    few, many = (50, 100) if options.parse_args().quick else (10_000, 100_000)
    reference, found = measure(few), measure(many)
    rows = [
        (
            name,
            f"{reference[name].seconds:.1f}",
            f"{each.seconds:.1f}",
            mebibytes(reference[name].memory),
            mebibytes(each.memory),
            times(each.memory / reference[name].memory),
        )
        for name, each in found.items()
    ]
    show(
        "Reading a dataset, from the command's start to its exit",
        (
            "command",
            f"{few:,} (reference) s",
            f"{many:,} recordings s",
            f"{few:,} (reference) memory",
            f"{many:,} recordings memory",
            "ratio",
        ),
        rows,
    )


if __name__ == "__main__":
    main()
