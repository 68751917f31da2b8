"""The table of token vectors whose weighted sums come nearest to given vectors: a linear problem, solved directly.

Ridge regression (Hoerl and Kennard, 1970) of the vectors on the tokens of the texts, all dimensions at once by
conjugate gradients, which need no more than products with a sparse matrix. A training that begins there needs a
fraction of the steps, and knows words that few of its texts hold. A table that is narrower than the given vectors is
fitted to their projections onto the directions that keep most of their products (Eckart and Young, 1936).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tokir.training.texts import Texts

PENALTY = 1.0  # of the squared vectors; a text counts 1
ITERATIONS = 15  # stopping early regularises too
TEXTS = 65_536  # at most; bounds time and memory


def token_table(
    parts: Sequence[tuple[Texts, NDArray[np.float32]]],
    weights: NDArray[np.floating],
    width: int,
) -> NDArray[np.float32]:
    """Vectors of a vocabulary, (vocabulary, width), zero for what no text holds.

    Args:
        parts: texts, and for those of each part the vectors (texts, dimensions), of unit length and at least as wide as
            the table. Of more than 65,536 texts in all some are drawn, always the same.
        weights: (vocabulary,) of the tokens; the length of a text's weighted counts is brought to one.
        width: of the table.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import LinearOperator, cg

    texts, targets = _drawn(parts)
    targets = _narrowed(targets, width)
    shape = len(texts), len(weights)
    ends = np.concatenate([[0], np.cumsum(texts.lengths)])
    counts = csr_array((weights[texts.ids].astype(np.float32), texts.ids, ends), shape=shape)
    counts.sum_duplicates()  # in place, ids too, which are this table's own
    lengths = np.sqrt(np.asarray(counts.power(2).sum(axis=1)))
    counts.data /= np.repeat(np.maximum(lengths, 1e-9), np.diff(counts.indptr))
    turned = counts.T.tocsr()
    table = shape[1], width

    def regularised(flat: NDArray[np.float32]) -> NDArray[np.float32]:
        vectors = flat.reshape(table)
        products: NDArray[np.float32] = turned @ (counts @ vectors)
        return (products + PENALTY * vectors).ravel()

    operator = LinearOperator((table[0] * width,) * 2, matvec=regularised, dtype=np.float32)
    solution, _ = cg(operator, (turned @ targets).ravel(), rtol=1e-3, maxiter=ITERATIONS)
    vectors: NDArray[np.float32] = solution.reshape(table).astype(np.float32)
    return vectors


def _drawn(parts: Sequence[tuple[Texts, NDArray[np.float32]]]) -> tuple[Texts, NDArray[np.float32]]:
    """The texts of all parts and their vectors, or a sample of them; no copy holds more than are drawn."""
    ends = np.cumsum([len(texts) for texts, _ in parts])
    rows = np.arange(ends[-1])
    if len(rows) > TEXTS:
        rows = np.sort(np.random.default_rng(0).choice(len(rows), TEXTS, replace=False))
    of_parts = np.split(rows, np.searchsorted(rows, ends[:-1]))
    of_parts = [some - (end - len(texts)) for some, end, (texts, _) in zip(of_parts, ends, parts, strict=True)]
    drawn = [(texts.take(some), vectors[some]) for some, (texts, vectors) in zip(of_parts, parts, strict=True)]
    return Texts.together(texts for texts, _ in drawn), np.concatenate([vectors for _, vectors in drawn])


def _narrowed(vectors: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Unit vectors of ``width`` dimensions whose products are near those of ``vectors``."""
    if width == vectors.shape[1]:
        return vectors
    axes = np.linalg.eigh((vectors.T @ vectors).astype(np.float64))[1][:, ::-1]  # those that hold most come first
    projected = vectors @ axes[:, :width].astype(np.float32)
    narrowed: NDArray[np.float32] = projected / np.maximum(np.linalg.norm(projected, axis=1, keepdims=True), 1e-9)
    return narrowed
