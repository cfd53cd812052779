"""Makes docs/configuration.md from the types, defaults and descriptions of the keys. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from pipeline.config import Config

_INTRO = """# Configuration

Every key that a configuration file or `--set section.key=value` takes, with its default; what is
not given keeps it. `--set` is repeatable and stands over the file, and its value is read as YAML.
`--config` takes a file, or the name of one in `configs/` such as `demo`.
An unknown key is an error. Secrets are never configuration: they come from `TENCENTCLOUD_SECRET_ID`
and `TENCENTCLOUD_SECRET_KEY` (with `TENCENTCLOUD_TOKEN` for temporary credentials).

This page is made from the configuration's own types:
`python -m pipeline.config_reference > docs/configuration.md`.
"""
_TYPE_NAMES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
    "object": "mapping",
}
_BOUNDS = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}


def reference_markdown() -> str:
    """The page docs/configuration.md."""
    schema = Config.model_json_schema()
    parts = [_INTRO]
    for name, reference in schema["properties"].items():
        parts.append(_section(name, schema["$defs"][reference["$ref"].rpartition("/")[2]]))
    return "\n".join(parts)


def _section(name: str, schema: Mapping[str, Any]) -> str:
    rows = [
        f"## {name}",
        "",
        schema["description"],
        "",
        "| key | default | takes | meaning |",
        "|---|---|---|---|",
    ]
    for key, spec in schema["properties"].items():
        cells = [
            f"`{name}.{key}`",
            f"`{_literal(spec.get('default', {}))}`",
            _takes(spec),
            spec["description"],
        ]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _literal(value: object) -> str:
    """A default as it would stand in YAML."""
    dumped: str = yaml.safe_dump(value, default_flow_style=True)
    return dumped.removesuffix("\n").removesuffix("\n...")


def _takes(spec: Mapping[str, Any]) -> str:
    if "anyOf" in spec:
        return " or ".join(_takes(kind) for kind in spec["anyOf"])
    if "enum" in spec:
        return ", ".join(f"`{choice}`" for choice in spec["enum"])
    if spec["type"] == "null":
        return "`null`"
    bounds = [f"{word} {spec[bound]:.12g}" for bound, word in _BOUNDS.items() if bound in spec]
    return " ".join([_TYPE_NAMES[spec["type"]], *bounds])


if __name__ == "__main__":
    print(reference_markdown(), end="")
