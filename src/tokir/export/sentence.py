"""sentence-transformers' layout (Reimers and Gurevych, 2019), of its own modules alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokir.encoders.named import find
from tokir.encoders.pretrained import PretrainedEncoder, quiet
from tokir.encoders.sentence import SentenceEncoder
from tokir.export.exporter import PASSAGES, QUERIES, Check, Encode, fenced, require
from tokir.export.static import require_static
from tokir.retrieval.index import normalize

if TYPE_CHECKING:
    from tokir.export.source import Source

PASSAGES_CHECKED = 32  # a teacher is slow
SYMBOLS = ("", "a [SEP] b [CLS]", "naïve İstanbul 東京", "word " * 600)  # texts that it might be given differently


class SentenceTransformers:
    """A static system for ``SentenceTransformer``, with its teacher where that reads the passages."""

    library = "sentence-transformers"

    def check(self, source: Source) -> None:
        """A static system, and its teacher on this machine where it has one."""
        require("sentence-transformers", ["sentence_transformers", "transformers"], "pretrained")
        require_static(source, "sentence-transformers")
        if source.asymmetric:
            _ = source.teacher

    def write(self, source: Source, folder: Path) -> None:
        """``StaticEmbedding`` and ``Normalize``; of asymmetric systems a ``Router`` for queries and passages."""
        with quiet():
            from sentence_transformers import SentenceTransformer
            from sentence_transformers.sentence_transformer.modules import Normalize, Router, StaticEmbedding

            modules: list[Any] = [StaticEmbedding(source.tokenizer, source.table), Normalize()]
            prompts: dict[str, str] = {}
            if source.asymmetric:
                passages, prompts = _passages(source)
                modules = [Router.for_query_document(modules, passages)]
            model = SentenceTransformer(
                modules=modules, prompts=prompts, similarity_fn_name="cosine", device="cpu"
            )
            model.save(str(folder), create_model_card=False)

    def checks(self, source: Source, folder: Path) -> list[Check]:
        """The vectors of queries, and those of passages where another model reads them."""
        with quiet():
            from sentence_transformers import SentenceTransformer

            model = SentenceTransformer(str(folder), device="cpu", trust_remote_code=False, local_files_only=True)
        if not source.asymmetric:
            return [Check("", _encode(model.encode), source.texts, source.vectors)]
        teacher, passages = source.teacher.of_passages, [*SYMBOLS, *source.passages[:PASSAGES_CHECKED]]
        expected = normalize(teacher.embed(teacher.tokenize(passages)))
        return [
            Check("queries", _encode(model.encode_query), source.texts, source.vectors),
            Check("passages", _encode(model.encode_document), passages, expected),
        ]

    def usage(self, source: Source, name: str) -> list[str]:
        """Queries and passages have calls of their own, whatever the system."""
        code = f"""
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("{name}")
queries = model.encode_query({QUERIES})
passages = model.encode_document({PASSAGES})
print(model.similarity(queries, passages))
"""
        return fenced("python", code)


EXPORTER = SentenceTransformers()


def _encode(method: Any) -> Encode:
    return lambda texts: method(list(texts), show_progress_bar=False)


def _passages(source: Source) -> tuple[list[Any], dict[str, str]]:
    """The modules that read passages as the teacher does, and the prompts of both sides."""
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    teacher, files = source.teacher, source.teacher_files
    if isinstance(teacher, SentenceEncoder):
        return list(teacher.model.children()), {"query": "", "document": teacher.of_passages.prompt}
    assert isinstance(teacher, PretrainedEncoder)
    # Text that looks like a special token is text to the teacher too; the setting is kept in the tokenizer's folder.
    transformer = Transformer(
        str(find(files.name, files.folder)),
        max_seq_length=teacher.longest,
        processor_kwargs={"split_special_tokens": True},
    )
    return [transformer, Pooling(teacher.dimensions, "mean"), Normalize()], {}
