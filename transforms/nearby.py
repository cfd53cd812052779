"""What was probably meant by a path that leads nowhere."""

from __future__ import annotations

import os
from itertools import islice

from transforms.addresses import display_name, is_uri
from transforms.slips import nearest

_MOST_NAMES = 5000  # of a folder; comparing more of them would take seconds


def did_you_mean_path(path: str) -> str:
    """A sentence that names what is there and is most like a path, with a space before it, or nothing.

    Args:
        path: a local path that does not exist; of a URI nothing is said.
    """
    if is_uri(path):
        return ""
    there, missing = os.path.split(path.rstrip("/"))
    while there and not os.path.lexists(there):
        there, missing = os.path.split(there)
    try:
        with os.scandir(there or ".") as entries:
            names = [entry.name for entry in islice(entries, _MOST_NAMES)]
    except OSError:
        return ""
    found = nearest(missing, names)
    if found is None:
        return ""
    meant = os.path.join(there, found)  # noqa: PTH118
    whole = meant + path[len(os.path.join(there, missing)) :]  # noqa: PTH118
    return f" Did you mean {display_name(whole if os.path.lexists(whole) else meant)}?"
