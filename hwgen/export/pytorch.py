"""TorchScript with torch's quantized operators, whose integers on the engine x86 are the integer model's.

It is written as an ONNX model first, as QDQ and QOperator are; nodes of the domain "quantized" are torch's operators of
that name. Tensors between two layers are quint8 of scale 1 where the integers have 8 bits. A layer and the step
function behind it become one quantized::conv2d or quantized::linear where its constants are certified for every
accumulator value. Else the product is a float64 convolution, or a float matrix product, of integers, which is exact
with whatever algorithm, and the step function has one of the QDQ forms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from hwgen.export import torch_engine
from hwgen.export.integer_layers import write_network
from hwgen.export.qdq import CODES, container, decoded, limited
from hwgen.export.qop import Qop, codes_of, pairs_saturate
from hwgen.export.sheet import Codes, Exported, Sheet
from hwgen.export.torch_arithmetic import QNNPACK, Fused, fused_of
from hwgen.export.torch_script import DOMAIN
from hwgen.export.written import Written
from hwgen.ir.graph import Graph, Node
from hwgen.ir.tensor import Array
from hwgen.ops.integer import int_type, largest
from hwgen.ops.threshold import Threshold

ACCUMULATOR = 1 << 31


def export(graph: Graph) -> Exported:
    """The model of an integer graph. HwgenError: "not-exportable"."""
    return write_network(graph, Pytorch())


def written(graph: Graph) -> Written:
    """The TorchScript file of an integer graph. HwgenError: "not-exportable", "no-package"."""
    dialect = Pytorch()
    exported = write_network(graph, dialect)
    data = torch_engine.saved(exported.model)
    run = partial(torch_engine.run_file, data, *torch_engine.ports(exported.model))
    facts = {"quantized_layers": len(dialect.fused), "certified_for_qnnpack": len(dialect.certified(QNNPACK)),
             "saturating_layers": dialect.saturating}
    return Written({"": data}, run, exported.forms, facts, dialect.notes())


@dataclass(frozen=True)
class _Product:
    """A product that its step function writes: the input, int8 weights (M, ...), constants and where they are right."""

    source: str
    weight: Array
    attributes: Mapping[str, Any]
    form: Fused
    arithmetics: Sequence[str]


class Pytorch(Qop):
    """As QOperator, with torch's operators; nothing is refused, floats take what bytes do not."""

    def __init__(self) -> None:
        super().__init__()
        self.fused: dict[str, _Product] = {}
        self.saturating: list[str] = []

    def product(self, sheet: Sheet, node: Node, source: str, weight: Array, attributes: dict[str, Any]) -> bool:
        """Left to its step function where both are one operator; else convolutions are in float64."""
        reader, made = _step_behind(sheet, node), None
        if reader is not None:
            made = self._operator(sheet, reader, source, weight, attributes)
        if reader is not None and made is not None:
            self.fused[reader.name] = made
        elif weight.ndim == 2:
            return False
        else:
            _convolution(sheet, node, source, weight, attributes)
        return True

    def _operator(self, sheet: Sheet, reader: Node, source: str, weight: Array,
                  attributes: Mapping[str, Any]) -> _Product | None:
        """The constants of one operator for a product and a step function, None where there are none."""
        op, kind = reader.op, int_type(sheet.value(source))
        assert isinstance(op, Threshold)
        bytes_in, bytes_out = container(sheet, kind), container(sheet, op.type)
        if bytes_in is None or bytes_out is None:
            return None
        found = fused_of(op, int_type(sheet.value(reader.inputs[0])), bytes_out[1])
        if found is None:
            return None
        turned = weight * found[0].signs.reshape(-1, *(1,) * (weight.ndim - 1))
        if not _fits(turned):
            return None
        if pairs_saturate(turned, kind.hi + bytes_in[1]):
            self.saturating.append(reader.name)
            return None
        return _Product(source, turned, attributes, *found)

    def certified(self, arithmetic: str) -> list[str]:
        """The step functions whose operator is right in it; in those of x86 and onednn all are."""
        return [name for name, product in self.fused.items() if arithmetic in product.arithmetics]

    def notes(self) -> list[str]:
        """What the user may want to know of engines and processors."""
        lines, unsure = [], len(self.fused) - len(self.certified(QNNPACK))
        if unsure:
            lines.append(f"torch's engine qnnpack rounds biases: integers of {unsure} of {len(self.fused)} quantized "
                         "layers may differ there; they are equal on x86, fbgemm and onednn.")
        if self.saturating:
            lines.append(f"In floats, since bytes would saturate on some processors: {', '.join(self.saturating)}.")
        return lines

    def threshold(self, sheet: Sheet, node: Node, op: Threshold) -> None:
        """With its product as one operator, or as QDQ has it."""
        product = self.fused.get(node.name)
        if product is None:
            super().threshold(sheet, node, op)
            return
        operator = f"{'linear' if product.weight.ndim == 2 else 'conv2d'}{'_relu' if op.type.lo == 0 else ''}"
        codes = _written(sheet, node.outputs[0], operator, product)
        sheet.forms[node.name] = f"{DOMAIN}::{operator}"
        sheet.define(node.outputs[0], decoded(sheet, node.outputs[0], limited(sheet, node.outputs[0], codes, op.type)))


def _fits(weight: Array) -> bool:
    """Whether weights are int8 without a zero point, which onednn does not take, and their sums with bytes int32."""
    sums = np.abs(weight).reshape(len(weight), -1).sum(axis=1)
    return bool(weight.min() >= -128 and weight.max() < 128 and sums.max() * CODES < ACCUMULATOR)


def _step_behind(sheet: Sheet, node: Node) -> Node | None:
    """The step function that alone reads a node's output."""
    (name,) = node.outputs
    readers = sheet.graph.consumers(name)
    alone = len(readers) == 1 and name not in sheet.graph.outputs
    return readers[0] if alone and isinstance(readers[0].op, Threshold) else None


def _convolution(sheet: Sheet, node: Node, source: str, weight: Array, attributes: Mapping[str, Any]) -> None:
    """In float64, for which torch has no algorithm but sums of products: those of float32 may be Winograd's."""
    name = node.outputs[0]
    bound = int(np.abs(weight.astype(object)).reshape(len(weight), -1).sum(axis=1).max()) * largest(
        int_type(sheet.value(source)))
    kind = sheet.working(node.name, max(bound, ACCUMULATOR))
    inputs = [sheet.read(source, kind), sheet.constant(f"{name}_weight", weight, kind)]
    made = sheet.step("Conv", inputs, f"{name}_sum", kind, **attributes)
    sheet.define(name, sheet.cast(made, sheet.carrier(name)))


def _written(sheet: Sheet, name: str, operator: str, product: _Product) -> Codes:
    """The operator's node and its bytes."""
    x, matrix = codes_of(sheet, product.source).tensor, product.weight.ndim == 2
    if matrix and len(sheet.value(product.source).shape) > 1:
        x = sheet.reshaped(x, [product.weight.shape[1]], f"{name}_vector")
    form = product.form
    constants = [sheet.constant(f"{name}_{role}", values, dtype) for role, values, dtype in (
        ("weight", product.weight, np.int8), ("scales", form.scales, np.float32), ("bias", form.biases, np.float32))]
    sheet.domains[DOMAIN] = 1
    made = sheet.step(operator, [x, *constants], f"{name}_codes", domain=DOMAIN, zero_point=form.zero,
                      **product.attributes)
    return Codes(made, sheet.constant(f"{name}_zero_point", form.zero, np.uint8), form.zero, np.uint8)


