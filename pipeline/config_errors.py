"""What is said about a wrong configuration: the key, the value, what is expected. Pure.

No value is quoted that is, or looks like, a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from pydantic import BaseModel, ValidationError

from transforms.slips import did_you_mean

SECRETS_HINT = (
    "secrets never stand in a configuration: set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY "
    "(and TENCENTCLOUD_TOKEN for temporary credentials) in the environment"
)

_SECRET_NAMES = ("secret", "token", "password", "passwd", "credential", "accesskey", "apikey", "privatekey")
_SECRET_ID = re.compile(r"AKID[0-9A-Za-z]{13,}")  # how the ids of this cloud's key pairs begin
_URL_USER = re.compile(r"[^/\s]*@")
_SHOWN_CHARACTERS = 60

_KINDS = {
    "string_type": "expected text (digits and words such as yes or no need quotes)",
    "int_type": "expected a whole number",
    "float_type": "expected a number",
    "dict_type": "expected a mapping",
    "model_type": "expected a mapping of keys",
    "string_too_short": "expected text that is not empty",
    "string_unicode": "expected text that is valid Unicode",
}


def looks_secret(key: str) -> bool:
    """Whether a key, dotted or not, is by its name one that holds a secret."""
    plain = re.sub(r"[^a-z]", "", key.lower())
    return any(name in plain for name in _SECRET_NAMES)


def leaves(tree: object, path: str = "") -> Iterator[tuple[str, object]]:
    """The dotted path and value of everything in nested mappings, empty mappings included."""
    if isinstance(tree, Mapping) and tree:
        for key, value in tree.items():
            yield from leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, tree


def secret_problems(tree: Mapping[str, object]) -> list[str]:
    """What is said of secrets that were put into a configuration, without their values."""
    problems = []
    for path, value in leaves(tree):
        if looks_secret(path):
            problems.append(f"{_SECRET_ID.sub('...', path)}: {SECRETS_HINT}")
        elif _SECRET_ID.search(path) or _SECRET_ID.search(str(value)):
            problems.append(
                f"{_SECRET_ID.sub('...', path)}: the value looks like a secret id; {SECRETS_HINT}"
            )
    return problems


def known_keys(model: type[BaseModel]) -> tuple[str, ...]:
    """The dotted paths of all keys of a configuration of sections."""
    paths = []
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            paths += [f"{name}.{key}" for key in known_keys(section)]
        else:
            paths.append(name)
    return tuple(paths)


def nearest_key(path: str, known: Sequence[str]) -> str:
    """The known key that was most likely meant.

    A key's own name counts twice as much as the section it is put into, so that
    a key under the wrong section is found too.
    """

    def alike(candidate: str) -> float:
        own = SequenceMatcher(None, path.rpartition(".")[2].lower(), candidate.rpartition(".")[2]).ratio()
        return 2 * own + SequenceMatcher(None, path.lower(), candidate).ratio()

    return max(known, key=alike)


def shown(value: object) -> str:
    """A value as an error may quote it: short, on one line, without a URL's password."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if value is None:
        return "null"
    text = repr(_URL_USER.sub("***@", value) if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."


def describe(error: ValidationError, known: Sequence[str]) -> list[str]:
    """One line for each problem that pydantic found."""
    problems = []
    for detail in error.errors(include_url=False):
        location = [str(part) for part in detail["loc"]]
        path = ".".join(location) or "the file"
        if detail["type"] == "extra_forbidden":
            for unknown, _ in leaves(detail["input"], path):
                problems.append(f"{unknown}: unknown key; did you mean {nearest_key(unknown, known)}?")
            continue
        if detail["type"] == "invalid_key" or location[-1:] == ["[key]"]:
            section = ".".join([part for part in location if part != "[key]"][:-1]) or "the file"
            problems.append(f"{section}: expected keys that are text; put {detail['input']!r} in quotes")
            continue
        if detail["type"] == "missing":
            problems.append(f"{path}: is required")
            continue
        expected = _KINDS.get(detail["type"]) or _expected(detail["msg"])
        if detail["type"] == "literal_error":
            choices = re.findall("'([^']*)'", detail["ctx"]["expected"])
            expected += f".{meant}" if (meant := did_you_mean(str(detail["input"]), choices)) else ""
        problems.append(f"{path}: {shown(detail['input'])}: {expected}")
    return problems


def _expected(message: str) -> str:
    """Pydantic's sentence in our form: 'Input should be ...' becomes 'expected ...'."""
    message = message.removeprefix("Input should be ").removeprefix("Value error, ")
    return f"expected {message}"
