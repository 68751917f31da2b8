"""The networks as ONNX graphs: what each module of ``tokir.models`` computes of token ids, operator by operator.

A form adds the network of a model to a graph: of (graph, model, ids, mask) it gives the states. Ids are (windows, time)
integers, the mask (windows, time) numbers, 1 where there is text and 0 after it, the states (windows, time, width).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tokir.encoders.graphs.graph import Graph
from tokir.encoders.graphs.weights import Arrays, ModelWeights
from tokir.models import GAIN

UNSEEN = -1e9  # added to the attention that a place must not get
EPSILON = 1e-5  # of the variance, in torch's layers of normalisation


def lstm(graph: Graph, model: ModelWeights, ids: str, mask: str) -> str:
    """Of :mod:`tokir.models.lstm`; padding comes after its text, so states of text do not see it."""
    weights, config = model.network, model.config
    states = graph.add("Transpose", graph.rows(weights["embedding.weight"], ids), perm=[1, 0, 2])
    for layer in range(config["layers"]):
        inputs, own, *biases = (
            _gates(weights[f"recurrent.{layer}.{name}_l0"])
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        states = graph.add(
            "LSTM",
            states,
            graph.matrix(inputs[None], axis=1),
            graph.matrix(own[None], axis=1),
            graph.constant(np.concatenate(biases)[None]),
            outputs=1,
            hidden_size=config["width"],
        )
        states = graph.add("Squeeze", states, graph.integers(1))  # the one direction
    return graph.add("Transpose", states, perm=[1, 0, 2])


def _gates(weight: Any) -> Any:
    """Rows of the gates as ONNX orders them: input, output, forget, cell; torch has the output gate last."""
    enter, forget, cell, leave = np.split(weight, 4)
    return np.concatenate([enter, leave, forget, cell])


def transformer(graph: Graph, model: ModelWeights, ids: str, mask: str) -> str:
    """Of :mod:`tokir.models.transformer`."""
    weights, config = model.network, model.config
    length = graph.add("Gather", graph.add("Shape", ids), graph.constant(1, np.int64))
    places = graph.add("Range", graph.constant(0, np.int64), length, graph.constant(1, np.int64))
    positions = graph.add("Gather", graph.constant(weights["position.weight"]), places)
    x = graph.add("Add", graph.rows(weights["embedding.weight"], ids), positions)
    if config.get("causal", True):  # which earlier versions did not write down
        later = graph.add("Greater", graph.add("Unsqueeze", places, graph.integers(0)),
                          graph.add("Unsqueeze", places, graph.integers(1)))  # fmt: skip
        hidden = graph.add("Cast", later, to=1)  # (time, time)
    else:
        # of text alone: (windows, 1, 1, time)
        hidden = graph.add("Unsqueeze", graph.add("Sub", graph.constant(1.0), mask), graph.integers(1, 2))
    unseen = graph.add("Mul", hidden, graph.constant(UNSEEN))
    for block in range(config["layers"]):
        head = f"blocks.{block}."
        parts = {name.removeprefix(head): array for name, array in weights.items() if name.startswith(head)}
        x = _block(graph, parts, config["heads"], x, unseen)
    return _norm(graph, x, weights, "norm")


def _block(graph: Graph, weights: Arrays, heads: int, x: str, unseen: str) -> str:
    width = weights["attention_norm.weight"].shape[0]
    mixed = _linear(graph, _norm(graph, x, weights, "attention_norm"), weights, "query_key_value")
    split = graph.add("Reshape", mixed, graph.integers(0, 0, 3, heads, width // heads))
    # (windows, heads, time, width / heads) each; keys turned
    query, key, value = (
        graph.add(
            "Transpose",
            graph.add("Gather", split, graph.constant(part, np.int64), axis=2),
            perm=[0, 2, 3, 1] if part == 1 else [0, 2, 1, 3],
        )
        for part in range(3)
    )
    scores = graph.add("Mul", graph.add("MatMul", query, key), graph.constant((width // heads) ** -0.5))
    seen = graph.add("Softmax", graph.add("Add", scores, unseen), axis=-1)
    merged = graph.add("Transpose", graph.add("MatMul", seen, value), perm=[0, 2, 1, 3])
    merged = graph.add("Reshape", merged, graph.integers(0, 0, width))
    x = graph.add("Add", x, _linear(graph, merged, weights, "attention_output"))
    hidden = _linear(graph, _norm(graph, x, weights, "feed_forward_norm"), weights, "expand")
    hidden = _linear(graph, _gelu(graph, hidden), weights, "contract")
    return graph.add("Add", x, hidden)


def _linear(graph: Graph, x: str, weights: Arrays, name: str) -> str:
    return graph.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


def _norm(graph: Graph, x: str, weights: Arrays, name: str) -> str:
    weight, bias = (graph.constant(weights[f"{name}.{part}"]) for part in ("weight", "bias"))
    return graph.add("LayerNormalization", x, weight, bias, axis=-1, epsilon=EPSILON)


def _gelu(graph: Graph, x: str) -> str:
    share = graph.add("Erf", graph.add("Mul", x, graph.constant(0.5**0.5)))
    return graph.add("Mul", graph.add("Mul", x, graph.constant(0.5)), graph.add("Add", share, graph.constant(1.0)))


def convolution(graph: Graph, model: ModelWeights, ids: str, mask: str) -> str:
    """Of :mod:`tokir.models.convolution`."""
    weights, window = model.network, model.config["window"]
    half = window // 2
    embedded = graph.rows(weights["embedding.weight"], ids)
    embedded = graph.add(
        "Mul", embedded, graph.add("Unsqueeze", mask, graph.integers(2))
    )  # nothing after the text
    filters = graph.matrix(weights["filters"].transpose(2, 0, 1), axis=0)  # (filters, embedding, window)
    matches = graph.add(
        "Conv",
        graph.add("Transpose", embedded, perm=[0, 2, 1]),
        filters,
        graph.constant(weights["bias"]),
        pads=[half, window - 1 - half],
    )
    states = graph.add("Transpose", graph.add("Relu", matches), perm=[0, 2, 1])
    gates = graph.linear(states, GAIN * weights["gate.weight"], GAIN * weights["gate.bias"])
    return graph.add("Mul", states, graph.add("Sigmoid", gates))
