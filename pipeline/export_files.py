"""Where exported files go, and how they appear there: whole or not at all."""

from __future__ import annotations

import os

from pipeline.plain import shown_address
from pipeline.state import STATE_FOLDER
from transforms.addresses import display_name, is_uri, locate
from transforms.errors import UsageError
from transforms.folders import Folder, LocalFolder, folder_at, output_errors
from transforms.schemas import Table

DEFAULT_FOLDER = "exports"
"""Where exports go, under OUTPUT: beside the tables, so that they move with them and no reader meets them."""

_NOT_FOR_EXPORTS = (*(table.value for table in Table), "runs", STATE_FOLDER)


def target_of(output: str, to: str | None) -> str:
    """The folder for the files, an absolute path or a URI: never one that holds rows, runs or answers.

    Args:
        output: OUTPUT: a local path or a URI.
        to: what was asked for; None for `DEFAULT_FOLDER` under OUTPUT.

    Raises:
        UsageError: it is not for exports.
    """
    if to == "":
        raise UsageError("--to is empty: is a variable of the shell not set?")
    asked = f"{output.rstrip('/')}/{DEFAULT_FOLDER}" if to is None else to
    try:
        own, target = _resolved(output), _resolved(asked)
    except ValueError as error:
        raise UsageError(f"--to {display_name(asked)}: {error}") from error
    for name in _NOT_FOR_EXPORTS:
        if f"{target}/".startswith(f"{own}/{name}/"):
            raise UsageError(
                f"--to {display_name(asked)}: lies in {name}/ of the dataset, which is not for exports. "
                f"Expected another folder, such as {display_name(own)}/{DEFAULT_FOLDER}."
            )
    return target


def _resolved(address: str) -> str:
    location = locate(address)
    return os.fsdecode(location if is_uri(location) else os.path.realpath(location)).rstrip("/")


def folder_of(target: str, name: str = "") -> Folder:
    """A folder for exported files, of `target_of` or one in it."""
    return folder_at(target, name)


def prepare(folder: Folder, target: str) -> None:
    """Makes a folder for exported files, and removes what killed exports left half-written.

    Raises:
        UsageError: it cannot be made or written to.
        OutputError: the disk is full or failing.
    """
    try:
        folder.prepare()
    except UsageError as error:
        raise UsageError(
            f"{display_name(shown_address(target))}: exports cannot be written there ({error.__cause__}). "
            "Choose another folder with --to, or give this user the right to write there."
        ) from error


def put_whole(folder: Folder, name: str, data: bytes) -> None:
    """Writes a small file that appears whole or not at all, whenever this process ends.

    Unlike `Folder.put` it does not wait for the disk, which would take most of the time of many
    files: they can be exported again.

    Raises:
        OutputError: it could not be written.
    """
    if not isinstance(folder, LocalFolder):
        folder.put(name, data)
        return
    with output_errors("write", folder.path / name), folder.hidden() as (descriptor, temporary):
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(data)
        temporary.replace(folder.path / name)
