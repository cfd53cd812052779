"""Makes docs/report.png and docs/report_recording.png again: what `report` shows of the demo.

Needs what `make test` installs and chromium on PATH; about a minute.
PYTHONPATH=. python docs/make_report_picture.py
"""

from __future__ import annotations

import io
import os
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from rich.console import Console

from pipeline.config_load import load
from pipeline.demo import OUTPUT, RECORDINGS
from pipeline.job import Request, run
from pipeline.reports import ReportArguments, report
from pipeline.service.server import LocalService
from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY, ServiceSettings
from tests.browser import browser
from transforms.listing import Sources

DOCS = Path(__file__).resolve().parent
WIDTH, HEIGHT = 1100, 1000
SETTINGS = ("recognition.requests_per_second=4", "segmentation.max_seconds=20")
PLACE = "document.querySelector('article.recording').getBoundingClientRect().top + scrollY"


def main() -> None:
    """Run the demo slowly enough for a course, make its report and take pictures of it."""
    os.environ.pop("TENCENTCLOUD_TOKEN", None)
    os.environ.update(TENCENTCLOUD_SECRET_ID=TEST_SECRET_ID, TENCENTCLOUD_SECRET_KEY=TEST_SECRET_KEY)
    service = ServiceSettings(recognizer="sphinx", requests_per_second=4, latency_ms=(200, 1500))
    with tempfile.TemporaryDirectory() as folder, LocalService(service) as local:
        os.chdir(folder)
        config = load("demo", [f"recognition.endpoint={local.endpoint}", *SETTINGS]).config
        run(Request(config, Sources((str(RECORDINGS),)), OUTPUT))
        arguments = ReportArguments(OUTPUT, recordings=("city_48k_long.mp3",))
        report(arguments, Console(file=io.StringIO()), datetime.now(timezone.utc))
        with browser(Path(folder, "profile")) as opened:
            opened.open(Path(OUTPUT, "report.html").resolve(), width=WIDTH, dark=False)
            top = {"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT}
            (DOCS / "report.png").write_bytes(opened.picture(clip=top))
            place = {"x": 0, "y": opened.value(PLACE), "width": WIDTH, "height": 0.6 * HEIGHT}
            (DOCS / "report_recording.png").write_bytes(opened.picture(clip=place))


if __name__ == "__main__":
    main()
