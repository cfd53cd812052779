"""Draws a `Report` as one HTML file that needs nothing else.

Texts of strangers are escaped by the template engine, everywhere; what cannot be seen is made
visible before. Scripts and styles are the two files beside the templates, allowed by their
digests, and nothing may be loaded: a text that got through all of this could still do nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline import page_text
from pipeline.plain import name_of, shown_address
from pipeline.report_facts import Report

_FOLDER = "report_templates"


def pages_of(report: Report) -> Iterator[str]:
    """The page in pieces, in order."""
    style, script = _text("style.css"), _text("player.js")
    policy = (
        "default-src 'none'; img-src data:; media-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    )
    template = _environment().get_template("report.html")
    return template.generate(report=report, style=Markup(style), script=Markup(script), policy=policy)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pipeline", _FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: page_text.shown(value) if type(value) is str else value,
    )
    environment.filters.update(
        count=page_text.count,
        percent=page_text.percent,
        duration=page_text.duration,
        clock=page_text.clock,
        instant=page_text.instant,
        name=name_of,
        address=shown_address,
        at=lambda number: f"{number:.3f}".rstrip("0").rstrip("."),
    )
    environment.globals.update(many=page_text.many)
    return environment


def _text(name: str) -> str:
    return (files("pipeline") / _FOLDER / name).read_text("utf-8")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
