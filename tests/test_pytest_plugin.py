from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import urllib.request
import zipfile
from pathlib import Path

import pytest

from pipeline.service.settings import TEST_SECRET_ID
from pytest_beamscribe import MakeConfig, StartService
from tests.installed import environment_in, shipped_files, source_in
from tests.service.calls import code_of, fields_of, tone, wav
from transforms.connections import proxy_for
from transforms.errors import UsageError

FIELDS = fields_of(wav(tone(0.2)))
LOADED = ("-p", "pytest_beamscribe")  # as the entry point does where Beamscribe is installed

A_TEST = """
    import os
    import urllib.request

    def test_service(beamscribe_service):
        service = beamscribe_service()
        assert service.endpoint.startswith("http://127.0.0.1:")
        assert urllib.request.urlopen(service.endpoint + "/healthz").read()
        assert os.environ["TENCENTCLOUD_SECRET_ID"].startswith("AKIDlocal")
"""


def test_answers_come_in_order_and_as_told(beamscribe_service: StartService) -> None:
    service = beamscribe_service(answers=["one", {"code": "InternalError"}, {"text": "", "default": True}])
    assert [code_of(service, FIELDS) for _ in range(4)] == [None, "InternalError", None, None]


def test_faults_are_texts_and_other_settings_pass_through(beamscribe_service: StartService) -> None:
    service = beamscribe_service(faults=["code:InternalError=first:1"], calls_left=1)
    codes = [code_of(service, FIELDS) for _ in range(3)]
    assert codes == ["InternalError", None, "FailedOperation.UserHasNoAmount"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"latency": (1, 2)}, "'latency' is no setting of the service.*Did you mean latency_ms?"),
        ({"answer": ["yes"]}, "Did you mean answers?"),
        ({"recognizer": "whisper"}, "recognizer 'whisper' is unknown"),
        ({"faults": ["thottle=1"]}, "KIND one of throttle"),
    ],
)
def test_a_wrong_setting_is_told(
    settings: dict[str, object], told: str, beamscribe_service: StartService
) -> None:
    with pytest.raises(UsageError, match=told):
        beamscribe_service(**settings)  # type: ignore[arg-type]


def test_a_configuration_points_at_the_service(
    beamscribe_config: MakeConfig, beamscribe_service: StartService
) -> None:
    service = beamscribe_service()
    config = beamscribe_config("recognition.max_attempts=2", service=service, file="telephone-8k")
    assert (config.recognition.endpoint, config.recognition.max_attempts) == (service.endpoint, 2)
    assert config.audio.channels == "split"
    own = beamscribe_config().recognition.endpoint
    assert own != service.endpoint
    urllib.request.urlopen(f"{own}/healthz").close()


def test_what_was_in_the_environment_is_back_afterwards(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", "AKIDmine")
    monkeypatch.setenv("TENCENTCLOUD_TOKEN", "mine")
    monkeypatch.setenv("NO_PROXY", "intranet.example.com")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    pytester.makepyfile(
        """
        import os
        from transforms.connections import proxy_for

        def test_inside(beamscribe_service, monkeypatch):
            assert proxy_for(beamscribe_service().endpoint) is None
            assert proxy_for("http://intranet.example.com") is None
            assert "TENCENTCLOUD_TOKEN" not in os.environ
            monkeypatch.undo()
            assert os.environ["TENCENTCLOUD_SECRET_ID"].startswith("AKIDlocal")

        def test_outside():
            assert os.environ["TENCENTCLOUD_SECRET_ID"] == "AKIDmine"
            assert os.environ["TENCENTCLOUD_TOKEN"] == "mine"
            assert "no_proxy" not in os.environ
        """
    )
    pytester.runpytest_inprocess(*LOADED).assert_outcomes(passed=2)
    assert os.environ["TENCENTCLOUD_SECRET_ID"] == "AKIDmine"
    assert proxy_for("http://127.0.0.1:1/") is not None


def test_services_stop_with_their_test_also_when_it_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import threading

        def test_fails(beamscribe_service):
            beamscribe_service(), beamscribe_service()
            assert not "this one fails"

        def test_nothing_is_left():
            assert not [each for each in threading.enumerate() if each.name == "local-service"]
        """
    )
    pytester.runpytest_inprocess(*LOADED).assert_outcomes(passed=1, failed=1)


def test_loading_it_imports_nothing_of_weight(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_light():
            assert not {"apache_beam", "numpy", "pydantic", "pipeline", "transforms"} & sys.modules.keys()
        """
    )
    assert_passes(pytester, *LOADED)


def test_workers_of_xdist_have_services_of_their_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_one=A_TEST, test_two=A_TEST)
    assert_passes(pytester, *LOADED, "-n", "2", passed=2)


@pytest.mark.parametrize("name", ["pipeline", "transforms"])
def test_a_module_of_the_same_name_is_left_alone_and_told(name: str, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(**{name: "OWN = 1"})
    pytester.makepyfile(
        f"""
        def test_own():
            import {name}
            assert {name}.OWN

        def test_service(beamscribe_service):
            pass
        """
    )
    result = pytester.runpytest_subprocess(*LOADED)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([f"import {name} finds *{name}.py here, and not Beamscribe's*"])


def assert_passes(pytester: pytest.Pytester, *arguments: str, passed: int = 1) -> None:
    pytester.runpytest_subprocess(*arguments).assert_outcomes(passed=passed)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as users install it, built from a copy: a build leaves things in its folder."""
    folder = tmp_path_factory.mktemp("wheel")
    source = source_in(folder / "source")
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(folder), str(source)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=240, check=False)
    if "No matching distribution found for setuptools" in done.stderr:
        pytest.skip("building needs a package index")
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_has_every_file_of_the_packages(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert sorted(shipped_files() - names) == []


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The python of an environment that the wheel is installed in."""
    packages = tmp_path_factory.mktemp("packages")
    zipfile.ZipFile(wheel).extractall(packages)
    return environment_in(tmp_path_factory.mktemp("environment"), packages) / "python"


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        ([], "1 passed"),
        (["-p", "no:beamscribe"], "fixture 'beamscribe_service' not found"),
        (["-p", "no:cacheprovider", "-p", "pytest_beamscribe"], "1 passed"),
    ],
)
def test_where_it_is_installed_pytest_finds_it(
    arguments: list[str], printed: str, installed: Path, tmp_path: Path
) -> None:
    where = f"import pipeline\n\nassert pipeline.__file__.startswith({str(installed.parents[1])!r})\n"
    (tmp_path / "test_it.py").write_text(where + textwrap.dedent(A_TEST))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    done = subprocess.run(
        [installed, "-m", "pytest", *arguments],
        cwd=tmp_path,
        env=clean,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert printed in done.stdout
    assert "rewrit" not in done.stdout


def test_the_public_keys_are_what_the_fixture_sets(beamscribe_credentials: None) -> None:
    assert os.environ["TENCENTCLOUD_SECRET_ID"] == TEST_SECRET_ID
