"""Whole encoders as ONNX models: token ids in, vectors of texts or of their windows out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tokir.encoders.graphs.graph import Graph
from tokir.models.registry import ARCHITECTURES
from tokir.registry import at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokir.encoders.graphs.weights import ModelWeights
    from tokir.models.whitening import Whitening

    Form = Callable[[Graph, ModelWeights, str, str], str]

IDS, MASK, VECTORS = "input_ids", "attention_mask", "sentence_embedding"
WEIGHTS, SUMS = "token_weights", "sums"
SMALLEST = 1e-12  # length of a vector that is divided by


def form_of(model: ModelWeights) -> Form | None:
    """What adds a model's network to a graph (:mod:`tokir.encoders.graphs.networks`).

    None without a network, where its token vectors are hashed, or where its architecture names no such form.
    """
    path = ARCHITECTURES[model.architecture].graph
    if path is None or not model.network or model.config.get("buckets"):
        return None
    form: Form = at(path)
    return form


def static_model(table: NDArray[np.float32], whitening: Whitening | None, int8: bool) -> Any:
    """Of padded texts and a mask, the unit vectors of a static system: sums of rows of its table."""
    graph = Graph(int8)
    sums = _weighted(graph, graph.add("Cast", MASK, to=1), graph.rows(table, IDS))
    return _of_padded(graph, _finished(graph, sums, whitening), table.shape[1])


def network_model(
    model: ModelWeights, window: int, weights: NDArray[np.float32], whitening: Whitening | None, int8: bool
) -> Any:
    """Of padded texts and a mask, the unit vectors of a network: texts of any length are read in windows.

    Args:
        model: that has a form.
        window: tokens that it reads at once.
        weights: (vocabulary,) of each token.
        whitening: of the vectors.
        int8: keep weights in 8 bits.
    """
    graph = Graph(int8)
    ids, mask = _windows(graph, window)
    each = graph.add("Mul", graph.add("Gather", graph.constant(weights), ids), mask)
    totals = graph.total(_of_texts(graph, _sums(graph, model, ids, each, mask), model.dimensions), 1)
    mass = graph.total(_of_texts(graph, graph.total(each, 1, keep=True), 1), 1)
    some = graph.add("Greater", mass, graph.constant(0.0))
    means = graph.add("Div", totals, graph.add("Where", some, mass, graph.constant(1.0)))
    return _of_padded(graph, _finished(graph, means, whitening), model.dimensions)


def windows_model(model: ModelWeights) -> Any:
    """Of padded windows and the weights of their tokens, which are 0 after a window's end, weighted sums of states."""
    graph = Graph(int8=False)
    mask = graph.add("Cast", graph.add("Greater", WEIGHTS, graph.constant(0.0)), to=1)
    sums = _sums(graph, model, IDS, WEIGHTS, mask)
    inputs = ((IDS, np.int64), (WEIGHTS, np.float32))
    return graph.model(
        [(name, kind, ("windows", "tokens")) for name, kind in inputs], sums, SUMS, model.dimensions
    )


def _sums(graph: Graph, model: ModelWeights, ids: str, weights: str, mask: str) -> str:
    """(windows, dimensions): the states of windows of ids, summed by weights."""
    form = form_of(model)
    assert form is not None
    sums = _weighted(graph, weights, form(graph, model, ids, mask))
    if not model.own:
        return sums
    own = _weighted(graph, weights, graph.rows(model.own["embedding.weight"], ids))
    return graph.add("Add", own, graph.linear(sums, model.own["mix.weight"]))


def _weighted(graph: Graph, weights: str, vectors: str) -> str:
    """(n, width): the sum of vectors (n, time, width) by weights (n, time)."""
    product = graph.add("MatMul", graph.add("Unsqueeze", weights, graph.integers(1)), vectors)
    return graph.add("Squeeze", product, graph.integers(1))


def _windows(graph: Graph, window: int) -> tuple[str, str]:
    """Ids and mask (texts, tokens) as windows of equal length (windows, time), at most ``window``, filled up with 0."""
    one = graph.integers(1)
    tokens = graph.add("Max", graph.add("Slice", graph.add("Shape", IDS), one, graph.integers(2)), one)
    width = graph.add("Min", tokens, graph.integers(window))
    count = graph.add("Div", graph.add("Sub", graph.add("Add", tokens, width), one), width)
    shape = graph.add("Slice", graph.add("Shape", IDS), one, graph.integers(2))
    missing = graph.add("Sub", graph.add("Mul", count, width), shape)
    pads = graph.add("Concat", graph.integers(0, 0, 0), missing, axis=0)
    target = graph.add("Concat", graph.integers(-1), width, axis=0)
    ids, mask = (graph.add("Reshape", graph.add("Pad", given, pads), target) for given in (IDS, MASK))
    return ids, graph.add("Cast", mask, to=1)


def _of_texts(graph: Graph, values: str, width: int) -> str:
    """(windows, width) as (texts, windows of each, width)."""
    texts = graph.add("Slice", graph.add("Shape", IDS), graph.integers(0), graph.integers(1))
    return graph.add("Reshape", values, graph.add("Concat", texts, graph.integers(-1, width), axis=0))


def _finished(graph: Graph, vectors: str, whitening: Whitening | None) -> str:
    """Whitened, and of unit length; what is zero stays so."""
    if whitening is not None:
        vectors = _of_unit_length(graph, vectors) if whitening.unit else vectors
        centred = graph.add("Sub", vectors, graph.constant(whitening.mean))
        vectors = graph.add("MatMul", centred, graph.constant(whitening.projection))
    return _of_unit_length(graph, vectors)


def _of_unit_length(graph: Graph, vectors: str) -> str:
    lengths = graph.add("Sqrt", graph.total(graph.add("Mul", vectors, vectors), 1, keep=True))
    return graph.add("Div", vectors, graph.add("Max", lengths, graph.constant(SMALLEST)))


def _of_padded(graph: Graph, vectors: str, width: int) -> Any:
    inputs = [(name, np.int64, ("texts", "tokens")) for name in (IDS, MASK)]
    return graph.model(inputs, vectors, VECTORS, width)
