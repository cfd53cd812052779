"""What workers need reaches them: packages by a source archive, secrets by a file of their own."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import apache_beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.stager import Stager
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY
from tests.e2e.command import ended, rows, settings, start_apart
from tests.e2e.portable import Server, flags_of, job_service, worker_pool
from tests.e2e.sounds import some_wavs
from tests.installed import (
    FILES,
    PACKAGES,
    ROOT,
    built_from,
    environment_in,
    sdist_in,
    shipped_files,
    source_in,
)

REQUIREMENTS = ROOT / "containers" / "worker-requirements.txt"
DOCKERFILE = ROOT / "containers" / "worker.Dockerfile"
WITHOUT_KEYS = {"TENCENTCLOUD_SECRET_ID": "", "TENCENTCLOUD_SECRET_KEY": ""}

# Its servers and its build are shared by the tests of one process.
pytestmark = pytest.mark.xdist_group("shipping")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    return built_from(sdist_in(folder), folder)


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with job_service(tmp_path_factory.mktemp("jobs")) as server:
        yield server


def pool_environment(programs: Path, home: Path) -> dict[str, str]:
    """For a pool whose workers are another installation, know no checkout and have no variable with a key."""
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    return {"PATH": path, "PYTHONPATH": "", "HOME": str(home), **WITHOUT_KEYS}


def test_the_source_archive_has_every_file_of_the_packages(built: Path) -> None:
    there = {path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file()}
    assert there == shipped_files()


def test_workers_with_the_archive_and_a_file_of_keys_do_the_job(
    built: Path, jobs: Server, serve, tmp_path: Path
) -> None:
    keys = tmp_path / "home" / ".tencentcloud" / "credentials"
    keys.parent.mkdir(parents=True)
    keys.write_text(f"[default]\nsecret_id = {TEST_SECRET_ID}\nsecret_key = {TEST_SECRET_KEY}\n")
    some_wavs(tmp_path / "in", 3, seconds=0.2)
    source = source_in(tmp_path / "source")
    programs = environment_in(tmp_path / "installed", built)
    with worker_pool(tmp_path / "pool", pool_environment(programs, tmp_path / "home")) as pool:
        flags = [*flags_of(jobs, pool), f"--setup_file={source / 'setup.py'}"]
        command = ["run", "--input=in", "--output=out", *settings(serve(), segmentation__detector="silero")]
        run = ended(start_apart([*command, "--", *flags], tmp_path))
    assert run.code == 0, run.stderr
    assert len(rows(tmp_path / "out", "transcripts")) == 3


def test_workers_without_the_packages_end_the_job_and_say_what_is_missing(
    jobs: Server, serve, tmp_path: Path
) -> None:
    some_wavs(tmp_path / "in", 1, seconds=0.2)
    programs = environment_in(tmp_path / "bare", None)
    service = serve()
    with worker_pool(tmp_path / "pool", pool_environment(programs, tmp_path)) as pool:
        flags = flags_of(jobs, pool)
        run = ended(
            start_apart(["run", "--input=in", "--output=out", *settings(service), "--", *flags], tmp_path)
        )
    assert run.code == 1, run.stderr
    assert "No module named 'transforms'" in run.stderr
    assert service.stats().calls == 0


def test_the_requirements_of_workers_are_the_extras_and_go_with_the_archive(tmp_path: Path) -> None:
    lines = REQUIREMENTS.read_text("utf-8").splitlines()
    required = {(each.name, each.specifier) for each in map(Requirement, lines[1:])}
    asked = [Requirement(each) for each in metadata.requires("beamscribe") or []]
    assert required == {
        (each.name, each.specifier)
        for each in asked
        if each.marker is not None and str(each.marker) in ('extra == "objects"', 'extra == "redis"')
    }
    source = source_in(tmp_path / "source")
    flags = [f"--setup_file={source / 'setup.py'}", f"--requirements_file={REQUIREMENTS}"]
    options = PipelineOptions([*flags, "--requirements_cache=skip"])
    staged = Stager.create_job_resources(options, str(tmp_path))
    name_of = beam_runner_api_pb2.ArtifactStagingToRolePayload.FromString
    names = {name_of(each.role_payload).staged_name for each in staged}
    assert names >= {"requirements.txt", "workflow.tar.gz"}


def instructions() -> list[list[str]]:
    """The instructions of the container file, by words."""
    text = DOCKERFILE.read_text("utf-8").replace("\\\n", " ")
    return [
        shlex.split(line, comments=True) for line in text.splitlines() if shlex.split(line, comments=True)
    ]


def test_the_container_takes_what_a_build_takes_and_this_version_of_beam() -> None:
    lines = instructions()
    copied = {source for line in lines if line[0] == "COPY" for source in line[1:-1]}
    assert copied == {*PACKAGES, *FILES}
    assert all((ROOT / source).exists() for source in copied)
    arguments = dict(line[1].split("=") for line in lines if line[0] == "ARG")
    (image,) = (line[1] for line in lines if line[0] == "FROM")
    assert image == "apache/beam_python${PYTHON_VERSION}_sdk:${BEAM_VERSION}"
    listing = (ROOT / "setup.py").read_text("utf-8")
    for name, given in (
        ("apache-beam", arguments["BEAM_VERSION"]),
        ("python_requires=", arguments["PYTHON_VERSION"]),
    ):
        (limits,) = re.findall(rf'"?{name}"?((?:>=|==)[^"]+)"', listing)
        assert given in SpecifierSet(limits), name
    assert apache_beam.__version__.split(".")[0] == arguments["BEAM_VERSION"].split(".")[0]


def test_the_container_is_given_no_secret() -> None:
    told = [line for line in instructions() if line[0] in ("ARG", "ENV")]
    assert not [line for line in told if re.search("secret|key|token", " ".join(line), re.IGNORECASE)]
    ignored = DOCKERFILE.with_name(f"{DOCKERFILE.name}.dockerignore").read_text("utf-8").split()
    assert ignored[0] == "*"
    assert {each.removeprefix("!") for each in ignored[1:] if each.startswith("!")} == {*PACKAGES, *FILES}
