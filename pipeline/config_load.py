"""Reads the configuration: a YAML file, ``--set`` over it, every problem told at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from pipeline.config import Config
from pipeline.config_check import check
from pipeline.config_errors import SECRETS_HINT, describe, known_keys, looks_secret, secret_problems
from pipeline.prices import PriceTable, parse_prices
from pipeline.yaml_text import parse_yaml, write_yaml
from transforms.errors import UsageError
from transforms.nearby import did_you_mean_path
from transforms.slips import did_you_mean

_PRICES = "prices.yaml"
_NO_CONFIGURATIONS = (_PRICES, "beam-yaml.yaml")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that was found right.

    Attributes:
        warnings: what may be a mistake and stops nothing, one line each.
    """

    config: Config
    warnings: tuple[str, ...]


def load(
    file: str | None, overrides: Sequence[str] = (), sections: Mapping[str, object] | None = None
) -> Loaded:
    """The configuration of a file with overrides, checked as a whole.

    Args:
        file: a YAML file, or the name of a shipped configuration such as
            ``demo``; None for the defaults.
        overrides: ``dotted.key=value`` each, later ones over earlier ones. The
            value is read as YAML and replaces what the file says under the key;
            where text is expected it is taken as it stands, unless quoted.
        sections: values by section and key, over the file and under the overrides.

    Raises:
        UsageError: the file cannot be read, or something in it is wrong. The
            message lists every problem and quotes no secret.
    """
    tree = {} if file is None else _read_mapping(_find(file))
    for section, values in (sections or {}).items():
        _put_section(tree, section, values)
    for number, override in enumerate(overrides, start=1):
        path, value = _parse_override(override, number)
        _put(tree, path, value)
    _refuse(secret_problems(tree), file)
    # A section of comments only is null in YAML, and means the defaults.
    present = {
        key: value for key, value in tree.items() if value is not None or key not in Config.model_fields
    }
    try:
        config = Config.model_validate(present)
    except ValidationError as error:
        problems = describe(error, known_keys(Config))
    else:
        problems = []
    _refuse(problems, file)
    found = check(config)
    _refuse([*found.problems, *_missing_files(config)], file)
    return Loaded(config, found.warnings)


def resolved_yaml(config: Config) -> str:
    """All keys of a configuration as YAML, which loads back to an equal one."""
    return write_yaml(config.model_dump())


def load_prices(file: str | None = None) -> PriceTable:
    """The prices of a file; of the shipped ``prices.yaml`` when None.

    Raises:
        UsageError: it cannot be read, or is no price table.
    """
    path = shipped_folder() / _PRICES if file is None else Path(file)
    return parse_prices(_read(path), str(path))


def shipped_folder() -> Path:
    """Where the shipped configurations lie, in an installed package and in a checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "configs"
    return installed if installed.is_dir() else here.parent / "configs"


def shipped_names() -> tuple[str, ...]:
    """What ``--config`` takes in place of a file."""
    return tuple(
        sorted(path.stem for path in shipped_folder().glob("*.yaml") if path.name not in _NO_CONFIGURATIONS)
    )


def _find(file: str) -> Path:
    path = Path(file)
    if not path.is_file() and file in shipped_names():
        return shipped_folder() / f"{file}.yaml"
    return path


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        names = ", ".join(shipped_names())
        meant = did_you_mean(str(path), shipped_names()) or did_you_mean_path(str(path))
        raise UsageError(
            f"{path}: there is no such file; shipped configurations are {names}.{meant}"
        ) from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error


def _read_mapping(path: Path) -> dict[str, object]:
    tree = parse_yaml(_read(path), str(path))
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise UsageError(f"{path}: expected a mapping of sections such as recognition: and audio:")
    return tree


def _parse_override(override: str, number: int) -> tuple[str, object]:
    """Key and value of one ``--set``; quotes no value, which might be a secret."""
    path, equals, text = override.partition("=")
    if looks_secret(path):
        raise UsageError(f"--set number {number}: {SECRETS_HINT}")
    if not equals or not all(path.split(".")):
        raise UsageError(
            f"--set number {number}: expected dotted.key=value, such as recognition.requests_per_second=25"
        )
    if not _is_text(path):
        return path, parse_yaml(text, f"--set {path}")
    if text.startswith(("'", '"')):
        return path, parse_yaml(text, f"--set {path}")
    return path, None if text in ("", "null") else text


def _is_text(path: str) -> bool:
    """Whether a key takes any text, so that an id of digits stays what it is."""
    section, _, key = path.partition(".")
    name, _, entry = key.partition(".")
    model = Config.model_fields[section].annotation if section in Config.model_fields else None
    if not (isinstance(model, type) and issubclass(model, BaseModel)) or name not in model.model_fields:
        return False
    kind = model.model_fields[name].annotation
    return bool(entry) or kind in (str, str | None)  # entries exist below maps of text only


def _put(tree: dict[str, object], path: str, value: object) -> None:
    *sections, key = path.split(".")
    node = tree
    for section in sections:
        below = node.get(section)
        if below is None:
            below = node[section] = {}
        if not isinstance(below, dict):
            raise UsageError(f"--set {path}: what stands under {section} is not a mapping of keys")
        node = below
    node[key] = value


def _put_section(tree: dict[str, object], section: str, values: object) -> None:
    if not isinstance(values, Mapping):
        tree[section] = values  # told with all other problems
        return
    for key, value in values.items():
        _put(tree, f"{section}.{key}", value)


def _missing_files(config: Config) -> list[str]:
    bundle = config.recognition.ca_bundle
    if bundle is None or Path(bundle).exists():
        return []
    return [f"recognition.ca_bundle: {bundle!r}: there is no such file or folder"]


def _refuse(problems: Sequence[str], file: str | None) -> None:
    if problems:
        source = "the configuration" if file is None else f"the configuration {file}"
        raise UsageError("\n  ".join([f"{source} cannot be used:", *problems]))
