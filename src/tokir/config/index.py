"""What the vectors of passages are put into, and how many of their dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import CoreSchema

from tokir.config.settings import distinct, text_schema
from tokir.errors import nearest
from tokir.retrieval.registry import INDEXES

EXACT = "exact"


@dataclass(frozen=True)
class IndexForm:
    """An index, and the first dimensions of a vector that it holds.

    >>> form = IndexForm.parse("int8-128")
    >>> form.kind, form.dimensions, str(form), form.label
    ('int8', 128, 'int8-128', 'int8, first 128 dimensions')
    >>> IndexForm.parse("exact").whole, IndexForm.parse("exact-128").label
    (True, 'first 128 dimensions')
    """

    kind: str = EXACT  # in INDEXES
    dimensions: int | None = None  # None: all of them

    @classmethod
    def parse(cls, text: str) -> IndexForm:
        """The form that is written so; ValueError with what is wrong with it."""
        kind, hyphen, number = text.rpartition("-")
        if text in INDEXES or not hyphen:
            return cls(INDEXES.check(text))
        if kind not in INDEXES or not number.isdecimal() or not int(number):
            raise ValueError(
                f"unknown index {text!r}{nearest(text, INDEXES)}: write one of {', '.join(INDEXES)}, or one with a "
                f"number of dimensions, as {EXACT}-128"
            )
        return cls(kind, int(number))

    def __str__(self) -> str:
        return self.kind if self.dimensions is None else f"{self.kind}-{self.dimensions}"

    @property
    def whole(self) -> bool:
        """Is it exact search over vectors as they are?"""
        return self == IndexForm()

    @property
    def label(self) -> str:
        """The form for a reader; empty for exact search over vectors as they are."""
        parts = [] if self.kind == EXACT else [self.kind]
        return ", ".join(parts if self.dimensions is None else [*parts, f"first {self.dimensions} dimensions"])

    def misfit(self, width: int, whose: str) -> str:
        """Why it cannot hold vectors of ``width`` dimensions, those of ``whose``; empty where it can."""
        if self.dimensions is None or self.dimensions < width:
            return ""
        return f"index: {self} is for wider vectors than those of {whose}, which have {width} dimensions"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        return text_schema(cls, cls.parse)


WHOLE = IndexForm()


def _begins_with_exact(forms: list[IndexForm]) -> list[IndexForm]:
    if not forms or not forms[0].whole:
        named = [str(form) for form in forms if not form.whole]
        raise ValueError(
            f"exact comes first, since every other index is compared with it: write [{', '.join([EXACT, *named])}]"
        )
    return forms


IndexForms = Annotated[
    list[IndexForm],
    BeforeValidator(lambda value: value if isinstance(value, list) else [value]),
    AfterValidator(distinct),
    AfterValidator(_begins_with_exact),
]
"""``exact``, or a list that begins with it."""
