from __future__ import annotations

import hashlib
import string
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tencentcloud.common.sign import Sign

from transforms.signing import V1Algorithm, sign_tc3, sign_v1

ID = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE"
KEY = "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"
TIMESTAMP = 1551113065
PLAIN = "application/json"
CHARSET = "application/json; charset=utf-8"
CVM_BODY = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
ASR_BODY = (
    b'{"EngSerViceType": "16k_zh", "SourceType": 1, "VoiceFormat": "wav", "Data": "UklGRg==", "DataLen": 4}'
)

CVM_SIGNATURE = "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
CVM_ACTION_SIGNATURE = "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
ASR_SIGNATURE = "5c2b85c35bf3478e018215a909f4de42f6875486d2070d85748cb4904e8ae53a"
ASR_CHARSET_SIGNATURE = "aba89457a68c36cf461fdd917ebd5dec9acb3e8475a69b9b45d6631486b17a78"

words = st.text(string.ascii_letters + string.digits + "-._", min_size=1, max_size=40)
# Up to the year 9999, so that every date has four digits.
timestamps = st.integers(0, 253402300799)


@pytest.mark.parametrize(
    ("key", "service", "content_type", "action", "body", "signature"),
    [
        (
            KEY,
            "cvm",
            CHARSET,
            None,
            CVM_BODY,
            CVM_SIGNATURE,
        ),
        (
            "*" * 32,
            "cvm",
            CHARSET,
            "DescribeInstances",
            CVM_BODY,
            CVM_ACTION_SIGNATURE,
        ),
        (
            KEY,
            "asr",
            PLAIN,
            None,
            ASR_BODY,
            ASR_SIGNATURE,
        ),
        (
            KEY,
            "asr",
            CHARSET,
            None,
            ASR_BODY,
            ASR_CHARSET_SIGNATURE,
        ),
    ],
)
def test_published_vectors(
    key: str, service: str, content_type: str, action: str | None, body: bytes, signature: str
) -> None:
    header = sign_tc3(
        secret_id=ID,
        secret_key=key,
        service=service,
        host=f"{service}.tencentcloudapi.com",
        content_type=content_type,
        action=action,
        body_sha256=hashlib.sha256(body).hexdigest(),
        timestamp=TIMESTAMP,
    )
    signed = "content-type;host" + (";x-tc-action" if action else "")
    assert header == (
        f"TC3-HMAC-SHA256 Credential={ID}/2019-02-25/{service}/tc3_request, "
        f"SignedHeaders={signed}, Signature={signature}"
    )


def test_published_v1_vector() -> None:
    parameters = {
        "Action": "DescribeInstances",
        "InstanceIds.0": "ins-09dx96dg",
        "Limit": "20",
        "Nonce": "11886",
        "Offset": "0",
        "Region": "ap-guangzhou",
        "SecretId": ID,
        "Timestamp": "1465185768",
        "Version": "2017-03-12",
    }
    signature = sign_v1(
        secret_key=KEY, method="GET", host="cvm.tencentcloudapi.com", path="/", parameters=parameters
    )
    assert signature == "EliP9YW3pW28FpsEdkXt/+WcGeI="


@given(key=words, service=words, host=words, timestamp=timestamps, body=st.binary(max_size=200), query=words)
def test_tc3_agrees_with_the_official_sdk(
    key: str, service: str, host: str, timestamp: int, body: bytes, query: str
) -> None:
    body_sha256 = hashlib.sha256(body).hexdigest()
    header = sign_tc3(
        secret_id=ID,
        secret_key=key,
        service=service,
        host=host,
        content_type=PLAIN,
        action=None,
        body_sha256=body_sha256,
        timestamp=timestamp,
        method="GET",
        path="/path",
        query=query,
    )
    request = (
        f"GET\n/path\n{query}\ncontent-type:{PLAIN}\nhost:{host}\n\ncontent-type;host\n{body_sha256}".encode()
    )
    date = datetime.fromtimestamp(timestamp, tz=timezone.utc).strftime("%Y-%m-%d")
    to_sign = (
        f"TC3-HMAC-SHA256\n{timestamp}\n{date}/{service}/tc3_request\n{hashlib.sha256(request).hexdigest()}"
    )
    assert header.endswith(f", Signature={Sign.sign_tc3(key, date, service, to_sign)}")


@given(
    key=words,
    parameters=st.dictionaries(words, st.text(st.characters(exclude_categories=["Cs"])), max_size=8),
    algorithm=st.sampled_from(["HmacSHA1", "HmacSHA256"]),
)
def test_v1_agrees_with_the_official_sdk(
    key: str, parameters: dict[str, str], algorithm: V1Algorithm
) -> None:
    signature = sign_v1(
        secret_key=key,
        method="POST",
        host="asr.tencentcloudapi.com",
        path="/",
        parameters=parameters,
        algorithm=algorithm,
    )
    pairs = "&".join(f"{name}={value}" for name, value in sorted(parameters.items()))
    assert signature == Sign.sign(key, f"POSTasr.tencentcloudapi.com/?{pairs}", algorithm)


@given(timestamp=timestamps)
def test_the_day_in_the_scope_is_that_of_utc(timestamp: int) -> None:
    header = sign_tc3(
        secret_id=ID,
        secret_key=KEY,
        service="asr",
        host="h",
        content_type=PLAIN,
        action=None,
        body_sha256="",
        timestamp=timestamp,
    )
    day = datetime(1970, 1, 1, tzinfo=timezone.utc).toordinal() + timestamp // 86400
    assert f"/{datetime.fromordinal(day):%Y-%m-%d}/asr/" in header
