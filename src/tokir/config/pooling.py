"""How the states of a text's tokens become one vector, and what is done to the vectors of the corpus then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic_core import CoreSchema

from tokir.config.objective import Objective
from tokir.config.settings import text_schema
from tokir.errors import nearest

Base = Literal["mean", "sif", "learned", "maxsim"]
Post = Literal["white", "top"]


@dataclass(frozen=True)
class Pooling:
    """A weighted mean of states, perhaps post-processed; or late interaction, which keeps the vectors of all tokens.

    >>> pooling = Pooling.parse("sif-white")
    >>> pooling.base, pooling.whitened, str(pooling.unprocessed), pooling.label
    ('sif', True, 'sif', 'whitened SIF')
    """

    base: (
        Base  # equal weights; smooth inverse frequency; weights learned for retrieval; those and late interaction
    )
    post: Post | None = None  # whitening; removal of common components

    @classmethod
    def parse(cls, text: str) -> Pooling:
        """The pooling that is written so; ValueError, with the nearest name, where there is none."""
        known = {str(pooling): pooling for pooling in POOLINGS}
        if text not in known:
            raise ValueError(f"unknown pooling {text!r}{nearest(text, known)}: known are {', '.join(known)}")
        return known[text]

    def __str__(self) -> str:
        return f"{self.base}-{self.post}" if self.post else self.base

    @property
    def whitened(self) -> bool:
        """Are the vectors whitened (Su et al., 2021)?"""
        return self.post == "white"

    @property
    def components_removed(self) -> bool:
        """Are common components of the vectors removed (Mu and Viswanath, 2018)?"""
        return self.post == "top"

    @property
    def late(self) -> bool:
        """Late interaction: are texts compared token by token (MaxSim; Khattab and Zaharia, 2020)?"""
        return self.base == "maxsim"

    @property
    def of_any_length(self) -> bool:
        """Are the vectors sums of token vectors, or of what training never held to a length, so that only their
        directions mean something?
        """
        return self.base == "learned"

    @property
    def unprocessed(self) -> Pooling:
        """The pooling whose vectors this one starts from."""
        return Pooling("learned" if self.late else self.base)

    def fits(self, objective: Objective) -> bool:
        """Does it suit models trained so? Those trained to retrieve bring token weights of their own.

        >>> Pooling("mean").fits(Objective.parse("lm")), Pooling("mean").fits(Objective.parse("contrastive"))
        (True, False)
        """
        return (self.base in ("learned", "maxsim")) == objective.retrieves

    @property
    def label(self) -> str:
        """The pooling for a reader; empty for what goes without saying."""
        if self.late:
            return "late interaction"
        base = {"mean": "mean", "sif": "SIF", "learned": ""}[self.base]
        post = {"white": "whitened", "top": "common components removed", None: ""}[self.post]
        if self == Pooling("mean"):
            post = "raw"
        return f"{post} {base}".strip()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        return text_schema(cls, cls.parse)


POOLINGS = (
    Pooling("mean"),
    Pooling("mean", "white"),
    Pooling("mean", "top"),
    Pooling("sif"),
    Pooling("sif", "white"),
    Pooling("sif", "top"),
    Pooling("learned"),
    Pooling("learned", "white"),
    Pooling("maxsim"),
)
