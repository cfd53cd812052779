"""Where the processes of a run meet: a folder on one host, or a state that all hosts can reach."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from transforms.lease import LEASE_SECONDS, LeaseTimes


@dataclass(frozen=True, slots=True)
class SharedPlace:
    """The state of a run in object storage.

    Attributes:
        uri: of the state.
        run_id: the run; what its processes share for its time lies under this name.
        generation: of the lease that the run holds.
        lease_seconds: after which others may take it over.
    """

    uri: str
    run_id: str
    generation: int
    lease_seconds: float = LEASE_SECONDS

    @property
    def running(self) -> str:
        """The folder of this run, relative to the state."""
        return f"running/{self.run_id}"

    @property
    def times(self) -> LeaseTimes:
        """When who looks, and when who is gone."""
        return LeaseTimes(self.lease_seconds)


Coordination = Path | SharedPlace
"""What the processes of a run share."""

State = Path | SharedPlace
"""What outlives a run: a local folder, or object storage."""


def host_folder(coordination: Coordination) -> Path:
    """The local folder that the processes of a run on this host share.

    Where the state is shared the first process on a host makes it, under the temporary folder.

    Raises:
        OSError: it cannot be made, or is another user's.
    """
    if isinstance(coordination, Path):
        return coordination
    folder = Path(tempfile.gettempdir()) / f"beamscribe-{coordination.run_id}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} is another user's: point TMPDIR elsewhere")
    return folder
