from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.waveforms import COLUMNS, HEIGHT, Peaks, outline, peaks_of
from transforms.records import SampleRange


def reader(samples):
    return lambda part: samples[part.start_sample : part.end_sample].astype("<i2").tobytes()


@given(arrays(np.int16, st.integers(1, 500)), st.integers(1, 60), st.data())
def test_each_column_has_its_lowest_and_highest_sample(samples, columns, data):
    start = data.draw(st.integers(0, len(samples) - 1))
    end = data.draw(st.integers(start + 1, len(samples)))
    peaks = peaks_of(reader(samples), SampleRange(start, end), columns)
    assert len(peaks.lows) == len(peaks.highs) == min(columns, end - start)
    part = samples[start:end]
    assert peaks.lows.min() == min(0, part.min())
    assert peaks.highs.max() == max(0, part.max())


def test_no_more_than_a_column_is_read_at_once():
    asked = []

    def read(part):
        asked.append(part.samples)
        return b"\0\0" * part.samples

    peaks_of(read, SampleRange(0, 1_000_000))
    assert (max(asked), sum(asked)) == (1000, 1_000_000)


@given(arrays(np.int16, st.integers(1, 300)))
def test_the_outline_stays_in_its_picture(samples):
    path = outline(peaks_of(reader(samples), SampleRange(0, len(samples))))
    numbers = [float(number) for number in re.findall(r"[-\d.]+", path)]
    assert all(0 <= x <= COLUMNS for x in numbers[::2])
    assert all(0 <= y <= HEIGHT for y in numbers[1::2])


def test_silence_is_a_line_and_the_loudest_sample_reaches_the_edge():
    quiet = Peaks(np.array([0, -10], np.int16), np.array([0, 20], np.int16))
    assert outline(quiet) == "M250.0 99.5L750.0 0.0L750.0 150.0L250.0 100.5Z"
