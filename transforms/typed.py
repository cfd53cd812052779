"""What a transform takes is checked when the pipeline is built, and told in words."""

from __future__ import annotations

from typing import ClassVar

import apache_beam as beam
from apache_beam.typehints.decorators import TypeCheckError


class TypedTransform(beam.PTransform):
    """A PTransform that says what to do when its input is of another type.

    Subclasses declare their types in Beam's own way (``with_input_types``). A PCollection
    whose type Beam does not know (a lambda's) passes.
    """

    advice: ClassVar[str]
    """A sentence: what makes the elements that it takes."""

    def type_check_inputs(self, pvalueish: object) -> None:
        """Beam's check, which it makes before `expand`.

        Raises:
            TypeCheckError: the elements are of another type.
        """
        try:
            super().type_check_inputs(pvalueish)
        except TypeCheckError as error:
            raise TypeCheckError(f"{error}. {self.advice}") from None
