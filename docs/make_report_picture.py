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
from pipeline.service.faults import parse_fault
from pipeline.service.server import LocalService
from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY, ServiceSettings
from tests.browser import browser
from transforms.listing import Sources

DOCS = Path(__file__).resolve().parent
WIDTH, HEIGHT = 1000, 1140
QUOTA = 4
HIDE_FOLDERS = "document.querySelectorAll('header .small, .address').forEach(each => each.remove())"
PLACE = "document.querySelector('article.recording').getBoundingClientRect().top + scrollY + 1"


def main() -> None:
    """Run the demo twice, fast for its course and with words for a recording; take a picture of each."""
    os.environ.pop("TENCENTCLOUD_TOKEN", None)
    os.environ.update(TENCENTCLOUD_SECRET_ID=TEST_SECRET_ID, TENCENTCLOUD_SECRET_KEY=TEST_SECRET_KEY)
    throttled = (parse_fault("throttle=0.05"),)
    fast = ServiceSettings(requests_per_second=QUOTA, latency_ms=(300, 1500), faults=throttled, seed=3)
    page, profile = draw(fast, "segmentation.max_seconds=2")
    with browser(profile) as opened:
        opened.open(page, width=WIDTH, dark=False)
        opened.value(HIDE_FOLDERS)
        whole = {"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT}
        (DOCS / "report.png").write_bytes(opened.picture(clip=whole))
    page, profile = draw(ServiceSettings(recognizer="sphinx"), "segmentation.max_seconds=20")
    with browser(profile) as opened:
        opened.open(page, width=WIDTH, dark=True)
        opened.value(HIDE_FOLDERS)
        place = {"x": 0, "y": opened.value(PLACE), "width": WIDTH, "height": 0.44 * HEIGHT}
        (DOCS / "report_recording.png").write_bytes(opened.picture(clip=place))


def draw(service: ServiceSettings, setting: str) -> tuple[Path, Path]:
    """The report of the demo with such a service, and room for a browser's profile."""
    folder = Path(tempfile.mkdtemp())  # stays, as a picture that is wrong has to be looked into
    output = str(folder / OUTPUT)
    with LocalService(service) as local:
        options = [setting, f"recognition.endpoint={local.endpoint}", "recognition.concurrency=8"]
        config = load("demo", [*options, f"recognition.requests_per_second={QUOTA}"]).config
        run(Request(config, Sources((str(RECORDINGS),)), output))
    arguments = ReportArguments(output, recordings=("city_48k_long.mp3",))
    report(arguments, Console(file=io.StringIO()), datetime.now(timezone.utc))
    return folder / OUTPUT / "report.html", folder / "profile"


if __name__ == "__main__":
    main()
