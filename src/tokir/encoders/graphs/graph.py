"""A small builder of ONNX graphs: operators by name, weights as they are or in 8 bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

OPSET = 17  # old enough for every runtime of the last years
LARGEST = 127  # of a signed byte
Input = tuple[str, Any, tuple[str, ...]]
"""Its name, the type of its numbers in NumPy, and what its axes are called."""


class Graph:
    """Nodes and weights, in the order in which they were added; every method gives the name of a value.

    Args:
        int8: keep tables and matrices as signed bytes, with a scale for each row or each column (what is computed
            stays float32).
    """

    def __init__(self, int8: bool) -> None:
        self.int8 = int8
        self._nodes: list[Any] = []
        self._weights: list[Any] = []

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """A node; the name of its first output."""
        from onnx import helper

        name = f"{operator.lower()}_{len(self._nodes)}"
        names = [f"{name}_{number}" for number in range(outputs)]
        # Named: the optimizers of older runtimes derive names from it, and take no two that are alike.
        self._nodes.append(helper.make_node(operator, list(inputs), names, name, **attributes))
        return names[0]

    def constant(self, value: Any, kind: Any = np.float32) -> str:
        """A weight, or a number, as it is."""
        from onnx import numpy_helper

        name = f"weight_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.array(value, dtype=kind, order="C"), name))
        return name

    def integers(self, *values: int) -> str:
        """Integers in a row, such as axes or a shape."""
        return self.constant(np.array(values), np.int64)

    def matrix(self, value: NDArray[np.float32], axis: int) -> str:
        """A weight that is multiplied with; in 8 bits it has a scale for each place along ``axis``."""
        if not self.int8:
            return self.constant(value)
        others = tuple(other for other in range(value.ndim) if other != axis)
        rounded, scales = _rounded(value, others)
        # Plain operators, which runtimes compute once when they load a model; DequantizeLinear they compute each time.
        return self.add("Mul", self.add("Cast", self.constant(rounded, np.int8), to=1), self.constant(scales))

    def rows(self, table: NDArray[np.float32], ids: str) -> str:
        """(..., width) rows of a table (entries, width), each with a scale of its own in 8 bits."""
        if not self.int8:
            return self.add("Gather", self.constant(table), ids)
        rounded, scales = _rounded(table, (1,))
        found = self.add("Cast", self.add("Gather", self.constant(rounded, np.int8), ids), to=1)
        return self.add("Mul", found, self.add("Gather", self.constant(scales), ids))

    def linear(self, x: str, weight: NDArray[np.float32], bias: NDArray[np.float32] | None = None) -> str:
        """A layer whose ``weight`` is (out, in)."""
        product = self.add("MatMul", x, self.matrix(weight.T, axis=1))
        return product if bias is None else self.add("Add", product, self.constant(bias))

    def total(self, x: str, axis: int, keep: bool = False) -> str:
        """The sum along an axis."""
        return self.add("ReduceSum", x, self.integers(axis), keepdims=int(keep))

    def model(self, inputs: Sequence[Input], output: str, name: str, width: int) -> Any:
        """The finished model; its output, rows of ``width`` numbers, is called ``name``."""
        from onnx import checker, helper

        self._nodes.append(helper.make_node("Identity", [output], [name]))
        rows = inputs[0][2][0]
        graph = helper.make_graph(
            self._nodes,
            "tokir",
            [helper.make_tensor_value_info(given, _kind(kind), shape) for given, kind, shape in inputs],
            [helper.make_tensor_value_info(name, _kind(np.float32), (rows, width))],
            self._weights,
        )
        made = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8, producer_name="tokir"
        )
        checker.check_model(made)
        return made


def _kind(kind: Any) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(kind)))


def _rounded(value: NDArray[np.float32], axes: tuple[int, ...]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Signed bytes, and the scale of each slice over ``axes``, whose product is near ``value``."""
    largest = np.abs(value).max(axes, keepdims=True)
    scales = (np.where(largest > 0, largest, 1) / LARGEST).astype(np.float32)
    return np.rint(value / scales).astype(np.int8), scales
