"""A whole encoder as an ONNX model: ids of padded texts and a mask in, unit vectors out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tokir.export.graph import Graph, array
from tokir.models.retriever import Retriever

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tokir.encoders.trained import TrainedEncoder
    from tokir.models.whitening import Whitening

IDS, MASK, VECTORS = "input_ids", "attention_mask", "sentence_embedding"
INPUTS = tuple((name, ("texts", "tokens")) for name in (IDS, MASK))
SMALLEST = 1e-12  # length of a vector that is divided by


def static_model(table: NDArray[np.float32], whitening: Whitening | None, int8: bool) -> Any:
    """The ONNX model of a static system: sums of rows of its table (vocabulary, dimensions)."""
    graph = Graph(int8)
    sums = _weighted(graph, graph.add("Cast", MASK, to=1), graph.rows(table, IDS))
    return graph.model(INPUTS, _finished(graph, sums, whitening), VECTORS, table.shape[1])


def network_model(encoder: TrainedEncoder, whitening: Whitening | None, int8: bool) -> Any:
    """The ONNX model of a network: texts of any length are read in its windows, as :class:`TrainedEncoder` does."""
    from tokir.export.networks import form_of, network_of

    graph, model = Graph(int8), encoder.model
    form = form_of(network_of(model))
    assert form is not None
    ids, mask = _windows(graph, encoder.window)
    weights = graph.add("Mul", graph.add("Gather", graph.constant(encoder.weights), ids), mask)
    sums = _weighted(graph, weights, form(graph, network_of(model), ids, mask))  # (windows, width)
    if isinstance(model, Retriever):
        own = _weighted(graph, weights, graph.rows(array(model.embedding.weight), ids))
        sums = graph.add("Add", own, graph.linear(sums, model.mix.weight))
    totals = graph.total(_of_texts(graph, sums, model.dimensions), 1)
    mass = graph.total(_of_texts(graph, graph.total(weights, 1, keep=True), 1), 1)
    some = graph.add("Greater", mass, graph.constant(0.0))
    means = graph.add("Div", totals, graph.add("Where", some, mass, graph.constant(1.0)))
    return graph.model(INPUTS, _finished(graph, means, whitening), VECTORS, model.dimensions)


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
        centred = graph.add("Sub", vectors, graph.constant(whitening.mean))
        vectors = graph.add("MatMul", centred, graph.constant(whitening.projection))
    lengths = graph.add("Sqrt", graph.total(graph.add("Mul", vectors, vectors), 1, keep=True))
    return graph.add("Div", vectors, graph.add("Max", lengths, graph.constant(SMALLEST)))
