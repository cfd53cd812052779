from __future__ import annotations

import csv
import io
import json
import os
import signal
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from pipeline.evaluation import evaluate
from pipeline.show_evaluation import MOST_LINES, EvaluateRequest, run_evaluate
from tests.e2e.command import beamscribe, ended, rows, settings, start_apart
from tests.e2e.sounds import chatter, heard, some_wavs, write_wav
from tests.pipeline.test_evaluation import manifest
from tests.pipeline.test_finished import transcript_of, write
from transforms.records import Transcript

RUN = "20260101T000000Z-00000000"
WIDTH = 80


def shown(output: Path, references: str, **options) -> str:
    file = io.StringIO()
    request = EvaluateRequest(str(output), references, **options)
    run_evaluate(request, Console(file=file, width=WIDTH))
    return file.getvalue()


def dataset(folder: Path, *transcripts: Transcript) -> Path:
    write(folder / "out", RUN, transcripts)
    return folder / "out"


def test_the_table_and_json_tell_the_same_numbers(tmp_path):
    output = dataset(tmp_path, transcript_of("/a.wav", text="one too"), transcript_of("/b.wav", text="three"))
    references = manifest(tmp_path, [("/a.wav", "One, two.", "en", ""), ("/b.wav", "three", "en", "")])
    table = shown(output, references)
    told = json.loads(shown(output, references, json=True))
    evaluation = evaluate(str(output), references)
    assert told == json.loads(json.dumps(asdict(evaluation)))
    words = told["transcribed"]["words"]
    assert (words["length"], words["substitutions"], words["rate"]) == (3, 1, pytest.approx(1 / 3))
    assert "33.33%" in table
    assert f"{100 * words['interval']['low']:.1f}-{100 * words['interval']['high']:.1f}" in table
    assert "a.wav WER 50.00% of 2 words: 1 substituted, 0 deleted, 0 inserted" in table
    assert "said  one two\nheard one too\n          S\n" in table


def test_a_narrow_terminal_gets_the_numbers_as_a_list(tmp_path):
    output = dataset(tmp_path, transcript_of("/a.wav", text="one too"), transcript_of("/b.wav", text="three"))
    references = manifest(tmp_path, [("/a.wav", "One, two.", "en", ""), ("/b.wav", "three", "en", "")])
    file = io.StringIO()
    run_evaluate(EvaluateRequest(str(output), references), Console(file=file, width=40))
    lines = file.getvalue().splitlines()
    assert lines[0] == "transcribed: 2 rec."
    assert lines[1].startswith("  WER 33.33% (0.0-50.0) of 3 words")
    assert "en: 2 rec." in lines


def test_passwords_and_signatures_in_addresses_are_not_shown(tmp_path):
    uris = [f"https://user:hush@host/{name}.wav?signature=hush" for name in "abc"]
    output = dataset(tmp_path, transcript_of(uris[0], text="no"), transcript_of(uris[1]))
    references = manifest(tmp_path, [(uris[0], "yes", "en", ""), (uris[2], "hello", "en", "")])
    for text in (shown(output, references), shown(output, references, json=True)):
        assert "a.wav" in text
        assert "hush" not in text


def test_the_normalization_and_what_was_left_out_are_stated(tmp_path):
    output = dataset(tmp_path, transcript_of("/a.wav"), transcript_of("/unasked.wav"))
    references = manifest(tmp_path, [("/a.wav", "hello", "", ""), ("/gone.wav", "x", "", "1")])
    text = " ".join(shown(output, references).split())
    for part in (
        "Unicode NFKC", "(bootstrap, seed 0; widened for few).",
        "References without a transcript: 1 (gone.wav channel 1).",
        "the manifest does not name: 1 (unasked.wav channel 0)", "all references",
    ):  # fmt: skip
        assert part in text
    assert "and the recordings below" in " ".join(shown(output, references, missing_as_deleted=True).split())


def test_lines_fit_the_terminal_and_very_long_texts_are_cut(tmp_path):
    said = "广州 weather " * 800
    output = dataset(tmp_path, transcript_of("/a.wav", text=said.replace("weather", "whether")))
    text = shown(output, manifest(tmp_path, [("/a.wav", said, "zh", "")]))
    assert max(map(cell_len, text.splitlines())) <= WIDTH
    assert text.count("\nsaid  ") == MOST_LINES
    assert "more lines; --json has them all" in text


def test_names_and_texts_are_shown_as_plain_text(tmp_path):
    name, text = "/[red]:dog:\x1b[2J.wav", "[bold]x[/bold] \ue000\x07"
    output = dataset(tmp_path, transcript_of(name, text=text))
    table = shown(output, manifest(tmp_path, [(name, "y \ue000", "[i]", "")]))
    assert "[red]:dog:?[2J.wav" in table
    assert "[i]" in table
    assert "\x1b" not in table + shown(output, manifest(tmp_path, [(name, "y", "", "")]), json=True)
    assert "\x07" not in table


def test_a_real_run_is_evaluated_over_its_own_manifest(serve, local_credentials, tmp_path):
    sounds = [chatter(1, seed=number) for number in range(3)]
    texts = [heard(sound) for sound in sounds]
    for number, sound in enumerate(sounds):
        write_wav(tmp_path / f"{number}.wav", sound)
    said = [texts[0].upper(), f"extra {texts[1]}", texts[2]]
    with (tmp_path / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("audio", "reference"), *((f"{number}.wav", text) for number, text in enumerate(said))]
        )
    arguments = ["--manifest", tmp_path / "list.csv", "--output", tmp_path / "out", *settings(serve())]
    assert beamscribe("run", *arguments).code == 0
    found = json.loads(shown(tmp_path / "out", str(tmp_path / "list.csv"), json=True))
    words = found["transcribed"]["words"]
    assert words["length"] == sum(len(text.split()) for text in said)
    assert (words["substitutions"], words["deletions"], words["insertions"]) == (0, 1, 0)
    assert [worst["place"]["audio_uri"] for worst in found["worst"]] == [str(tmp_path / "1.wav")]
    assert found["missing"]["count"] == found["unreferenced"]["count"] == 0


def test_after_a_kill_what_has_a_transcript_is_evaluated(serve, local_credentials, tmp_path):
    recordings, output = some_wavs(tmp_path / "in", 3), tmp_path / "out"
    arguments = ["run", "--input", recordings, "--output", output]
    assert beamscribe(*arguments, *settings(serve())).code == 0
    some_wavs(recordings, 15)
    slow = serve(latency_ms=(150, 150))
    changes = settings(slow, concurrency=1, output__rows_per_part=1)
    process = start_apart([*arguments, *changes], tmp_path, {"TMPDIR": str(tmp_path)})
    give_up_at = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < give_up_at and slow.stats().billed < 3:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    assert ended(process).code == -signal.SIGKILL
    done = {row["audio_uri"]: row["text"] for row in rows(output, "transcripts")}
    missing = 15 - len(done)
    assert 0 < missing <= 12
    said = [(str(path), done.get(str(path), "x"), "", "") for path in recordings.iterdir()]
    found = json.loads(shown(output, manifest(tmp_path, said), json=True))
    assert (found["transcribed"]["recordings"], found["transcribed"]["words"]["rate"]) == (len(done), 0.0)
    assert (found["missing"]["count"], found["all_references"]["words"]["deletions"]) == (missing, missing)


@pytest.mark.parametrize(("recordings", "told"), [(1, False), (4, True), (5, False)])
def test_an_interval_of_few_recordings_is_said_to_be_too_narrow(recordings, told, tmp_path):
    names = [f"/{number}.wav" for number in range(recordings)]
    output = dataset(tmp_path, *(transcript_of(name) for name in names))
    text = shown(output, manifest(tmp_path, [(name, "hello", "en", "") for name in names]))
    assert ("Of less than 5 recordings it is too narrow." in " ".join(text.split())) is told
