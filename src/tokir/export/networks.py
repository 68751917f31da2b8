"""The networks as ONNX graphs: what each module of ``tokir.models`` computes of token ids, operator by operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from tokir.export.graph import Graph, array
from tokir.models.convolution import GAIN, Convolution
from tokir.models.lstm import LSTM
from tokir.models.retriever import Retriever
from tokir.models.transformer import Block, Transformer

if TYPE_CHECKING:
    from tokir.models import Model
    from tokir.models.network import Network

UNSEEN = -1e9  # added to the attention that a place must not get


def network_of(model: Model) -> Network | None:
    """The network of a language model or of a retriever, if that has one."""
    return model.network if isinstance(model, Retriever) else model


def form_of(network: Network | None) -> Callable[[Graph, Any, str, str], str] | None:
    """What adds a network to a graph: of (graph, network, ids, mask) the states; None where there is no such form.

    Ids are (windows, time) integers, the mask (windows, time) numbers, 1 where there is text and 0 after it, the states
    (windows, time, width).
    """
    if network is None or not isinstance(network.embedding, nn.Embedding):
        return None
    forms: dict[type, Callable[[Graph, Any, str, str], str]] = {
        LSTM: _lstm,
        Transformer: _transformer,
        Convolution: _convolution,
    }
    return forms.get(type(network))


def _lstm(graph: Graph, network: LSTM, ids: str, mask: str) -> str:
    states = graph.add("Transpose", graph.rows(array(network.embedding.weight), ids), perm=[1, 0, 2])
    for layer in range(network.config.layers):
        inputs, own, *biases = (
            _gates(array(getattr(network.recurrent, f"{name}_l{layer}")))
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        states = graph.add(
            "LSTM",
            states,
            graph.matrix(inputs[None], axis=1),
            graph.matrix(own[None], axis=1),
            graph.constant(np.concatenate(biases)[None]),
            outputs=1,
            hidden_size=network.config.width,
        )
        states = graph.add("Squeeze", states, graph.integers(1))  # the one direction
    return graph.add("Transpose", states, perm=[1, 0, 2])


def _gates(weight: Any) -> Any:
    """Rows of the gates as ONNX orders them: input, output, forget, cell; torch has the output gate last."""
    enter, forget, cell, leave = np.split(weight, 4)
    return np.concatenate([enter, leave, forget, cell])


def _transformer(graph: Graph, network: Transformer, ids: str, mask: str) -> str:
    length = graph.add("Gather", graph.add("Shape", ids), graph.constant(1, np.int64))
    places = graph.add("Range", graph.constant(0, np.int64), length, graph.constant(1, np.int64))
    positions = graph.add("Gather", graph.constant(array(network.position.weight)), places)
    x = graph.add("Add", graph.rows(array(network.embedding.weight), ids), positions)
    if network.config.causal:
        later = graph.add("Greater", graph.add("Unsqueeze", places, graph.integers(0)),
                          graph.add("Unsqueeze", places, graph.integers(1)))  # fmt: skip
        hidden = graph.add("Cast", later, to=1)  # (time, time)
    else:
        # of text alone: (windows, 1, 1, time)
        hidden = graph.add("Unsqueeze", graph.add("Sub", graph.constant(1.0), mask), graph.integers(1, 2))
    unseen = graph.add("Mul", hidden, graph.constant(UNSEEN))
    for block in network.blocks:
        assert isinstance(block, Block)
        x = _block(graph, block, x, unseen)
    return _norm(graph, x, network.norm)


def _block(graph: Graph, block: Block, x: str, unseen: str) -> str:
    layer, heads = block.query_key_value, block.heads
    width = layer.in_features
    mixed = graph.linear(_norm(graph, x, block.attention_norm), layer.weight, layer.bias)
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
    output = block.attention_output
    x = graph.add("Add", x, graph.linear(merged, output.weight, output.bias))
    hidden = graph.linear(_norm(graph, x, block.feed_forward_norm), block.expand.weight, block.expand.bias)
    hidden = graph.linear(_gelu(graph, hidden), block.contract.weight, block.contract.bias)
    return graph.add("Add", x, hidden)


def _norm(graph: Graph, x: str, norm: nn.LayerNorm) -> str:
    weight, bias = graph.constant(array(norm.weight)), graph.constant(array(norm.bias))
    return graph.add("LayerNormalization", x, weight, bias, axis=-1, epsilon=norm.eps)


def _gelu(graph: Graph, x: str) -> str:
    share = graph.add("Erf", graph.add("Mul", x, graph.constant(0.5**0.5)))
    return graph.add("Mul", graph.add("Mul", x, graph.constant(0.5)), graph.add("Add", share, graph.constant(1.0)))


def _convolution(graph: Graph, network: Convolution, ids: str, mask: str) -> str:
    half, window = network.config.window // 2, network.config.window
    embedded = graph.rows(array(network.embedding.weight), ids)
    embedded = graph.add(
        "Mul", embedded, graph.add("Unsqueeze", mask, graph.integers(2))
    )  # nothing after the text
    filters = graph.matrix(array(network.filters).transpose(2, 0, 1), axis=0)  # (filters, embedding, window)
    matches = graph.add(
        "Conv",
        graph.add("Transpose", embedded, perm=[0, 2, 1]),
        filters,
        graph.constant(array(network.bias)),
        pads=[half, window - 1 - half],
    )
    states = graph.add("Transpose", graph.add("Relu", matches), perm=[0, 2, 1])
    gates = graph.linear(states, GAIN * network.gate.weight, GAIN * network.gate.bias)
    return graph.add("Mul", states, graph.add("Sigmoid", gates))
