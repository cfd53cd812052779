from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import apache_beam as beam
import pytest

import transforms


def test_every_public_name_is_there_and_says_what_it_is():
    for name in transforms.__all__:
        assert inspect.getdoc(getattr(transforms, name)), name
    assert set(transforms.__all__) <= set(dir(transforms))


def test_type_checkers_know_the_same_names():
    tree = ast.parse(Path(transforms.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    typed = {
        (alias.asname, node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == {(name, f"transforms.{module}") for name, module in transforms._MODULES.items()}


def test_every_transform_is_public_and_its_page_shows_how_it_is_used():
    page = (Path(__file__).parents[2] / "docs" / "your-own-pipeline.md").read_text()
    for name in transforms.__all__:
        value = getattr(transforms, name)
        if inspect.isclass(value) and issubclass(value, beam.PTransform):
            assert f"`{name}(" in page
            assert f"{name}(" in (value.__doc__ or ""), "an example"


def test_a_name_costs_its_own_module_alone():
    code = "import sys, transforms; transforms.Recording; assert 'apache_beam' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_another_name_is_no_name():
    with pytest.raises(AttributeError, match="no attribute 'Recognise'"):
        _ = transforms.Recognise
