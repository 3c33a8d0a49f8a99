"""What the host will compute: checked once the whole graph is there.

Float weights and softmax have no integers, so everything behind them runs on the host, in numpy, and no quantizer can
follow: there the network would have to return to the hardware.
"""

from __future__ import annotations

from hwgen.errors import HwgenError
from hwgen.frontend.attributes import listing
from hwgen.ir.graph import Graph, Node
from hwgen.ops.quantized import Dense, MultiThreshold, Quant, Softmax
from hwgen.ops.quantized_layout import ConvTranspose
from hwgen.ops.quantized_maps import Conv, Trunc

QUANTIZERS = (Quant, MultiThreshold, Trunc)
LAYERS = (Dense, Conv, ConvTranspose)


def refuse_without_quantizers(graph: Graph) -> None:
    """A model with layers, but no quantizer of activations."""
    layers = [node for node in graph.nodes if isinstance(node.op, LAYERS)]
    floats = any(map(has_float_weights, layers))
    if (len(layers) < 2 and not floats) or any(isinstance(node.op, QUANTIZERS) for node in graph.nodes):
        return
    weights = "neither its weights nor its activations" if floats else "its weights, but not its activations"
    raise HwgenError("no-quantizers", graph.name, f"the model has no activation quantizers: it quantizes {weights}",
                     "Put a quantizer on the input and after each activation function (in Brevitas QuantIdentity and "
                     "QuantReLU), or quantize the trained model with calibration data (onnxruntime's quantize_static), "
                     "then export again.")


def has_float_weights(node: Node) -> bool:
    """A layer whose weights are no integers."""
    return isinstance(node.op, LAYERS) and node.op.weight.is_float


def host_layers(graph: Graph) -> list[str]:
    """The names of the layers that the host will compute. HwgenError where a quantizer follows one, or a softmax."""
    behind: dict[str, list[Node]] = {}
    followed: dict[str, Node] = {}
    for node in graph.nodes:
        causes = list({cause.name: cause for name in node.inputs for cause in behind.get(name, [])}.values())
        if isinstance(node.op, QUANTIZERS):
            followed.update((cause.name, node) for cause in causes if cause.name not in followed)
        if has_float_weights(node) or isinstance(node.op, Softmax):
            causes.append(node)
        behind.update(dict.fromkeys(node.outputs, causes))
    for node in graph.nodes:
        if node.name in followed and isinstance(node.op, Softmax):
            raise HwgenError("inner-softmax", node.name, f"the quantizer {followed[node.name].name} follows it",
                             "Softmax is supported at the end of a model only; remove it from the middle.")
    refuse_inner_floats([node.name for node in graph.nodes if node.name in followed], followed)
    return [node.name for node in graph.nodes if isinstance(node.op, LAYERS) and behind[node.outputs[0]]]


def refuse_inner_floats(layers: list[str], followed: dict[str, Node]) -> None:
    """Layers with float weights before a quantizer, all in one error."""
    if not layers:
        return
    raise HwgenError("float-weights", listing(layers), "the weights are floats and have no quantizer; the host could "
                     f"compute such a layer at the end, but quantizer {followed[layers[0]].name} follows",
                     "Quantize the weights (in Brevitas weight_quant of QuantConv2d and QuantLinear), or quantize the "
                     "trained model, then export again.")


def warning(layers: list[str]) -> str:
    """Which layers are not in the hardware."""
    return f"the host computes {listing(layers)} and what follows, in numpy: float weights have no circuit"
