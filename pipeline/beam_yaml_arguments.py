"""Arguments of the transforms of Beam YAML: those of the command line and of the configuration."""

# No `from __future__ import annotations`: Beam YAML reads the types of arguments as they stand.
import logging
from collections.abc import Mapping
from typing import Any

import apache_beam as beam

from pipeline.config import Config
from pipeline.config_load import load
from transforms.errors import UsageError
from transforms.listing import Sources, check_sources

_log = logging.getLogger(__name__)


class Configured(beam.PTransform):
    """A transform with the sections of the configuration as arguments.

    Args:
        error_handling: ``{output: NAME}``: where rows of failures go. It has no default.
        settings: a configuration file, or the name of a shipped one, as ``--config``.
        recognition: keys of that section, over the file; so with the next three.
        audio: likewise.
        segmentation: likewise.
        budget: likewise.
        state: a local folder that outlives the pipeline, for the record of paid answers;
            by default there is none, or OUTPUT has it.

    Raises:
        UsageError: an argument is wrong; every problem of the configuration is told.
    """

    def __init__(
        self,
        error_handling: dict[str, str] | None = None,
        settings: str | None = None,
        recognition: dict[str, Any] | None = None,
        audio: dict[str, Any] | None = None,
        segmentation: dict[str, Any] | None = None,
        budget: dict[str, Any] | None = None,
        state: str | None = None,
    ) -> None:
        super().__init__()
        self._errors = errors_of(type(self).__name__, error_handling)
        sections = {
            "recognition": recognition,
            "audio": audio,
            "segmentation": segmentation,
            "budget": budget,
            "output": None if state is None else {"state": state},
        }
        given = {name: values for name, values in sections.items() if values is not None}
        loaded = load(settings, sections=given)
        for warning in loaded.warnings:
            _log.warning("%s", warning)
        self._config: Config = loaded.config


def errors_of(transform: str, error_handling: Mapping[str, str] | None) -> str:
    """The name of the output for errors, which nobody may leave out: failures would go missing.

    Raises:
        UsageError: there is none.
    """
    output = (error_handling or {}).get("output")
    if not output or output == "good":
        raise UsageError(
            f"{transform}: error_handling: expected {{output: errors}}, the name of the output for "
            "recordings and segments that fail, other than 'good'; without one they would go missing."
        )
    return output


def sources_of(input: str | list[str] | None, manifest: str | list[str] | None, limit: int | None) -> Sources:
    """What to list; the first two arguments are one or several.

    Raises:
        UsageError: a pattern matches nothing, a manifest is wrong, or there is neither.
    """
    patterns, manifests = (
        (each,) if isinstance(each, str) else tuple(each or ()) for each in (input, manifest)
    )
    sources = Sources(patterns, manifests, limit)
    check_sources(sources)
    return sources
