"""YAML read strictly, where a key given twice is an error, and written so that it reads back. Pure."""

from __future__ import annotations

from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, Node, ScalarNode

from transforms.errors import UsageError


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader without its two silent ways: repeated keys and aliases.

    Aliases could nest a mapping in itself; a configuration of five sections has
    no use for them.
    """

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        if self.check_event(yaml.AliasEvent):
            raise ConstructorError(problem="aliases are not supported", problem_mark=self.get_mark())
        return super().compose_node(parent, index)

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Any, Any]:
        first_lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, ScalarNode):
                continue  # refused by the base class, as no key at all
            key = self.construct_object(key_node)
            line = key_node.start_mark.line + 1
            if key in first_lines:
                problem = f"the key {key!r} is given twice, first in line {first_lines[key]}"
                raise ConstructorError(problem=problem, problem_mark=key_node.start_mark)
            first_lines[key] = line
        return super().construct_mapping(node, deep=deep)


class _ReadableDumper(yaml.SafeDumper):
    """Writes Chinese as it is, and quotes what PyYAML would not read back (U+0085)."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> ScalarNode:
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_ReadableDumper.add_representer(str, _represent_text)


def write_yaml(tree: object) -> str:
    """A tree of mappings, lists and scalars as YAML, in the order given."""
    text: str = yaml.dump(tree, Dumper=_ReadableDumper, sort_keys=False, allow_unicode=True)
    return text


def parse_yaml(text: str | bytes, name: str) -> object:
    """What a YAML document says; None when it is empty.

    Args:
        text: the document; bytes are read as UTF-8, or UTF-16 with a mark.
        name: what errors call it.

    Raises:
        UsageError: it is not YAML, or holds a key twice. The message quotes
            nothing of the document but keys, since a value may be a secret.
    """
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        told = ", ".join(filter(None, [error.context, error.problem]))
        raise UsageError(f"{name}{place}: {told}") from None
    except yaml.reader.ReaderError as error:
        raise UsageError(f"{name}: not YAML: {error.reason} at position {error.position}") from None
    except (ValueError, RecursionError):  # a date that is none, a number too long, brackets without end
        raise UsageError(f"{name}: not YAML: a value cannot be read") from None
