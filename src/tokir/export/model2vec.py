"""model2vec's layout (Tulkens and van Dongen, 2024): a table, a tokenizer, and whether vectors get unit length."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tokir.errors import TokirError
from tokir.export.exporter import PASSAGES, QUERIES, Check, fenced, require
from tokir.export.static import require_static

if TYPE_CHECKING:
    from tokir.export.source import Source


class Model2Vec:
    """A static system for ``model2vec.StaticModel``."""

    library = "model2vec"

    def check(self, source: Source) -> None:
        """A static system whose tokenizer has an entry for everything, since the library skips what is unknown."""
        require("model2vec", ["model2vec"], "model2vec")
        require_static(source, "model2vec")
        unknown = source.opener.tokenizer(source.encoder.tokenizer).unknown_id
        if unknown is not None:
            assert source.table is not None
            if source.table[unknown].any():
                raise TokirError(
                    f"{source.system} has a vector for unknown words, which model2vec leaves out: export it to "
                    "sentence-transformers or onnx"
                )

    def write(self, source: Source, folder: Path) -> None:
        """As the library saves a model that reads texts whole."""
        from model2vec import StaticModel

        table = source.table
        assert table is not None
        # Ids may have gaps, and the library wants a vector for each entry, or to be told which vector is whose.
        gaps = len(source.tokenizer.get_vocab()) != len(table)
        model = StaticModel(
            table,
            source.tokenizer,
            normalize=True,
            max_length=None,
            token_mapping=np.arange(len(table)) if gaps else None,
        )
        model.save_pretrained(folder)

    def checks(self, source: Source, folder: Path) -> list[Check]:
        """The vectors of queries."""
        from model2vec import StaticModel

        model = StaticModel.from_pretrained(folder)

        return [Check("", lambda texts: model.encode(list(texts)), source.texts, source.vectors)]

    def usage(self, source: Source, name: str) -> list[str]:
        """Passages are read too, unless they are another model's."""
        code = f"""
from model2vec import StaticModel

model = StaticModel.from_pretrained("{name}")
queries = model.encode({QUERIES})
"""
        if not source.asymmetric:
            code += f"passages = model.encode({PASSAGES})\nprint(queries @ passages.T)\n"
        return fenced("python", code)


EXPORTER = Model2Vec()
