from __future__ import annotations

from importlib import resources

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.onnx_weights import float_weights


def varint(number):
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes(groups) + bytes([number])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name, values, kind=1):
    shape = b"".join(field(1, size) for size in values.shape)
    return shape + field(2, kind) + field(8, name.encode()) + field(9, values.tobytes())


def model(*tensors):
    # A version, a name of the graph, and a double, all of which are passed over.
    graph = field(2, b"graph") + b"".join(field(5, each) for each in tensors)
    return field(1, 8) + varint(20 << 3 | 1) + bytes(8) + varint(21 << 3 | 5) + bytes(4) + field(7, graph)


@given(
    shapes=st.dictionaries(
        st.text(max_size=8), st.lists(st.integers(0, 9), max_size=3).map(tuple), max_size=4
    )
)
def test_names_shapes_and_values_come_back(shapes):
    weights = {
        name: np.arange(np.prod(shape), dtype=np.float32).reshape(shape) for name, shape in shapes.items()
    }
    found = float_weights(model(*(tensor(name, values) for name, values in weights.items())))
    assert found.keys() == weights.keys()
    for name, values in weights.items():
        np.testing.assert_array_equal(found[name], values)
        assert found[name].shape == values.shape


def test_weights_that_are_not_float_are_refused():
    with pytest.raises(ValueError, match="'steps' are not 32-bit floats"):
        float_weights(model(tensor("steps", np.zeros(3, np.int64), kind=7)))


@pytest.mark.parametrize("size", [1, 1000, 100_000, 1_246_164])
def test_a_model_that_is_cut_short_is_refused(size):
    whole = resources.files("transforms.models").joinpath("silero_vad_16k_sequence.onnx").read_bytes()
    with pytest.raises(ValueError, match="cut short"):
        float_weights(whole[:size])


def test_what_is_no_model_is_refused():
    with pytest.raises(ValueError, match="unknown kind 7"):
        float_weights(b"\x0f" * 20)
