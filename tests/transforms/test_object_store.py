from __future__ import annotations

import base64
import json
import socket
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.object_server import BUCKET, CREDENTIALS, as_google, fault_proxy
from transforms import object_store
from transforms.errors import UsageError
from transforms.listing import Sources, check_sources
from transforms.objects import Objects


@pytest.fixture
def _without_credentials(tmp_path, monkeypatch):
    for name in object_store._GOOGLE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)

    found = socket.getaddrinfo

    def no_machine_of_googles(host, *more, **named):
        if host == object_store._GOOGLE_METADATA:
            raise socket.gaierror("no such host")
        return found(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", no_machine_of_googles)


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


@pytest.mark.usefixtures("_without_credentials")
@pytest.mark.parametrize("variable", ["GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT", None])
def test_a_file_of_googles_credentials_is_found_and_signs(s3, tmp_path, monkeypatch, variable):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / ".config" / "gcloud" / "application_default_credentials.json"
    file.parent.mkdir(parents=True)
    account = {
        "type": "service_account",
        "client_email": "beamscribe@calls.example",
        "private_key_id": "key-of-the-tests",
        "private_key": private.decode(),
    }
    file.write_text(json.dumps(account))
    if variable is None:
        monkeypatch.setenv("HOME", str(tmp_path))
    else:
        monkeypatch.setenv(variable, str(file))
    with fault_proxy(s3.url, every=0, dialect=as_google) as proxy:
        monkeypatch.setenv("GOOGLE_BASE_URL", proxy.url)
        Objects(f"gs://{BUCKET}").put("a", b"content")
        assert Objects(f"gs://{BUCKET}").read("a") == b"content"
        [signed] = proxy.signed_by
    header, claims, signature = signed.removeprefix("Bearer ").split(".")
    assert json.loads(decoded(header))["kid"] == "key-of-the-tests"
    assert json.loads(decoded(claims))["iss"] == "beamscribe@calls.example"
    message = f"{header}.{claims}".encode()
    key.public_key().verify(decoded(signature), message, padding.PKCS1v15(), hashes.SHA256())


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_keys_are_found_where_tools_of_amazon_find_them(s3, monkeypatch, tmp_path):
    for name in set(CREDENTIALS) - {"AWS_REGION"}:
        monkeypatch.delenv(name)
    profile = f"[calls]\naws_access_key_id = {CREDENTIALS['AWS_ACCESS_KEY_ID']}\n"
    (tmp_path / "keys").write_text(
        f"{profile}aws_secret_access_key = {CREDENTIALS['AWS_SECRET_ACCESS_KEY']}\n"
    )
    with fault_proxy(s3.url, every=0) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        with pytest.raises(PermissionError, match="AWS_SKIP_SIGNATURE"):
            Objects(f"s3://{BUCKET}")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
        monkeypatch.setenv("AWS_PROFILE", "calls")
        Objects(f"s3://{BUCKET}").put("a", b"")
        assert proxy.signed_by == {CREDENTIALS["AWS_ACCESS_KEY_ID"]}


def test_public_buckets_need_no_keys(s3, monkeypatch):
    Objects(f"s3://{BUCKET}").put("a", b"public")
    anybody = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [anybody]})
    s3.client().put_bucket_policy(Bucket=BUCKET, Policy=policy)
    for name in CREDENTIALS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    with fault_proxy(s3.url, every=0) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        assert Objects(f"s3://{BUCKET}").read("a") == b"public"
        assert proxy.signed_by == {"none"}
