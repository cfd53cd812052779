"""Reads the weights out of an ONNX file, and nothing else of it.

An ONNX file is a protocol buffer: a model holds a graph, the graph its initializers, an
initializer its shape, type, name and bytes
(https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Field numbers of ModelProto, GraphProto and TensorProto.
_GRAPH, _INITIALIZER = 7, 5
_SHAPE, _TYPE, _NAME, _RAW_DATA = 1, 2, 8, 9
_FLOAT = 1


def float_weights(model: bytes) -> dict[str, NDArray[np.float32]]:
    """The float initializers of an ONNX model, by name; views of ``model``.

    Raises:
        ValueError: it is not a model of this form, or damaged.
    """
    try:
        return dict(
            _tensor(initializer)
            for graph in _submessages(memoryview(model), _GRAPH)
            for initializer in _submessages(graph, _INITIALIZER)
        )
    except IndexError as error:
        raise ValueError("the ONNX model is cut short") from error


def _tensor(message: memoryview) -> tuple[str, NDArray[np.float32]]:
    shape: list[int] = []
    name, data, is_float = "", memoryview(b""), False
    for field, value in _fields(message):
        if field == _SHAPE and isinstance(value, int):
            shape.append(value)
        elif field == _TYPE:
            is_float = value == _FLOAT
        elif field == _NAME and isinstance(value, memoryview):
            name = value.tobytes().decode("utf-8")
        elif field == _RAW_DATA and isinstance(value, memoryview):
            data = value
    if not is_float:
        raise ValueError(f"the ONNX model's weights {name!r} are not 32-bit floats")
    return name, np.frombuffer(data, "<f4").reshape(shape)


def _submessages(message: memoryview, wanted: int) -> Iterator[memoryview]:
    for field, value in _fields(message):
        if field == wanted and isinstance(value, memoryview):
            yield value


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field of a message, as they come."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        kind = key & 7
        value: int | memoryview
        if kind == _VARINT:
            value, place = _varint(message, place)
        elif kind in (_FIXED64, _BYTES, _FIXED32):
            length = {_FIXED64: 8, _FIXED32: 4}.get(kind, 0)
            if kind == _BYTES:
                length, place = _varint(message, place)
            if place + length > len(message):
                raise ValueError("the ONNX model is cut short")
            value, place = message[place : place + length], place + length
        else:
            raise ValueError(f"the ONNX model has a field of unknown kind {kind}")
        yield key >> 3, value


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """A number in groups of seven bits, lowest first, and where it ends."""
    number = shift = 0
    while True:
        byte = message[place]
        place += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, place
