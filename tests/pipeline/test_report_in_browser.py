"""The report in a browser: at the width of a desk and of a phone, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.browser import Browser, browser, chromium
from tests.e2e.command import beamscribe
from tests.pipeline.test_reports import corpus  # noqa: F401 - a fixture

pytestmark = pytest.mark.skipif(chromium() is None, reason="no chromium on PATH")

SECONDS_OF_SOUND = """Promise.all([...document.querySelectorAll("audio")].map(
  audio => new Promise(resolve => {
    if (audio.readyState > 0) resolve(audio.duration);
    audio.onloadedmetadata = () => resolve(audio.duration);
    audio.onerror = () => resolve(audio.error.message);
})))"""
WIDER_THAN_THE_PAGE = """[...document.querySelectorAll("body *")].filter(each =>
    each.getBoundingClientRect().right > document.documentElement.clientWidth + 1
    && !each.closest(".scroll, .skip, .hidden")).map(each => each.outerHTML.slice(0, 80))"""
# The longest figures of the head, each on a line of its own and clear of the next.
FIGURES_APART = """(() => {
    const figures = [...document.querySelectorAll(".tiles .value")];
    ["123,456", "59 min 59 s", "1,234,567", "1,234,567", "12,345.6789 CNY", "123,456"].forEach(
        (text, number) => { figures[number].textContent = text; });
    const boxes = figures.map(each => {
        const range = document.createRange();
        range.selectNodeContents(each);
        return range.getBoundingClientRect();
    });
    return boxes.every((box, number) => {
        const next = boxes[number + 1];
        return box.height < 48 && (!next || next.top > box.bottom || next.left - box.right >= 12);
    });
})()"""
# WCAG 2.1, relative luminance and contrast; what lies behind a text is the nearest colour that is not clear.
LEAST_CONTRAST = """(() => {
    const channel = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const light = color => { const [r, g, b] = color.match(/[\\d.]+/g).map(Number);
        return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b); };
    const behind = each => { for (; each; each = each.parentElement) {
        const color = getComputedStyle(each).backgroundColor;
        if (!color.endsWith(", 0)")) return color; } };
    let least = [99, ""];
    for (const each of document.querySelectorAll(
            "p, h1, h2, h3, h4, dt, dd, th, td, li, a, summary, button, span")) {
        if (!each.textContent.trim() || each.closest(".skip, .hidden, svg")) continue;
        const pair = [light(getComputedStyle(each).color), light(behind(each))].sort((a, b) => b - a);
        const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
        if (contrast < least[0]) least = [contrast, each.outerHTML.slice(0, 80)];
    }
    return least;
})()"""
PLAYED = """new Promise(resolve => {
    const button = document.querySelectorAll("button.time")[1];
    const audio = button.closest(".panel").querySelector("audio");
    button.click();
    const look = () => {
        const word = document.querySelector(".word.now");
        if (word && audio.currentTime * 1000 > Number(button.dataset.s))
            resolve([audio.currentTime * 1000, Number(word.dataset.s), Number(word.dataset.e)]);
        else requestAnimationFrame(look);
    };
    look();
})"""


@pytest.fixture
def page(corpus: Path, tmp_path: Path) -> Path:  # noqa: F811
    arguments = ("--recording=long.wav", "--recording=two.wav", "--recording=\\xff.wav")
    page = tmp_path / "page.html"
    assert beamscribe("report", corpus, f"--to={page}", *arguments).code == 0
    return page


@pytest.fixture
def chrome() -> Iterator[Browser]:
    with TemporaryDirectory() as profile, browser(Path(profile)) as opened:
        yield opened


def test_it_fits_reads_and_plays_without_a_network(page, chrome):
    for width in (1280, 390):
        for dark in (False, True):
            chrome.open(page, width=width, dark=dark)
            assert chrome.value("document.documentElement.scrollWidth") <= width
            assert chrome.value(WIDER_THAN_THE_PAGE) == []
            assert chrome.value(FIGURES_APART) is True
            contrast, where = chrome.value(LEAST_CONTRAST)
            assert contrast >= 4.5, where
    seconds = chrome.value(SECONDS_OF_SOUND)
    assert seconds == pytest.approx([7.0, 3.0, 3.0, 2.0], abs=0.1)
    now, start, end = chrome.value(PLAYED)
    assert start - 50 <= now <= end + 50
    assert chrome.complaints == []
    assert set(chrome.requests) == {page.as_uri()}


def test_both_error_rates_of_every_language_can_be_seen_on_a_phone(corpus, chrome, tmp_path):  # noqa: F811
    """In Chinese the CER is the figure, and it stands last."""
    where = corpus.parent / "in"
    lines = [f"{where / 'short.wav'},\u6d4b\u8bd5,zh,", f"{where / 'long.wav'},one two,en,"]
    lines += [f"{where / 'two.wav'},a b c,en,{channel}" for channel in (0, 1)]
    (tmp_path / "said.csv").write_text("\n".join(["audio,reference,language,channel", *lines]), "utf-8")
    page = tmp_path / "page.html"
    assert beamscribe("report", corpus, f"--to={page}", f"--references={tmp_path / 'said.csv'}").code == 0
    chrome.open(page, width=390, dark=False)
    hidden = chrome.value(
        "(each => each.scrollWidth - each.clientWidth)(document.querySelector('#quality .scroll'))"
    )
    assert hidden == 0
    assert chrome.value("document.querySelectorAll('#quality tbody tr').length") == 3
