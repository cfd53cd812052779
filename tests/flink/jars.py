"""Gets Beam's job server for Flink, which holds Flink itself as well, as one jar.

    python -m tests.flink.jars FOLDER

Of the version of Beam in use, as it is published on Maven Central. A repository that does not
serve it may still serve the runner that it is made of: Maven gets that, in the version that was
tested, with all that it needs, and a jar without content of its own binds it together.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterable
from pathlib import Path

import apache_beam

FLINK_VERSION = "1.19"
TESTED_RUNNER = "2.62.0"
MAIN_CLASS = "org.apache.beam.runners.flink.FlinkJobServerDriver"
OPENED_PACKAGES = tuple(
    f"java.base/{package}"
    for package in (
        "java.io",
        "java.lang",
        "java.lang.invoke",
        "java.lang.reflect",
        "java.net",
        "java.nio",
        "java.text",
        "java.time",
        "java.util",
        "java.util.concurrent",
        "java.util.concurrent.atomic",
        "java.util.concurrent.locks",
        "sun.nio.ch",
    )
)
"""What Flink 1.19 reaches into, and Java 17 keeps closed (Flink's own conf/config.yaml)."""

_CENTRAL = "https://repo1.maven.org/maven2/org/apache/beam"
_PATIENCE_SECONDS = 300
_POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>beamscribe</groupId><artifactId>flink</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.beam</groupId>
      <artifactId>beam-runners-flink-{flink}</artifactId>
      <version>{runner}</version>
    </dependency>
    <dependency> <!-- without it none of them logs, and the cluster waits for a line of a log -->
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.30</version>
    </dependency>
  </dependencies>
</project>
"""


def job_server_jar(folder: Path) -> Path:
    """The jar, got unless the folder has it.

    Raises:
        SystemExit: it cannot be had; says why.
    """
    jar = folder / "job-server.jar"
    if jar.exists():
        return jar
    if shutil.which("java") is None:
        raise SystemExit("there is no java on PATH")
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / "job-server.part"
    why_not = _download(part)
    if why_not is not None:
        print(f"{why_not}; trying the runner {TESTED_RUNNER} by Maven", file=sys.stderr)
        bind_together(_by_maven(folder / "lib"), part)
    part.rename(jar)
    return jar


def bind_together(jars: Iterable[Path], bound: Path) -> None:
    """Write a jar that stands for others in folders below its own."""
    class_path = " ".join(jar.relative_to(bound.parent).as_posix() for jar in sorted(jars))
    lines = [
        "Manifest-Version: 1.0",
        f"Main-Class: {MAIN_CLASS}",
        f"Add-Opens: {' '.join(OPENED_PACKAGES)}",
        f"Class-Path: {class_path}",
    ]
    with zipfile.ZipFile(bound, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "".join(map(_wrapped, lines)))


def _wrapped(line: str) -> str:
    """A line of a manifest: at most 72 bytes, continued after a space."""
    pieces = [line[:70], *(f" {line[at : at + 69]}" for at in range(70, len(line), 69))]
    return "".join(f"{piece}\r\n" for piece in pieces)


def _download(to: Path) -> str | None:
    """Get the published jar; why not, where that is so."""
    name = f"beam-runners-flink-{FLINK_VERSION}-job-server"
    url = f"{_CENTRAL}/{name}/{apache_beam.__version__}/{name}-{apache_beam.__version__}.jar"
    try:
        with urllib.request.urlopen(url, timeout=30) as answer, to.open("wb") as file:
            shutil.copyfileobj(answer, file)
    except OSError as error:
        return f"{url}: {error}"
    return None


def _by_maven(lib: Path) -> list[Path]:
    if shutil.which("mvn") is None:
        raise SystemExit("there is no mvn on PATH")
    with tempfile.TemporaryDirectory() as work:
        pom = Path(work, "pom.xml")
        pom.write_text(_POM.format(flink=FLINK_VERSION, runner=TESTED_RUNNER), encoding="utf-8")
        goal = [
            "dependency:copy-dependencies",
            "-DincludeScope=runtime",
            f"-DoutputDirectory={lib.absolute()}",
        ]
        try:
            subprocess.run(
                ["mvn", "--quiet", "--batch-mode", f"--file={pom}", *goal],
                check=True,
                timeout=_PATIENCE_SECONDS,
                stdin=subprocess.DEVNULL,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise SystemExit(f"Maven does not get it: {error}") from error
    return list(lib.glob("*.jar"))


if __name__ == "__main__":
    print(job_server_jar(Path(sys.argv[1])))
