"""tokir: which tokenizer, architecture and training objective should a small retrieval model use?

>>> from tokir import Study, load_config
>>> Study(load_config("quickstart")).run()  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tokir.threads import keep_to_quota, wait_shortly

__version__ = "0.1.0"

wait_shortly()  # before torch is loaded, which reads these once
keep_to_quota()

# Loaded when first used, so that `import tokir` costs next to nothing.
_MODULES = {
    "Dataset": "tokir.data",
    "Machine": "tokir.study",
    "Run": "tokir.run",
    "Study": "tokir.study",
    "StudyConfig": "tokir.config",
    "TokirError": "tokir.errors",
    "Tokenizer": "tokir.tokenizers",
    "TokenizerSettings": "tokir.config",
    "add_passages": "tokir.additions.transaction",
    "delete_passages": "tokir.additions.transaction",
    "load_config": "tokir.config",
    "load_dataset": "tokir.data",
    "open_run": "tokir.run",
    "train_tokenizer": "tokir.tokenizers",
    "write_report": "tokir.report",
}

__all__ = ["Dataset", "Machine", "Run", "Study", "StudyConfig", "Tokenizer", "TokenizerSettings", "TokirError"]
__all__ += ["add_passages", "delete_passages"]
__all__ += ["load_config", "load_dataset", "open_run", "train_tokenizer", "write_report"]

if TYPE_CHECKING:
    from tokir.additions.transaction import add_passages, delete_passages
    from tokir.config import StudyConfig, TokenizerSettings, load_config
    from tokir.data import Dataset
    from tokir.data import load as load_dataset
    from tokir.errors import TokirError
    from tokir.report import write_report
    from tokir.run import Run, open_run
    from tokir.study import Machine, Study
    from tokir.tokenizers import Tokenizer, train_tokenizer


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'tokir' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), "load" if name == "load_dataset" else name)
