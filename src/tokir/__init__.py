"""tokir: which tokenizer, architecture and training objective should a small retrieval model use?

>>> from tokir import Study, load_config
>>> Study(load_config("quickstart")).run()  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Loaded when first used, so that `import tokir` costs next to nothing.
_HOMES = {
    "Dataset": "tokir.data",
    "Machine": "tokir.study",
    "RunFolder": "tokir.artifacts",
    "Study": "tokir.study",
    "StudyConfig": "tokir.config",
    "TokirError": "tokir.errors",
    "Tokenizer": "tokir.tokenizers",
    "load_config": "tokir.config",
    "load_dataset": "tokir.data",
    "TokenizerSettings": "tokir.config",
    "train_tokenizer": "tokir.tokenizers",
    "write_report": "tokir.report",
}

__all__ = ["Dataset", "Machine", "RunFolder", "Study", "StudyConfig", "Tokenizer", "TokenizerSettings"]
__all__ += ["TokirError", "load_config", "load_dataset", "train_tokenizer", "write_report"]

if TYPE_CHECKING:
    from tokir.artifacts import RunFolder
    from tokir.config import StudyConfig, TokenizerSettings, load_config
    from tokir.data import Dataset
    from tokir.data import load as load_dataset
    from tokir.errors import TokirError
    from tokir.report import write_report
    from tokir.study import Machine, Study
    from tokir.tokenizers import Tokenizer, train_tokenizer


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tokir' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), "load" if name == "load_dataset" else name)
