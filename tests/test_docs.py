"""What the documentation says and shows is true: its commands and code are run, its tables compared."""

from __future__ import annotations

import ast
import importlib.util
import io
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pyarrow.parquet as pq
import pytest
from rich.console import Console
from rich.text import Text

from pipeline.cli import main, split_at_dashes
from pipeline.config import Config
from pipeline.config_load import load_prices, shipped_names
from pipeline.event_log import Event
from pipeline.outcome import ExitCode
from pipeline.progress import Limit, Progress
from pipeline.progress_live import frame_of
from pipeline.progress_text import line_of
from pipeline.run_record import RunCounts, RunRecord
from pipeline.runner import beam_options
from pipeline.service.faults import FaultKind
from pipeline.service.server import LocalService
from pipeline.service.settings import TEST_SECRET_ID, TEST_SECRET_KEY, ServiceSettings
from pipeline.state import STATE_FOLDER
from pipeline.timeline import Timeline
from transforms import codes
from transforms.objects import Objects
from transforms.parts import create_dataset
from transforms.reading import NOW, NUMBERS, Reading
from transforms.schemas import Table, columns_markdown, schema_of

pytestmark = pytest.mark.xdist_group("docs")

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
CHINESE = ROOT / "README.zh.md"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
LOCAL = "127.0.0.1:8421"  # the local service in the documents; the tests' own takes its place
MEDIA = "https://media.example.com/"  # recordings on the web; a server of the tests takes its place
CALLING_NOBODY = ("plan", "status", "report", "export", "evaluate")
DATA = ("csv", "yaml", "jsonl")
# What the commands speak of, as copies of shipped recordings.
RECORDINGS = {
    "recordings/letter.wav": "letter_16k.wav",
    "recordings/deeper/restaurant.mp3": "restaurant_44k.mp3",
    "calls/0815.wav": "interview_32k_stereo.flac",
    "monday/standup.wav": "letter_16k.wav",
    "talks/keynote.mp3": "restaurant_44k.mp3",
    "clips/one.wav": "letter_16k.wav",
    "clips/two.wav": "letter_16k.wav",
}


@dataclass(frozen=True)
class Block:
    """A fenced block; ``notes`` follow its language: ``account``, ``exit=3``, or a file's name.

    What needs a ``cluster`` is parsed only; what needs a ``store`` gets one on this machine.
    """

    page: str
    line: int
    language: str
    notes: tuple[str, ...]
    text: str

    @property
    def exit_code(self) -> int:
        return next((int(note.removeprefix("exit=")) for note in self.notes if "exit=" in note), 0)


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text("utf-8")
    for match in re.finditer(r"^```(\w*)([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(page.name, line, match[1], tuple(match[2].split()), match[3])


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def blocks(language: str) -> list[object]:
    chosen = [block for block in BLOCKS if block.language == language]
    return [pytest.param(block, id=f"{block.page}-{block.line}") for block in chosen]


@dataclass(frozen=True)
class Desk:
    """A folder as the reader of the documents has it, with the repository's own folders in it."""

    folder: Path
    service: LocalService

    def here(self, text: str) -> str:
        return text.replace(LOCAL, self.service.endpoint.removeprefix("http://"))

    def run(self, arguments: list[str]) -> int:
        """``python -m pipeline run`` against the service of the tests."""
        own, beam = split_at_dashes(arguments)
        endpoint = f"recognition.endpoint={self.service.endpoint}"
        with pytest.raises(SystemExit) as end:
            main([*own, "--set", endpoint, "--", *beam])
        return int(end.value.code or 0)


@pytest.fixture(scope="module")
def written_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    for name, shipped in RECORDINGS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / "tests" / "recordings" / shipped, folder / name)
    for name in ("tests", "docs", "configs", "containers"):
        (folder / name).symlink_to(ROOT / name)
    files = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietFiles, directory=str(folder)))
    Thread(target=files.serve_forever, daemon=True).start()
    for block in BLOCKS:
        if block.language in DATA and not (ROOT / block.notes[0]).exists():
            text = block.text.replace(MEDIA, f"http://127.0.0.1:{files.server_port}/")
            (folder / block.notes[0]).write_text(text, "utf-8")
    with LocalService(ServiceSettings()) as service:
        yield Desk(folder, service)
    files.shutdown()
    files.server_close()


class _QuietFiles(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def desk(written_desk: Desk, local_credentials: None, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The desk as working folder, with keys that the service of the tests knows."""
    monkeypatch.chdir(written_desk.folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    if not Path("demo-output").exists():
        demo = ["run", "--config", "demo", "--input", "tests/recordings", "--output", "demo-output"]
        assert written_desk.run(demo) == ExitCode.SOME_FAILED
    return written_desk


@pytest.mark.parametrize("block", blocks("sh"))
def test_the_commands_work(
    block: Block, desk: Desk, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if "store" in block.notes:
        request.getfixturevalue("s3")
        recording = ROOT / "tests" / "recordings" / "letter_16k.wav"
        Objects("s3://recordings/2026/03").put("letter.wav", recording.read_bytes())
    if not {"account", "cluster"} & set(block.notes):  # then the keys are those that the block exports
        monkeypatch.delenv("TENCENTCLOUD_SECRET_ID")
        monkeypatch.delenv("TENCENTCLOUD_SECRET_KEY")
    for line in desk.here(block.text).splitlines():
        match shlex.split(line):
            case ["export", pair]:
                name, _, value = pair.partition("=")
                if not {"account", "cluster"} & set(block.notes):
                    monkeypatch.setenv(name, value)
                assert name in os.environ or "cluster" in block.notes
            case [".", ".venv/bin/activate"]:
                pass
            case ["make", target]:
                assert target in make_targets()
            case ["curl", address]:
                urllib.request.urlopen(address).close()
            case ["python", "-m", "pipeline", "run", *options] if "cluster" in block.notes:
                own, beam = split_at_dashes(options)
                beam_options(beam)
                with pytest.raises(SystemExit, match="0"):
                    main(["run", *own, "--print-config"])
            case ["docker", "build", *options] if "cluster" in block.notes:
                assert Path(options[options.index("-f") + 1]).is_file()
                assert options[-1] == "."
            case ["python", "-m", "apache_beam.yaml.main", *arguments]:
                command = [sys.executable, "-m", "apache_beam.yaml.main", *arguments]
                subprocess.run(command, check=True, timeout=120)
            case ["pip", "install", *_] if "cluster" in block.notes:
                pass
            case ["python", "-m", module, *_] if module.startswith("apache_beam."):
                assert importlib.util.find_spec(module)
            case ["python", "-m", "pipeline", "run", *options] if "--print-config" in options:
                with pytest.raises(SystemExit, match="0"):
                    main(["run", *options])
            case ["python", "-m", "pipeline", "run", *options]:
                assert desk.run(["run", *options]) == block.exit_code
            case ["python", "-m", "pipeline", command, *options] if command in CALLING_NOBODY:
                with pytest.raises(SystemExit) as end:
                    main([command, *options])
                assert int(end.value.code or 0) == block.exit_code
            case ["python", "-m", "pipeline", "serve", *options]:
                assert "SentenceRecognition on this machine" in served(options)
            case ["python", "-m", "pytest", *arguments]:
                run_pytest(arguments)
            case ["python", "-m", "zipfile", *arguments]:
                zipfile.main(arguments)
            case ["python", script, *arguments] if script.startswith("docs/"):
                subprocess.run([sys.executable, script, *arguments], check=True, timeout=120)
            case unknown:
                pytest.fail(f"{block.page}, line {block.line}: no test knows the command {unknown}")


def run_pytest(arguments: list[str]) -> None:
    """With the plugin, as where the package is installed."""
    command = [sys.executable, "-m", "pytest", "-p", "pytest_beamscribe", *arguments]
    subprocess.run(command, check=True, timeout=120)


def served(options: list[str]) -> str:
    """The first line of a service that is started on a free port, and stopped by Ctrl-C."""
    command = [sys.executable, "-m", "pipeline", "serve", *options, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
    return first


@pytest.mark.parametrize("block", blocks("python"))
def test_the_code_works(block: Block, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS / "examples"))
    if block.notes:  # a file of the repository, run by a command of the page
        assert block.text == (ROOT / block.notes[0]).read_text("utf-8")
        return
    tree = ast.parse(block.text)
    for package in sorted(imported_packages(tree)):
        pytest.importorskip(package)
    exec(compile(desk.here(block.text), f"{block.page}:{block.line}", "exec"), {"__name__": "__main__"})


def test_the_tests_that_are_shown_pass(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = [each.text for each in BLOCKS if each.language == "python" and "\ndef test_" in f"\n{each.text}"]
    assert len(shown) > 2
    path = tmp_path / "test_shown.py"
    path.write_text("\n\n".join(shown))
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{DOCS / 'examples'}")
    run_pytest([str(path)])


def imported_packages(tree: ast.AST) -> set[str]:
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names}


def test_data_that_is_a_file_of_the_repository_is_shown_as_it_is() -> None:
    shown = [block for block in BLOCKS if block.language in DATA and (ROOT / block.notes[0]).exists()]
    assert len(shown) > 2
    for block in shown:
        assert block.text == (ROOT / block.notes[0]).read_text("utf-8"), block.notes[0]


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    for block in BLOCKS:
        where = f"{block.page}, line {block.line}"
        assert block.language in ("", "sh", "python", *DATA), where
        assert block.language not in DATA or len(block.notes) == 1, f"{where}: name the file"
        assert block.language or "python" not in block.text, f"{where}: say the language"


def test_the_chinese_readme_shows_the_same_commands_tables_and_links() -> None:
    pages = [README, CHINESE]
    english, chinese = ([(b.language, b.notes, b.text) for b in blocks_of(page)] for page in pages)
    assert chinese == english
    english, chinese = ([len(row) for row in rows_of(page, starting_with="")] for page in pages)
    assert chinese == english
    english, chinese = (re.findall(r"^#+", page.read_text("utf-8"), re.MULTILINE) for page in pages)
    assert chinese == english
    links = re.compile(r"\]\(([^)#\s]+)\)")
    english, chinese = (sorted(links.findall(page.read_text("utf-8"))) for page in pages)
    assert [link for link in chinese if link != README.name] == [
        link for link in english if link != CHINESE.name
    ]


@pytest.mark.parametrize("page", [*PAGES, CHINESE], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", page.read_text("utf-8")):
        if target.startswith("https://"):
            continue
        there = page.parent / target if target else page
        assert there.exists(), target
        assert not anchor or anchor in anchors_of(there), f"{target}#{anchor}"


def anchors_of(page: Path) -> set[str]:
    """The names under which a page's headings can be linked to, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, CHINESE], ids=lambda page: page.name)
def test_names_in_the_text_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    for section, key in re.findall(
        r"[ `](recognition|audio|segmentation|budget|input|output)\.([a-z_]+)\b", text
    ):
        annotation = Config.model_fields[section].annotation
        assert annotation is not None
        assert key in annotation.model_fields, f"{section}.{key}"
    assert set(re.findall(r"`make ([a-z-]+)`", text)) <= make_targets()


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("table", Table)
def test_the_columns_are_those_of_the_schemas(table: Table) -> None:
    schema = schema_of(table)
    assert columns_markdown(schema) in (DOCS / "dataset.md").read_text("utf-8")
    (row,) = rows_of(README, starting_with=f"`{table.value}/`")
    assert re.findall(r"`(\w+)`", row[2]) == schema.names


def test_the_page_of_the_dataset_knows_every_key_of_a_run_and_every_code() -> None:
    text = (DOCS / "dataset.md").read_text("utf-8")
    runs = text.partition("## runs")[2].partition("\n## ")[0]
    keys = {field.name for kind in (RunRecord, RunCounts) for field in fields(kind)} - {"counts"}
    assert set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", runs, re.MULTILINE)))) == keys
    constants = {name: value for name, value in vars(codes).items() if re.fullmatch(r"[A-Z][A-Z_]+", name)}
    own = {value for value in constants.values() if isinstance(value, str)}
    assert own <= set(re.findall(r"`(\w+)`", text))


def test_the_page_of_the_dataset_knows_every_key_of_a_timeline() -> None:
    told = (DOCS / "dataset.md").read_text("utf-8").partition("## The timeline of a run")[2]
    keys, columns = (
        set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE)[2:])))
        for table in re.findall(r"(?:^\|.*\n)+", told, re.MULTILINE)
    )
    timeline = Timeline("2026-01-01T00:00:00+00:00").as_json()
    assert (keys, columns) == (set(timeline), set(timeline["buckets"]))
    assert all(f"`{name}`" in told for name in timeline["latency"])


def test_the_page_on_watching_knows_every_name_and_event() -> None:
    page = DOCS / "watching.md"
    rows = [row for row in rows_of(page, starting_with="`") if len(row) == 4]
    told = [(row[0].strip("`"), row[1], row[2]) for row in rows]
    assert told == [
        (each.name, each.metadata["unit"], "no" if each.name in NOW else "yes")
        for each in fields(Reading)
        if each.name in NUMBERS
    ]
    events = [row[0].strip("`") for row in rows_of(page, starting_with="`") if len(row) == 3]
    assert events == ["event", *(event.value for event in Event)]


def test_the_display_is_shown_as_it_is() -> None:
    text = (DOCS / "watching.md").read_text("utf-8")
    counts = Reading(
        recordings_found=4640,
        recordings_listed=1,
        recordings_skipped=3400,
        recordings_read=821,
        recordings_failed=3,
        recordings_done=812,
        segments_cut=2811,
        segments_recognized=1406,
        calls=1431,
        billed_calls=1406,
        retries={"InternalError": 19, "RequestLimitExceeded": 6},
        failures={"NotAudio": 2, "EmptyFile": 1},
        in_flight=48,
    )
    progress = Progress(
        seconds=31.0,
        counts=counts,
        quota_per_second=25.0,
        cost=load_prices().cost(counts.billed_calls),
        currency=load_prices().currency,
        calls_per_second=24.6,
        limited_by=Limit.QUOTA,
        seconds_left=119.0,
    )
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard")
    with console.capture() as shown:
        console.print(frame_of(progress, "Transcribing", "out", 100))
    lines = [line.rstrip() for line in Text.from_ansi(shown.get()).plain.splitlines()]
    assert "\n".join(["```", *lines, "```"]) in text
    assert line_of(progress, datetime(2026, 3, 1, 2, 15, 31, tzinfo=timezone.utc)) in text.splitlines()


def test_hugging_face_can_read_a_table_without_rows(tmp_path: Path) -> None:
    # Its reader takes the length of the first row group for its batches, and fails on 0.
    create_dataset(str(tmp_path))
    (part,) = (tmp_path / "segments").glob("*.parquet")
    assert pq.read_metadata(part).num_row_groups == 0


@pytest.mark.parametrize(("page", "at_least"), [("runners.md", 7), ("flink-and-dataflow.md", 20)])
def test_beam_knows_the_options_that_the_pages_on_runners_explain(page: str, at_least: int) -> None:
    names = {
        name for row in rows_of(DOCS / page, starting_with="`--") for name in re.findall(r"`--(\w+)", row[0])
    }
    assert len(names) > at_least
    assert names <= set(beam_options([]).get_all_options())


def test_every_exit_code_is_explained() -> None:
    assert {row[0] for row in rows_of(README, starting_with="") if row[0].isdecimal()} == {
        str(int(code)) for code in ExitCode
    }


def test_costs_follow_from_the_prices() -> None:
    prices = load_prices()
    page = DOCS / "cost.md"
    for length, calls, cost in (
        row for row in rows_of(page, starting_with="") if re.fullmatch(r"\d+ s", row[0])
    ):
        calls_an_hour = 3600 / int(length.split()[0])
        assert int(calls) == round(calls_an_hour)
        assert cost == f"{float(prices.tiers[0].per_thousand_calls) * calls_an_hour / 1000:.3f}"
    assert [row for row in rows_of(page, starting_with="") if row[0].startswith(("below", "more"))] == [
        ["more" if tier.calls_below is None else f"below {tier.calls_below:,}", str(tier.per_thousand_calls)]
        for tier in prices.tiers
    ]
    text = " ".join(page.read_text("utf-8").split())
    hour = float(prices.tiers[0].per_thousand_calls) * 3.6
    assert f"{hour:.2f} divided by the mean length of a segment" in text
    first = prices.tiers[0].calls_below
    assert first is not None
    assert f"{first:,} calls in one day cost less ({prices.cost(first).normalize():f})" in text
    assert f"than {first - 1:,} ({prices.cost(first - 1)})" in text
    assert f"CNY {hour / 59:.3f}" in " ".join(README.read_text("utf-8").split())


def test_every_requirement_has_its_line() -> None:
    listing = (ROOT / "setup.py").read_text("utf-8")
    requirements = re.findall(r'^ +"([A-Za-z][\w-]*)[^:\n]*$', listing, re.MULTILINE)
    assert len(requirements) > 20
    listed = ", ".join(row[0] for row in rows_of(DOCS / "dependencies.md", starting_with="")).split(", ")
    assert set(listed) - {"package", "pocketsphinx"} == set(requirements)


def test_every_file_of_the_state_has_its_line(desk: Desk) -> None:
    rows = rows_of(DOCS / "when-it-is-killed.md", starting_with="`")
    patterns = [row[0].strip("`") for row in rows if len(row) == 3]
    state = Path("demo-output", STATE_FOLDER)
    files = [str(path.relative_to(state)) for path in state.rglob("*") if path.is_file()]
    assert files
    for name in files:
        assert any(fnmatchcase(name, pattern) for pattern in patterns), name


def test_the_shipped_configurations_are_named() -> None:
    text = README.read_text("utf-8")
    assert all(f"`{name}`" in text for name in shipped_names())


def test_the_page_of_the_local_service_knows_its_faults_and_keys() -> None:
    page = DOCS / "local-service.md"
    kinds = [
        re.split(r"[`:]", row[0])[1] for row in rows_of(page, starting_with="`") if row[-1] in ("yes", "no")
    ]
    assert kinds == [kind.value for kind in FaultKind]
    assert TEST_SECRET_ID in page.read_text("utf-8")
    assert TEST_SECRET_KEY in page.read_text("utf-8")


def rows_of(page: Path, *, starting_with: str) -> list[list[str]]:
    """The rows of a page's tables whose first cell starts so, as cells."""
    lines = re.findall(r"^\| (.*) \|$", page.read_text("utf-8"), re.MULTILINE)
    return [line.split(" | ") for line in lines if line.startswith(starting_with)]


@pytest.mark.parametrize("package", ["transforms", "pipeline", "pipeline/service"])
def test_every_module_stands_on_its_floor(package: str) -> None:
    floors = floors_of(package)
    modules = {path.stem: path for path in (ROOT / package).glob("*.py") if path.stem != "__init__"}
    listed = [name for names in floors for name in names]
    assert sorted(listed) == sorted(modules)
    height = {name: number for number, names in enumerate(floors) for name in names}
    for name, path in modules.items():
        for other in imported_modules(path, package.replace("/", ".")) & set(modules):
            assert height[other] <= height[name], f"{name} imports {other}, which is on a lower floor"


def floors_of(package: str) -> list[list[str]]:
    """The modules of each floor of a package, as docs/design.md has them."""
    text = (DOCS / "design.md").read_text("utf-8")
    table = text.partition(f"| floor of `{package}/` | modules |\n|---|---|\n")[2].partition("\n\n")[0]
    return [re.findall(r"`(\w+)`", line.split(" | ")[1]) for line in table.strip().splitlines()]


def imported_modules(path: Path, package: str) -> set[str]:
    """The modules of a package that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == package:
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}."):
            found.add((node.module or "").removeprefix(f"{package}."))
    return found
