"""A study: from data to report, one idea a file. ``Study`` in ``study.py`` is the way in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["Machine", "Study"]

if TYPE_CHECKING:
    from tokir.study.context import Machine
    from tokir.study.study import Study


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module 'tokir.study' has no attribute {name!r}")
    return getattr(import_module("tokir.study.context" if name == "Machine" else "tokir.study.study"), name)
