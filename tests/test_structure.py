from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("transforms", "pipeline", "pipeline/service")
MODULES = sorted(
    path for package in PACKAGES for path in (ROOT / package).glob("*.py") if path.name != "__init__.py"
)
MAX_LINES = 320
PURE_FLOORS = ("records and words", "pure logic")
# What reaches beyond a function's arguments: the network, the clock, chance, other processes, files.
IMPURE = {
    "apache_beam", "urllib3", "time", "random", "secrets", "uuid", "socket", "subprocess",
    "multiprocessing", "tempfile", "shutil", "fcntl", "signal", "glob", "logging",
}  # fmt: skip


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path: Path) -> Iterator[str]:
    """Full names of what a module imports, at its top or anywhere in it."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} imports relatively"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floors() -> dict[str, tuple[int, str]]:
    """Number and name of the floor of each module, as the design document says."""
    found: dict[str, tuple[int, str]] = {}
    package = ""
    number = 0
    for line in (ROOT / "docs" / "design.md").read_text(encoding="utf-8").splitlines():
        heading = re.fullmatch(r"\| floor of `([a-z/]+)/` \| modules \|", line)
        row = re.fullmatch(r"\| ([A-Za-z ,]+) \| (`[a-z0-9_`, ]+`) \|", line)
        if heading:
            package, number = heading[1].replace("/", "."), 0
        elif row and package:
            number += 1
            for module in re.findall(r"`([a-z0-9_]+)`", row[2]):
                assert f"{package}.{module}" not in found, f"{module} is on two floors"
                found[f"{package}.{module}"] = (number, row[1])
        elif not line.startswith("|"):
            package = ""
    return found


def test_the_design_document_places_every_module_and_no_other():
    placed, there = set(floors()), set(map(name_of, MODULES))
    assert (sorted(there - placed), sorted(placed - there)) == ([], [])


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_from_its_own_floor_and_those_below(path):
    placed = floors()
    if name_of(path) not in placed:
        pytest.skip("the design document does not place it, as another test says")
    package = name_of(path).rpartition(".")[0]
    own_floor = placed[name_of(path)][0]
    above = [
        imported
        for imported in set(imports_of(path))
        if imported.rpartition(".")[0] == package and placed.get(imported, (0, ""))[0] > own_floor
    ]
    assert above == []


def test_transforms_never_import_the_pipeline():
    wrong = [
        f"{name_of(path)} imports {imported}"
        for path in MODULES
        if path.parent.name == "transforms"
        for imported in imports_of(path)
        if imported.split(".")[0] in ("pipeline", "tests")
    ]
    assert wrong == []


def test_pure_modules_reach_nothing_outside():
    pure = [name for name, (_, floor) in floors().items() if floor in PURE_FLOORS]
    assert len(pure) > 20
    wrong = []
    for path in MODULES:
        if name_of(path) not in pure:
            continue
        wrong += [
            f"{name_of(path)} imports {name}" for name in imports_of(path) if name.split(".")[0] in IMPURE
        ]
        wrong += [f"{name_of(path)} calls {call}" for call in calls_of(path) if call in ("open", "input")]
    assert wrong == []


def calls_of(path: Path) -> Iterator[str]:
    """The names of functions that are called by their bare name."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def test_transforms_print_nothing():
    assert [
        path.name for path in MODULES if path.parent.name == "transforms" and "print" in calls_of(path)
    ] == []


def test_modules_stay_short():
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def test_exceptions_of_any_kind_are_caught_at_the_one_border_for_dead_letters():
    caught = []
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ExceptHandler) and names_anything(node.type):
                # Cleaning up and passing on is no catching.
                raises = any(isinstance(each, ast.Raise) and each.exc is None for each in ast.walk(node))
                caught += [] if raises else [name_of(path)]
    assert caught == ["transforms.crew"]


def names_anything(kind: ast.expr | None) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(
        each is None or (isinstance(each, ast.Name) and each.id in ("Exception", "BaseException"))
        for each in kinds
    )


def test_no_function_without_a_name_goes_to_the_workers():
    """A lambda goes by value: a worker that lacks the packages would run half of the job."""
    nameless = []
    for path in MODULES:
        if "apache_beam" not in set(imports_of(path)):
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and makes_a_transform(node):
                inside = [each for given in (node.args, node.keywords) for each in given]
                if any(isinstance(each, ast.Lambda) for given in inside for each in ast.walk(given)):
                    nameless.append(f"{name_of(path)}, line {node.lineno}")
    assert nameless == []


def test_every_step_of_a_pipeline_is_labelled():
    """``pcollection | transform`` without ``"label" >>`` gets a name that changes with the code."""
    unlabelled = []
    for path in MODULES:
        if "apache_beam" not in set(imports_of(path)):
            continue
        for node in ast.walk(tree_of(path)):
            if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)):
                continue
            if makes_a_transform(node.right):
                unlabelled.append(f"{name_of(path)}, line {node.lineno}")
    assert unlabelled == []


def makes_a_transform(node: ast.expr) -> bool:
    """Whether an expression calls something of Beam's, or a class, without a label before it."""
    while isinstance(node, ast.Call | ast.Attribute):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "beam":
            return True
        node = node.func if isinstance(node, ast.Call) else node.value
    return False
