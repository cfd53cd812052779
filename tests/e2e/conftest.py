from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.flink.cluster import flink_cluster


@pytest.fixture(autouse=True)
def _credentials(local_credentials: None) -> None:
    """Every run here is one with the local service's public keys, unless it changes them."""


@pytest.fixture(scope="session")
def flink(tmp_path_factory, request):
    """A Flink cluster, whose workers find the S3 server; skips where nobody has got its jar."""
    jar = os.environ.get("BEAM_FLINK_JOB_SERVER_JAR")
    if not jar:
        pytest.skip("no Flink: `make test-flink` gets it where there is Java")
    store = request.getfixturevalue("started_object_server").environment()
    folder = tmp_path_factory.mktemp("flink") / "cluster"
    with flink_cluster(Path(jar).absolute(), folder, store) as cluster:
        yield cluster
