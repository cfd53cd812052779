from __future__ import annotations

import json
import shutil
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.yaml.main import build_pipeline_components_from_argv, run
from apache_beam.yaml.yaml_provider import load_providers

from pipeline import beam_yaml
from pipeline.beam_yaml import FindRecordings, NormalizeAndSegment, Recognize, Transcribe, WriteDataset
from pipeline.service.server import LocalService
from tests.conftest import SHIPPED
from tests.e2e.command import rows
from tests.e2e.test_secrets import SECRET_ID, SECRET_KEY, found_in, unpacked
from transforms.errors import MissingCredentialsError, UsageError

ROOT = Path(__file__).resolve().parents[2]
PROVIDERS = ROOT / "configs" / "beam-yaml.yaml"
ERRORS = {"output": "errors"}

pytestmark = [pytest.mark.xdist_group("beam-yaml"), pytest.mark.usefixtures("local_credentials")]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with three recordings, one of them broken, and a table of them."""
    (tmp_path / "recordings").mkdir()
    for name in ("letter_16k.wav", "telephone_8k_mulaw.wav", "broken.mp3"):
        shutil.copyfile(SHIPPED / name, tmp_path / "recordings" / name)
    lines = ["letter_16k.wav,en", "telephone_8k_mulaw.wav,zh", "broken.mp3,en"]
    table = "".join(f"recordings/{line}\n" for line in lines)
    (tmp_path / "clips.csv").write_text(f"audio,language\n{table}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def arguments_for(name: str, service: LocalService) -> list[str]:
    return [
        f"--yaml_pipeline_file={ROOT / 'docs' / 'examples' / name}",
        f"--jinja_variables={json.dumps({'input': 'recordings', 'endpoint': service.endpoint})}",
        "--runner=FnApiRunner",
    ]


def lines_of(prefix: str) -> list[dict[str, object]]:
    return [json.loads(line) for path in Path().glob(f"{prefix}*") for line in path.read_text().splitlines()]


def test_texts_and_errors_go_where_the_example_says_and_are_paid_for_once(serve) -> None:
    service = serve()
    for _ in range(2):
        run(arguments_for("transcripts.yaml", service))
        texts, errors = lines_of("texts.jsonl"), lines_of("errors.jsonl")
        assert {Path(str(text["recording"])).name for text in texts} == {
            "letter_16k.wav",
            "telephone_8k_mulaw.wav",
        }
        assert all(text["text"] for text in texts)
        assert [(Path(str(each["audio_uri"])).name, each["code"]) for each in errors] == [
            ("broken.mp3", "NotAudio")
        ]
    assert service.stats().billed == service.stats().distinct_billed_payloads


def test_steps_lead_from_the_rows_of_a_table_to_those_of_the_dataset(serve, folder: Path) -> None:
    run(arguments_for("steps.yaml", serve()))
    segments = rows(folder / "clips-out", "segments")
    assert {row["audio_uri"] for row in segments} == {str(folder / "recordings" / "letter_16k.wav")}
    assert all(row["words"] and row["end_ms"] - row["start_ms"] <= 15_000 for row in segments)
    (failure,) = rows(folder / "clips-out", "failures")
    assert (failure["code"], failure["run_id"]) == ("NotAudio", segments[0]["run_id"])


def test_the_whole_leads_from_files_to_the_dataset(serve, folder: Path) -> None:
    run(arguments_for("dataset.yaml", serve()))
    by_table = {table: rows(folder / "calls-out", table) for table in ("segments", "transcripts", "failures")}
    names = {table: {Path(row["audio_uri"]).name for row in found} for table, found in by_table.items()}
    heard = {"letter_16k.wav", "telephone_8k_mulaw.wav"}
    assert names == {"segments": heard, "transcripts": heard, "failures": {"broken.mp3"}}
    assert {row["engine"] for row in by_table["segments"]} == {"8k_zh"}


def test_what_a_stopped_run_did_not_call_for_is_among_the_errors(serve, monkeypatch) -> None:
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", "another")
    service = serve()
    run(arguments_for("transcripts.yaml", service))
    errors = lines_of("errors.jsonl")
    assert {Path(str(each["audio_uri"])).name for each in errors} >= {
        "letter_16k.wav",
        "telephone_8k_mulaw.wav",
        "broken.mp3",
    }
    assert {each["code"] for each in errors} <= {"AuthFailure.SignatureFailure", "NotAudio"}
    assert service.stats().billed == 0


def test_without_keys_nothing_is_built(monkeypatch, tmp_path: Path, serve) -> None:
    for name in ("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises((MissingCredentialsError, ValueError), match=r"TENCENTCLOUD_SECRET_ID"):
        run(arguments_for("transcripts.yaml", serve()))


def test_a_runner_that_would_pay_four_times_is_refused(serve) -> None:
    service = serve()
    arguments = [each for each in arguments_for("transcripts.yaml", service) if "--runner" not in each]
    with pytest.raises((UsageError, ValueError), match="would pay for its calls four times"):
        run([*arguments, "--runner=BundleBasedDirectRunner"])
    assert service.stats().calls == 0


def test_a_row_that_names_no_recording_is_an_error_and_no_end(serve) -> None:
    transcribe = {"recognition": {"endpoint": serve().endpoint}, "error_handling": ERRORS}
    wrong = [beam.Row(audio="", channel=0), beam.Row(audio="recordings/letter_16k.wav", channel=-1)]
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        found = pipeline | beam.Create(wrong) | Transcribe(**transcribe)
        errors = found["errors"] | beam.Map(lambda row: (row.audio_uri, row.stage, row.code))
        expected = [("", "read", "ReadFailed"), ("recordings/letter_16k.wav", "read", "ReadFailed")]
        assert_that(errors, equal_to(expected))


def test_a_recording_is_transcribed_once_however_often_rows_name_it(serve, folder: Path) -> None:
    service = serve()
    path = "recordings/letter_16k.wav"
    named = [{"audio": path}, {"audio": str(folder / path)}, {"audio": path, "id": "another"}]
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        given = pipeline | beam.Create([beam.Row(id=each.get("id"), audio=each["audio"]) for each in named])
        found = given | Transcribe(ERRORS, recognition={"endpoint": service.endpoint})
        texts = found["good"] | "Names" >> beam.Map(lambda row: row.audio_uri)
        assert_that(texts, equal_to([str(folder / path)]), label="once")
        twice = found["errors"] | "Why" >> beam.Map(lambda row: "asked for twice" in row.message)
        assert_that(twice, equal_to([True]), label="told")
    assert service.stats().billed == service.stats().distinct_billed_payloads


def test_segments_come_from_the_transform_that_cuts() -> None:
    pipeline = beam.Pipeline(runner="FnApiRunner")
    with pytest.raises(UsageError, match="NormalizeAndSegment"):
        _ = pipeline | beam.Create([1]) | Recognize(error_handling=ERRORS)


def test_transforms_of_one_pipeline_keep_their_answers_in_one_place(tmp_path: Path) -> None:
    pipeline = beam.Pipeline(runner="FnApiRunner")
    recordings = pipeline | FindRecordings(input="recordings")
    _ = recordings | "One" >> Transcribe(error_handling=ERRORS, state=str(tmp_path / "answers"))
    with pytest.raises(UsageError, match="answers, and this one none"):
        _ = recordings | "Other" >> Transcribe(error_handling=ERRORS)
    other = beam.Pipeline(runner="FnApiRunner") | FindRecordings(input="recordings")
    with pytest.raises(UsageError, match="Another run"):
        _ = other | Transcribe(error_handling=ERRORS, state="answers")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Transcribe(), "error_handling: expected"),
        (lambda: Recognize(error_handling={"output": "good"}), "other than 'good'"),
        (lambda: Transcribe(ERRORS, recognition={"engin": "16k_en"}), "recognition.engine"),
        (lambda: NormalizeAndSegment(ERRORS, segmentation=[15]), "segmentation"),
        (lambda: Transcribe(ERRORS, settings="chinese-16"), "Did you mean chinese-16k"),
        (lambda: Transcribe(ERRORS, recognition={"secret_key": "abc"}), "TENCENTCLOUD_SECRET_KEY"),
        (lambda: FindRecordings(input="recordigs"), "matches nothing"),
        (lambda: WriteDataset("segment", "out"), "Did you mean segments"),
    ],
)
def test_wrong_arguments_are_told_when_the_pipeline_is_built(make, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        make()


@pytest.mark.parametrize(
    ("row", "says"),
    [(beam.Row(texts="a"), "Did you mean text"), (beam.Row(text="a"), "need .*audio_uri")],
)
def test_rows_of_other_columns_are_refused(row: beam.Row, says: str) -> None:
    pipeline = beam.Pipeline(runner="FnApiRunner")
    with pytest.raises(UsageError, match=says):
        _ = pipeline | beam.Create([row]) | WriteDataset("transcripts", "out")


def test_the_provider_file_offers_every_transform_and_its_arguments() -> None:
    (provider,) = load_providers(str(PROVIDERS))
    offered = set(provider.provided_transforms())
    own = {
        name
        for name, value in vars(beam_yaml).items()
        if isinstance(value, type)
        and issubclass(value, beam.PTransform)
        and value.__module__ == beam_yaml.__name__
    }
    assert offered == {name for name in own if not name.startswith("_")}
    for name in offered:
        assert provider.description(name)
    assert [field.name for field in provider.config_schema("Transcribe").fields][:3] == [
        "error_handling",
        "settings",
        "recognition",
    ]


def test_the_pipeline_and_its_options_hold_no_secret(monkeypatch, serve) -> None:
    service = serve()
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", SECRET_ID)
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", SECRET_KEY)
    options, construct, display = build_pipeline_components_from_argv(arguments_for("steps.yaml", service))
    pipeline = beam.Pipeline(options=options, display_data=display)
    construct(pipeline)
    proto = pipeline.to_runner_api().SerializeToString()
    inside = unpacked(proto)
    assert any(service.endpoint.encode() in pickle for pickle in inside)
    assert [found_in(content) for content in (proto, *inside) if found_in(content)] == []
    assert found_in(json.dumps(options.get_all_options(), default=str)) == []
