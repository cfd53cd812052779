from __future__ import annotations

import socket
from pathlib import Path

import pytest

from transforms import object_store
from transforms.errors import UsageError
from transforms.listing import Sources, check_sources


@pytest.fixture
def _without_credentials(tmp_path, monkeypatch):
    for name in object_store._GOOGLE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)

    def no_such_host(*_):
        raise socket.gaierror("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_host)


@pytest.mark.usefixtures("_without_credentials")
def test_without_credentials_for_googles_storage_it_is_said_at_once(tmp_path, monkeypatch):
    with pytest.raises(UsageError) as told:
        check_sources(Sources(("gs://nobodys-bucket/in",), base=str(tmp_path)))
    assert str(told.value).startswith(
        "--input gs://nobodys-bucket/in cannot be listed: no credentials for Google's storage were found. "
    )
    own = tmp_path / ".config" / "gcloud" / "application_default_credentials.json"
    own.parent.mkdir(parents=True)
    own.write_text("{}")
    object_store._refuse_without_google_credentials()
    own.unlink()
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "token")
    object_store._refuse_without_google_credentials()
