from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.config import Config
from pipeline.config_errors import known_keys, looks_secret, nearest_key
from pipeline.config_load import load, resolved_yaml, shipped_folder, shipped_names
from pipeline.config_reference import reference_markdown
from pipeline.yaml_text import parse_yaml
from transforms.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
KEYS = known_keys(Config)
# Secrets of the shape that the cloud gives out, made up.
SECRET_ID = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE"
SECRET_KEY = "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"


def write(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def refusal(*overrides: str, file: str | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        load(file, overrides)
    return str(caught.value)


def test_defaults_of_the_contract() -> None:
    config = load(None).config
    assert config == Config()
    recognition = config.recognition
    assert recognition.endpoint == "https://asr.tencentcloudapi.com"
    assert recognition.requests_per_second == 25
    assert recognition.concurrency == 48
    assert recognition.max_payload_bytes == 600_000
    assert recognition.voice_format == "auto"
    assert recognition.word_info == 1
    assert config.audio.channels == "mix"
    assert config.segmentation.max_seconds == 59.0
    assert config.input.limit is None


@pytest.mark.parametrize("name", ["chinese-16k", "demo", "labelling", "scheduled", "telephone-8k"])
def test_shipped_configurations_load(name: str) -> None:
    by_name = load(name)
    assert by_name == load(str(ROOT / "configs" / f"{name}.yaml"))
    assert by_name.warnings == ()
    assert by_name.config != Config()


def test_all_shipped_configurations_are_tested_and_prices_are_none_of_them() -> None:
    assert shipped_names() == ("chinese-16k", "demo", "labelling", "scheduled", "telephone-8k")
    assert shipped_folder() == ROOT / "configs"


def test_shipped_comments_hold() -> None:
    assert load("telephone-8k").config.audio.channels == "split"
    assert load("labelling").config.recognition.voice_format == "wav"
    assert load("demo").config.recognition.timeout_seconds == 240


def test_a_file_beats_a_shipped_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("demo").write_text("input: {limit: 3}")
    assert load("demo").config == load(None, ["input.limit=3"]).config


def test_a_missing_file_names_it_and_what_is_shipped() -> None:
    told = refusal(file="nightly.yaml")
    assert "nightly.yaml" in told
    assert "scheduled" in told


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert str(tmp_path) in refusal(file=str(tmp_path))


def test_overrides_stand_over_the_file_and_the_last_one_wins(tmp_path: Path) -> None:
    file = write(tmp_path, "recognition: {engine: 16k_en, max_attempts: 2}\naudio:\n  # nothing yet\n")
    config = load(file, ["recognition.max_attempts=3", "recognition.max_attempts=4"]).config
    assert config.recognition.max_attempts == 4
    assert config.recognition.engine == "16k_en"


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("recognition.requests_per_second=25", 25.0),
        ("recognition.requests_per_second=0.5", 0.5),
        ("recognition.concurrency=7", 7),
        ("recognition.filter_dirty=null", None),
        ("recognition.engines={en: 16k_en}", {"en": "16k_en"}),
        ("recognition.hotword_id=0815", "0815"),
        ("recognition.hotword_id='0815'", "0815"),
        ("recognition.hotword_id=1e5", "1e5"),
        ("recognition.hotword_id=null", None),
        ("recognition.hotword_id=", None),
        ("recognition.hotword_list=腾讯云|10,a=b|5", "腾讯云|10,a=b|5"),
        ("recognition.endpoint=http://127.0.0.1:8421", "http://127.0.0.1:8421"),
        ("recognition.endpoint=http://[::1]:80/", "http://[::1]:80/"),
        ("recognition.endpoint=http://localhost", "http://localhost"),
        ("input.limit=3", 3),
    ],
)
def test_override_values_get_the_type_of_their_key(override: str, value: object) -> None:
    section, key = override.partition("=")[0].split(".")
    found = getattr(getattr(load(None, [override]).config, section), key)
    assert (type(found), found) == (type(value), value)


def test_entries_of_the_map_of_engines() -> None:
    overrides = ["recognition.engines.en=16k_en", "recognition.engines.no=16k_de"]
    config = load(None, overrides).config
    assert config.recognition.engines == {"en": "16k_en", "no": "16k_de"}
    choice = config.engine_choice()
    assert choice.engine_for("en") == "16k_en"
    assert choice.engine_for(None) == "16k_zh"


@pytest.mark.parametrize(
    ("given_key", "meant"),
    [
        ("recognition.requests_per_secnd", "recognition.requests_per_second"),
        ("engine", "recognition.engine"),
        ("audio.engine", "recognition.engine"),
        ("max_seconds", "segmentation.max_seconds"),
        ("recogniton.max_attempts", "recognition.max_attempts"),
        ("Recognition.Concurrency", "recognition.concurrency"),
        ("recognition.qps.limit", "input.limit"),
        ("output.row_per_part", "output.rows_per_part"),
    ],
)
def test_an_unknown_key_names_the_nearest(given_key: str, meant: str) -> None:
    assert f"{given_key}: unknown key; did you mean {meant}?" in refusal(f"{given_key}=1")


def test_keys_without_their_capability_are_errors_never_ignored() -> None:
    key = "audio.squeeze"
    assert f"{key}: unknown key; did you mean " in refusal(f"{key}=1")


@given(st.sampled_from(KEYS), st.data())
def test_a_key_with_a_letter_missing_is_recognised(key: str, data: st.DataObject) -> None:
    start = key.index(".") + 1
    at = data.draw(st.integers(start, len(key) - 1))
    broken = key[:at] + key[at + 1 :]
    if broken not in KEYS and broken[-1] != ".":
        assert nearest_key(broken, KEYS) == key


def test_every_problem_is_listed_at_once(tmp_path: Path) -> None:
    file = write(
        tmp_path, "recognition: {enginee: 16k_zh, max_attempts: many}\nsegmentation: {max_seconds: 60}\n"
    )
    told = refusal("output.rows_per_part=0", file=file)
    assert file in told
    for part in (
        "did you mean recognition.engine?",
        "recognition.max_attempts: 'many': expected a whole number",
        "segmentation.max_seconds: 60: expected less than 60",
        "output.rows_per_part: 0: expected greater than or equal to 1",
    ):
        assert part in told


def test_problems_of_several_keys_are_listed_at_once() -> None:
    told = refusal(
        "recognition.signature=v1",
        "recognition.engine=zh",
        "recognition.ca_bundle=/no/such.pem",
        "recognition.word_info=7",
        "recognition.endpoint=http://10.0.0.1",
    )
    for key in (
        "recognition.signature",
        "8k_ or 16k_",
        "recognition.ca_bundle",
        "word_info",
        "travel openly",
    ):
        assert key in told


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("recognition.requests_per_second=0", "recognition.requests_per_second: 0: expected greater than 0"),
        ("recognition.requests_per_second=.nan", "recognition.requests_per_second: nan: expected a finite"),
        ("recognition.requests_per_second='25'", "recognition.requests_per_second: '25': expected a number"),
        ("recognition.concurrency=true", "recognition.concurrency: True: expected a whole number"),
        ("recognition.concurrency=2.0", "recognition.concurrency: 2.0: expected a whole number"),
        ("recognition.voice_format=flac", "recognition.voice_format: 'flac': expected 'auto', 'wav'"),
        ("recognition.engine=", "recognition.engine: null: expected text"),
        ("recognition.engines=16k_zh", "recognition.engines: '16k_zh': expected a mapping"),
        ("recognition.engines.en=", "recognition.engines.en: null: expected text"),
        ("recognition.engine.en=16k_en", "recognition.engine: a mapping: expected text"),
        ("recognition={1: 2}", "recognition: expected keys that are text; put 1 in quotes"),
        ("recognition=[1]", "recognition: a list: expected a mapping of keys"),
        ("audio.channels=stereo", "audio.channels: 'stereo': expected 'mix' or 'split'"),
        (
            "segmentation.max_seconds=0.5",
            "segmentation.max_seconds: 0.5: expected greater than or equal to 1",
        ),
        ("input.limit=0", "input.limit: 0: expected greater than or equal to 1"),
        ("recognition.max_payload_bytes=10", "recognition.max_payload_bytes is 10"),
        ("recognition.max_payload_bytes=8000000", "recognition.max_payload_bytes: 8000000: expected less"),
        ("recognition.voice_format=speex", "recognition.voice_format is 'speex'; allowed: auto, wav"),
        ("recognition.language=de", "recognition.language: 'de': expected 'zh-CN' or 'en-US'"),
        ("recognition", "--set number 1: expected dotted.key=value"),
        ("=5", "--set number 1: expected dotted.key=value"),
        ("a..b=5", "--set number 1: expected dotted.key=value"),
        ("input.limit=[", "--set input.limit"),
    ],
)
def test_a_wrong_value_names_key_value_and_what_is_expected(override: str, told: str) -> None:
    assert told in refusal(override)


@pytest.mark.parametrize(
    "overrides",
    [
        ("segmentation.padding_seconds=5", "segmentation.max_seconds=19.9"),
        ("segmentation.overlap_seconds=9", "segmentation.max_seconds=19"),
        ("segmentation.overlap_seconds=9", "recognition.voice_format=wav"),  # 18.7 s of it
        (
            "recognition.engines.en=16k_en",
            "recognition.engine=8k_zh",
            "segmentation.padding_seconds=4.7",
            "recognition.voice_format=wav",
        ),
    ],
)
def test_what_leaves_little_of_a_segment_is_refused(overrides: tuple[str, ...]) -> None:
    assert "segments would hold little else" in refusal(*overrides)


def test_what_leaves_half_of_a_segment_is_allowed() -> None:
    load(None, ["segmentation.padding_seconds=5", "segmentation.max_seconds=20"])
    load(None, ["segmentation.overlap_seconds=8", "recognition.voice_format=wav"])


def test_overlap_needs_word_times() -> None:
    told = refusal("segmentation.overlap_seconds=1", "recognition.word_info=0")
    assert "set recognition.word_info to 1 or 2" in told


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [
        ("asr.tencentcloudapi.com", "must be a scheme and a host"),
        ("ftp://asr.tencentcloudapi.com", "must be a scheme and a host"),
        ("https://", "must be a scheme and a host"),
        ("https://host:port", "must be a scheme and a host"),
        ("https://[::1", "must be a scheme and a host"),
        ("https://host/path", "must be a scheme and a host"),
        ("https://host/?a=b", "must be a scheme and a host"),
        ("https://a b", "must be a scheme and a host"),
        ("http://asr.tencentcloudapi.com", "travel openly"),
        ("http://127.0.0.1.example.com", "travel openly"),
        ("http://10.0.0.1", "travel openly"),
        ("http://localhost.example.com", "travel openly"),
    ],
)
def test_endpoints_that_are_refused(endpoint: str, told: str) -> None:
    refused = refusal(f"recognition.endpoint={endpoint}")
    assert refused.startswith("the configuration cannot be used:\n  recognition.endpoint ")
    assert told in refused


def test_the_password_of_an_endpoint_is_not_repeated() -> None:
    refused = refusal("recognition.endpoint=https://me:hunter2@host")
    assert "must be a scheme and a host" in refused
    assert "hunter2" not in refused


@pytest.mark.parametrize(
    "text",
    [
        "secret_id: {id}\nsecret_key: {key}",
        "recognition: {{secretKey: {key}, token: {key}}}",
        "recognition: {{credentials: {{id: {id}, key: {key}}}}}",
        "recognition: {{engines: {{tencentcloud_secret_key: {key}}}}}",
        "recognition: {{hotword_id: {id}}}",
        "recognition: {{hotword_list: [{id}]}}",
        "recognition: {{{id}: 5}}",
        "recognition:\n  secret_key: {key}\n  secret_key: {key}",
        "recognition: {{secret_key: *{key}}}",
        "secret_key: {key}: {key}",
    ],
)
def test_secrets_are_refused_and_never_repeated(tmp_path: Path, text: str) -> None:
    refused = refusal(file=write(tmp_path, text.format(id=SECRET_ID, key=SECRET_KEY)))
    assert SECRET_ID not in refused
    assert SECRET_KEY not in refused


@pytest.mark.parametrize(
    "override",
    [
        f"recognition.secret_key={SECRET_KEY}",
        f"TENCENTCLOUD_TOKEN={SECRET_KEY}",
        f"secret_key:{SECRET_KEY}",
        f"secret_id=[{SECRET_KEY}",
        f"recognition.engine={SECRET_ID}",
        f"{SECRET_ID}=1",
    ],
)
def test_secrets_in_overrides_are_refused_and_never_repeated(override: str) -> None:
    refused = refusal("recognition.max_attempts=3", override)
    assert "TENCENTCLOUD_SECRET_ID" in refused
    assert SECRET_ID not in refused
    assert SECRET_KEY not in refused


def test_no_key_of_ours_looks_like_a_secret() -> None:
    assert not [key for key in KEYS if looks_secret(key)]


def test_a_value_given_to_the_model_itself_is_not_repeated() -> None:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"recognition": {"secret_key": SECRET_KEY}})
    assert SECRET_KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("recognition: {engine: a, engine: b}", "line 1, column 26: the key 'engine' is given twice"),
        ("audio: {}\naudio: {}", "line 2, column 1: the key 'audio' is given twice, first in line 1"),
        ("- recognition", "expected a mapping of sections"),
        ("16k_zh", "expected a mapping of sections"),
        ("recognition: [", "line 1"),
        ("a: &x {b: *x}", "aliases are not supported"),
        ("a: !!python/object:os.system {}", "could not determine a constructor"),
        ("a: 2020-13-45", "a value cannot be read"),
        ("a: 1\n---\nb: 2", "expected a single document"),
        ("a: \x00", "not YAML"),
        ("? [1, 2]\n: 3", "unhashable key"),
        ("1: 2", "the file: expected keys that are text; put 1 in quotes"),
        (
            "recognition: {engines: {no: 16k_de}}",
            "recognition.engines: expected keys that are text; put False in quotes",
        ),
        ("recognition: 16k_zh", "recognition: '16k_zh': expected a mapping of keys"),
        ("recognition: {hotword_id: 4711}", "need quotes"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, text: str, told: str) -> None:
    file = write(tmp_path, text)
    refused = refusal(file=file)
    assert file in refused
    assert told in refused


def test_files_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes("recognition: {hotword_list: 腾讯|5}".encode("gbk"))
    assert "not YAML" in refusal(file=str(path))
    path.write_bytes("recognition: {hotword_list: 腾讯|5}".encode("utf-8-sig"))
    assert load(str(path)).config.recognition.hotword_list == "腾讯|5"


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    assert load(write(tmp_path, "# nothing\n")).config == Config()


def test_an_override_below_something_that_is_no_mapping(tmp_path: Path) -> None:
    file = write(tmp_path, "recognition: 5")
    assert "recognition is not a mapping" in refusal("recognition.engine=16k_zh", file=file)


def test_an_unknown_engine_is_a_warning() -> None:
    loaded = load(None, ["recognition.engine=16k_zh_large", "recognition.engines.xx=8k_xx"])
    assert loaded.config.recognition.engine == "16k_zh_large"
    assert len(loaded.warnings) == 2
    assert "16k_zh_large" in loaded.warnings[0]
    assert "8k_xx" in loaded.warnings[1]


def test_a_language_given_twice_in_two_spellings() -> None:
    told = refusal("recognition.engines.zh-CN=16k_zh", "recognition.engines.zh_cn=8k_zh")
    assert "recognition.engines" in told
    assert "zh_cn" in told


def test_more_than_the_documented_payload_is_a_warning() -> None:
    assert load(None, ["recognition.max_payload_bytes=2250000"]).warnings == ()
    (warning,) = load(None, ["recognition.max_payload_bytes=2250001"]).warnings
    assert "recognition.max_payload_bytes" in warning


def test_the_old_signature_needs_addresses() -> None:
    assert "recognition.source=url" in refusal("recognition.signature=v1")
    config = load(
        None, ["recognition.signature=v1", "recognition.source=url", "recognition.voice_format=amr"]
    ).config
    assert config.recognition.signature == "v1"


def test_each_problem_is_told_once_however_many_engines_there_are() -> None:
    told = refusal(
        "recognition.engines.en=16k_en", "recognition.word_info=7", "recognition.max_payload_bytes=10"
    )
    assert told.count("word_info") == 1
    assert told.count("recognition.max_payload_bytes") == 1


def test_every_engine_has_to_tell_its_rate() -> None:
    assert "'english'" in refusal("recognition.engines.en=english")


def test_a_bundle_of_certificates_has_to_exist(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    assert load(None, [f"recognition.ca_bundle={bundle}"]).config.recognition.ca_bundle == str(bundle)


def test_models_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Config().recognition.engine = "16k_en"


def test_request_parameters_carry_what_was_configured() -> None:
    parameters = load(
        None, ["recognition.word_info=2", "recognition.hotword_id=12"]
    ).config.request_parameters()
    assert parameters.word_info == 2
    assert parameters.hotword_id == "12"
    assert parameters.filter_dirty is None


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
NUMBERS = st.floats(min_value=1e-6, max_value=1e18, allow_nan=False)
SECTIONS: Any = st.fixed_dictionaries(
    {},
    optional={
        "recognition": st.fixed_dictionaries(
            {},
            optional={
                "engine": TEXT,
                "engines": st.dictionaries(TEXT, TEXT, max_size=3),
                "requests_per_second": NUMBERS,
                "hotword_id": st.none() | TEXT,
                "hotword_list": st.none() | TEXT,
                "usr_audio_key": st.sampled_from(
                    ["no", "null", "1", "1e5", "~", "'x", "a: b", "2020-01-01", "", " a\n"]
                ),
                "word_info": st.integers(),
                "voice_format": st.sampled_from(["auto", "pcm", "m4a"]),
                "language": st.sampled_from([None, "zh-CN"]),
            },
        ),
        "segmentation": st.fixed_dictionaries({}, optional={"max_seconds": st.floats(1, 59.999)}),
        "input": st.fixed_dictionaries({}, optional={"limit": st.none() | st.integers(1)}),
    },
)


@given(SECTIONS)
@settings(max_examples=150, deadline=None)
def test_the_resolved_configuration_reads_back_to_itself(sections: dict[str, Any]) -> None:
    config = Config.model_validate(sections)
    assert Config.model_validate(parse_yaml(resolved_yaml(config), "resolved")) == config


def test_the_resolved_configuration_loads_and_holds_every_key(tmp_path: Path) -> None:
    config = load("telephone-8k", ["recognition.hotword_list=腾讯云|10"]).config
    text = resolved_yaml(config)
    assert "腾讯云|10" in text
    assert all(f"  {key.partition('.')[2]}:" in text for key in KEYS)
    assert load(write(tmp_path, text)).config == config


def test_every_key_is_described_in_the_reference() -> None:
    page = reference_markdown()
    assert all(f"| `{key}` |" in page for key in KEYS)
    assert "| `recognition.language` | `null` | `zh-CN`, `en-US` or `null` |" in page
    assert "| `segmentation.max_seconds` | `59.0` | number from 1 below 60 |" in page


def test_the_reference_page_is_in_step() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert page == reference_markdown(), "run python -m pipeline.config_reference > docs/configuration.md"
