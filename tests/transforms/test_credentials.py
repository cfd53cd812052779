from __future__ import annotations

import pickle
import traceback
from pathlib import Path

import pytest
from apache_beam.internal.cloudpickle import cloudpickle

from transforms.credentials import Credentials, EnvironmentCredentials
from transforms.errors import MissingCredentialsError

KEY = "SuperSecretKey0123456789"
TOKEN = "SuperSecretToken0123456789"
ENVIRON = {
    "TENCENTCLOUD_SECRET_ID": "id-of-environment",
    "TENCENTCLOUD_SECRET_KEY": KEY,
    "TENCENTCLOUD_TOKEN": TOKEN,
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".tencentcloud").mkdir()
    return tmp_path


def write(home: Path, text: str) -> Path:
    path = home / ".tencentcloud" / "credentials"
    path.write_text(text, encoding="utf-8")
    return path


def source(home: Path, environ: dict[str, str] | None = None) -> EnvironmentCredentials:
    return EnvironmentCredentials(environ or {}, home, home / "system-credentials")


def test_the_environment_counts_first(home: Path) -> None:
    write(home, f"[default]\nsecret_id = id-of-file\nsecret_key = {KEY}\n")
    assert source(home, ENVIRON).current() == Credentials("id-of-environment", KEY, TOKEN)


def test_the_token_of_the_environment_stays_with_its_keys(home: Path) -> None:
    write(home, f"[default]\nsecret_id = id-of-file\nsecret_key = {KEY}\n")
    half = {"TENCENTCLOUD_SECRET_ID": "id-of-environment", "TENCENTCLOUD_TOKEN": TOKEN}
    assert source(home, half).current() == Credentials("id-of-file", KEY, None)


def test_a_file_may_hold_a_token_and_percent_signs(home: Path) -> None:
    write(home, f"\ufeff[default]\nsecret_id=id-of-file\nsecret_key=a%b%(c)s\ntoken={TOKEN}\n")
    assert source(home).current() == Credentials("id-of-file", "a%b%(c)s", TOKEN)


def test_the_system_file_counts_last(home: Path) -> None:
    (home / "system-credentials").write_text(f"[default]\nsecret_id=id-of-system\nsecret_key={KEY}\n")
    assert source(home).current().secret_id == "id-of-system"
    write(home, f"[default]\nsecret_id=id-of-user\nsecret_key={KEY}\n")
    assert source(home).current().secret_id == "id-of-user"


def test_nothing_anywhere_names_every_place_and_both_variables(home: Path) -> None:
    path = write(home, "[other]\nsecret_id=x\n")
    with pytest.raises(MissingCredentialsError) as caught:
        source(home).current()
    for place in (
        "TENCENTCLOUD_SECRET_ID",
        "TENCENTCLOUD_SECRET_KEY",
        f"{path} (no secret_id and secret_key under [default])",
        f"{home / 'system-credentials'} (not there)",
    ):
        assert place in str(caught.value)


@pytest.mark.parametrize("text", [f"secret_key = {KEY}\n", f"[default]\n{KEY}\n"])
def test_a_file_that_is_no_ini_file_is_not_quoted(home: Path, text: str) -> None:
    path = write(home, text)
    with pytest.raises(MissingCredentialsError) as caught:
        source(home).current()
    assert f"{path} (not an ini file)" in str(caught.value)
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_a_folder_in_place_of_the_file_is_reported(home: Path) -> None:
    (home / ".tencentcloud" / "credentials").mkdir()
    with pytest.raises(MissingCredentialsError, match="cannot be read"):
        source(home).current()


@pytest.mark.parametrize(
    "bad", [f"{KEY}\n", f" {KEY}", f"{KEY[:5]} {KEY[5:]}", f'"{KEY}"', f"{KEY}\u200b", ""]
)
@pytest.mark.parametrize("field", ["secret_id", "secret_key", "token"])
def test_a_badly_pasted_value_is_refused_and_not_shown(bad: str, field: str) -> None:
    values = {"secret_id": "id", "secret_key": "key", "token": "token"} | {field: bad}
    with pytest.raises(MissingCredentialsError, match=field.replace("_", " ")) as caught:
        Credentials(**values)
    assert KEY[:5] not in str(caught.value)


def test_refresh_reads_again_and_current_does_not(home: Path) -> None:
    write(home, "[default]\nsecret_id=id\nsecret_key=old\n")
    credentials = source(home)
    assert credentials.current().secret_key == "old"
    write(home, "[default]\nsecret_id=id\nsecret_key=new\n")
    assert credentials.current().secret_key == "old"
    assert credentials.refresh().secret_key == "new"
    assert credentials.current().secret_key == "new"


def test_no_secret_in_a_repr() -> None:
    credentials = Credentials("id", KEY, TOKEN)
    for shown in (repr(credentials), str(credentials), f"{credentials}"):
        assert "id" in shown
        assert KEY not in shown
        assert TOKEN not in shown


@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps])
def test_credentials_are_never_pickled(dumps: type) -> None:
    with pytest.raises(TypeError, match="never pickled"):
        dumps(Credentials("id", KEY, TOKEN))


@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps])
def test_the_source_pickles_without_secrets(monkeypatch: pytest.MonkeyPatch, dumps: type) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    credentials = EnvironmentCredentials()
    assert credentials.current().secret_key == KEY
    pickled = dumps(credentials)
    assert KEY.encode() not in pickled
    assert TOKEN.encode() not in pickled
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", "id-of-worker")
    assert pickle.loads(pickled).current().secret_id == "id-of-worker"


def test_a_source_with_variables_of_its_own_is_not_pickled(home: Path) -> None:
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(source(home, ENVIRON))
