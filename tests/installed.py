"""The packages as others get them, built from a copy: a build leaves things in its folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("transforms", "pipeline", "configs")
FILES = ("setup.py", "pyproject.toml", "README.md", "pytest_beamscribe.py")


def source_in(folder: Path) -> Path:
    """A checkout with what a build takes, and nothing else."""
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copyfile(ROOT / name, folder / name)
    return folder


def sdist_in(folder: Path) -> Path:
    """The archive that Beam's ``--setup_file`` makes, unpacked; nothing is downloaded."""
    source = source_in(folder / "source")
    _setup(source, "sdist", "--dist-dir", str(folder))
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    return unpacked


def built_from(sdist: Path, folder: Path) -> Path:
    """What an installation of an unpacked archive puts into site-packages."""
    _setup(sdist, "build", "--build-base", str(folder / "work"), "--build-lib", str(folder / "built"))
    return folder / "built"


def environment_in(folder: Path, packages: Path | None) -> Path:
    """An environment with these packages; what they require is taken from this one.

    A checkout that is installed here for editing stays out.

    Returns:
        Its folder of programs, with ``python``.
    """
    venv.create(folder)
    own = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    if packages is not None:
        shutil.copytree(packages, own, dirs_exist_ok=True)
    (own / "required.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin"


def shipped_files() -> set[str]:
    """Paths that an installation has to have, from site-packages."""
    found = {
        path.relative_to(ROOT).as_posix()
        for package in ("transforms", "pipeline")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    configs = {f"pipeline/configs/{path.name}" for path in (ROOT / "configs").glob("*.yaml")}
    return found | configs | {"pytest_beamscribe.py"}


def _setup(source: Path, *command: str) -> None:
    done = subprocess.run(
        [sys.executable, "setup.py", "--quiet", *command],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
