"""Records that stay in the stage that made them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import apache_beam as beam


class InStageCoder(beam.coders.Coder):
    """A coder that writes nothing: a record can be handed on inside a stage, and not cross a shuffle.

    Beam asks now and then how large an element is; that is told without writing it.
    """

    @abstractmethod
    def refusal(self, value: Any) -> str:
        """What it would cost to write the record, and what to do instead."""

    def encode(self, value: Any) -> bytes:
        """Refuse.

        Raises:
            TypeError: always.
        """
        raise TypeError(self.refusal(value))

    def decode(self, encoded: bytes) -> Any:
        """There is nothing to decode."""
        raise TypeError("no such record was ever encoded")

    @abstractmethod
    def estimate_size(self, value: Any) -> int:
        """About how many bytes it holds."""

    def is_deterministic(self) -> bool:
        """These records are no keys."""
        return False
