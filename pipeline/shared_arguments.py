"""What ``run`` and ``plan`` are told alike: their options, read once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.streams import say

if TYPE_CHECKING:
    from pipeline.config import Config
    from transforms.listing import Sources

Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="PATTERN", help="A file, folder, glob with ** or URI; repeatable."),
]
Manifests = Annotated[
    list[str] | None,
    typer.Option("--manifest", metavar="FILE", help="CSV, JSONL or Parquet with 'audio'; repeatable."),
]
ConfigFile = Annotated[
    str | None,
    typer.Option("--config", metavar="FILE", help="A YAML file, or a shipped configuration's name."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A configuration key, over the file; repeatable."),
]
PrintConfig = Annotated[
    bool, typer.Option("--print-config", help="Print the configuration as resolved, and stop.")
]

TAKES_PATTERNS = {"allow_extra_args": True}
"""For commands that tell better than "unexpected" what a name without an option is."""


@dataclass(frozen=True, slots=True)
class Shared:
    """The options as they were given; ``strays`` are names without one."""

    inputs: Sequence[str] | None
    manifests: Sequence[str] | None
    output: str | None
    config: str | None
    settings: Sequence[str] | None
    print_config: bool
    strays: Sequence[str]

    def read(self) -> tuple[Config, Sources]:
        """The configuration, and what to transcribe; warnings are printed.

        Raises:
            UsageError: something in them cannot be.
            typer.Exit: the configuration was to be printed, and is.
        """
        from pipeline.config_load import load, resolved_yaml
        from transforms.errors import UsageError
        from transforms.listing import Sources

        self._refuse_strays()
        loaded = load(self.config, self.settings or ())
        for warning in loaded.warnings:
            say(f"Warning: {warning}")
        if self.print_config:
            typer.echo(resolved_yaml(loaded.config), nl=False)
            raise typer.Exit
        if "" in [*(self.inputs or ()), *(self.manifests or ()), self.output]:
            raise UsageError("An empty --input, --manifest or --output: is a variable of the shell not set?")
        if not self.inputs and not self.manifests:
            raise UsageError("Nothing to transcribe: give --input PATTERN or --manifest FILE.")
        limit = loaded.config.input.limit
        return loaded.config, Sources(tuple(self.inputs or ()), tuple(self.manifests or ()), limit)

    def _refuse_strays(self) -> None:
        from transforms.addresses import display_name
        from transforms.errors import UsageError

        if self.strays:
            more = f" and {len(self.strays) - 1} more" if len(self.strays) > 1 else ""
            raise UsageError(
                f"{display_name(self.strays[0])}{more}: no option stands before it. Expected --input "
                "PATTERN, each name with an --input of its own; put a pattern in quotation marks, or the "
                "shell expands it."
            )
