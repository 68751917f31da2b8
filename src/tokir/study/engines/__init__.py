"""Where the work of a study is done: in this process, or on the nodes of a cluster.

Whichever it is, one process decides what there is to do, holds the run folder and writes into it. An engine gives back
the bytes that this process would have made, so nothing else in a study depends on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tokir.errors import TokirError

if TYPE_CHECKING:
    from tokir.encoders.store import Passages
    from tokir.retrieval.searchers import Searcher
    from tokir.study.context import Context
    from tokir.study.engines.orders import Question, Reading
    from tokir.study.models import Models
    from tokir.systems import ModelPoint

LOCAL, RAY = "local", "ray"


class Engine(Protocol):
    """Does what costs most."""

    ahead: bool  # does it search ahead of the study?

    def train(self, models: Models, points: Sequence[ModelPoint]) -> None:
        """Train some of ``points``, or none, ahead of the study, which trains what is still missing.

        Raises:
            TokirError: a training cannot be done; one that is Unavailable is left to the study, which says so.
        """

    def embed(self, reading: Reading, texts: Passages, path: Path, key: str, task: str) -> None:
        """Write the vectors of ``texts`` as :func:`tokir.encoders.store.embed_corpus` does; its arguments and errors.

        Raises:
            Unavailable: the encoder is not on this machine.
        """

    def search(self, questions: Sequence[Question]) -> None:
        """Find the answers to some of the questions, or none, ahead of the study; all that they need has been made."""

    def searcher(self, system: str) -> Searcher:
        """The system with the id ``system``; what was found ahead it does not search again.

        Raises:
            Unavailable: this machine lacks what it needs.
        """

    def close(self) -> None:
        """Stop what is still under way; the engine may be asked again."""


def check_engine(name: str) -> str:
    """``name`` if it is ``local``, ``ray`` or ``ray://HOST:PORT``; else TokirError."""
    if name in (LOCAL, RAY) or (name.startswith(f"{RAY}://") and len(name) > len(f"{RAY}://")):
        return name
    raise TokirError(
        f"--engine {name}: name local, ray, or ray://HOST:PORT, the address of a cluster's client server"
    )


def engine_of(name: str, context: Context) -> Engine:
    """The engine of a checked name; nothing is started yet."""
    if name == LOCAL:
        from tokir.study.engines.local import Local

        return Local(context)
    from tokir.study.engines.cluster import Cluster

    return Cluster(context, None if name == RAY else name)
