"""Makes docs/demo.svg again: what `make demo` prints, as a picture.

Needs what `make demo` installs; about a minute. python docs/make_demo_picture.py
"""

from __future__ import annotations

import io
import os
import re
import tempfile
from pathlib import Path

from rich.console import Console

from pipeline.config_load import load
from pipeline.demo import OUTPUT, RECORDINGS
from pipeline.job import Request, run
from pipeline.service.server import LocalService
from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY, ServiceSettings
from pipeline.show import show_run
from transforms.listing import Sources

PICTURE = Path(__file__).with_name("demo.svg")
COLUMNS = 132


def main() -> None:
    """Run the demo and draw what it shows."""
    os.environ.pop("TENCENTCLOUD_TOKEN", None)
    os.environ.update(TENCENTCLOUD_SECRET_ID=TEST_SECRET_ID, TENCENTCLOUD_SECRET_KEY=TEST_SECRET_KEY)
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalService(ServiceSettings(recognizer="sphinx")) as service,
    ):
        os.chdir(folder)
        config = load("demo", [f"recognition.endpoint={service.endpoint}"]).config
        record = run(Request(config, Sources((str(RECORDINGS),)), OUTPUT))
        show_run(console, OUTPUT, record)
    # The fonts that rich names lie on another host; without them any fixed-width font serves.
    PICTURE.write_text(
        re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title="make demo"), flags=re.DOTALL)
    )


if __name__ == "__main__":
    main()
