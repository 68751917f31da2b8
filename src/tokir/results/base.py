"""What all records have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tokir.evaluation.decision import ROUNDING

Score = Annotated[float, Field(ge=0, le=1 + ROUNDING)]
Interval = tuple[float, float]
"""Low and high end of a 95% interval."""


class Record(BaseModel):
    """A part of a result file: unknown fields, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, extra="forbid", populate_by_name=True)


class OpenRecord(Record):
    """A record that keeps further fields as they are: those of kinds that this package does not know."""

    model_config = ConfigDict(extra="allow")
