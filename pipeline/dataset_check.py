"""Whether an OUTPUT is a dataset that this release can read."""

from __future__ import annotations

import difflib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from transforms.addresses import display_name, is_uri
from transforms.errors import UsageError
from transforms.folders import OutputError, dataset_folder
from transforms.schemas import READABLE_VERSIONS, Table, version_of


def check_dataset(output: str) -> str:
    """Make sure that there is a dataset that this release can read.

    Returns:
        The version of its schema; the oldest where an upgrade was broken off.

    Raises:
        UsageError: there is none, or it has another schema version.
        OutputError: its storage fails.
    """
    if not output:
        raise UsageError("An empty OUTPUT: is a variable of the shell not set?")
    name = display_name(output)
    if not is_uri(output) and not Path(output).is_dir():
        there = "is a file" if Path(output).exists() else "does not exist"
        raise UsageError(
            f"OUTPUT {name} {there}; expected the folder that was --output of a run.{_nearest(output)}"
        )
    version = dataset_version(output)
    if version is None:
        raise UsageError(
            f"OUTPUT {name} is no dataset: there are no parts of "
            f"{', '.join(table.value for table in Table)} in it. "
            f"Expected the folder that was --output of a run.{_nearest(output)}"
        )
    return version


def dataset_version(output: str) -> str | None:
    """The version of a dataset's schema, the oldest where an upgrade was broken off; None if there is none.

    Raises:
        UsageError: this release cannot read it, or no address is like this.
        OutputError: its storage fails.
    """
    name = display_name(output)
    try:
        versions = {table: _schema_version(output, table) for table in Table}
    except ValueError as error:  # Beam has no file system for the URI's scheme
        raise UsageError(
            f"OUTPUT {name}: {error}. Expected the folder that was --output of a run."
        ) from error
    for table, version in versions.items():
        if version not in (None, *READABLE_VERSIONS):
            raise UsageError(
                f"OUTPUT {name}: {table.value}/ has schema version {version}, this release reads "
                f"{' and '.join(READABLE_VERSIONS)}: use the release that wrote it."
            )
    return min(filter(None, versions.values()), key=READABLE_VERSIONS.index, default=None)


def _schema_version(output: str, table: Table) -> str | None:
    """The version that a table's first readable file was written with; None if there is none."""
    folder = dataset_folder(output, table.value)
    for name in folder.names():
        if name.endswith(".parquet"):
            try:
                with folder.open(name) as file:
                    return version_of(pq.read_schema(file))
            except (OSError, pa.ArrowException, OutputError):
                continue  # damaged, or replaced just now: the others say it too
    return None


def _nearest(output: str) -> str:
    """A sentence that names the dataset that was probably meant, if there is one."""
    if is_uri(output):
        return ""
    path = Path(output).absolute()
    if path.name in {"runs", *(table.value for table in Table)} and _looks_like_dataset(path.parent):
        return f" Did you mean {display_name(str(path.parent))}?"
    for folder in (path, path.parent):
        if not folder.is_dir():
            continue
        names = sorted(each.name for each in folder.iterdir() if _looks_like_dataset(each))
        close = difflib.get_close_matches(path.name, names, 1, 0.5) or (names if folder == path else [])
        if close:
            return f" Did you mean {display_name(str(folder / close[0]))}?"
    return ""


def _looks_like_dataset(path: Path) -> bool:
    return (path / "runs").is_dir() and (path / Table.TRANSCRIPTS.value).is_dir()
