"""A float network quantized without training: statistics of a few batches, BatchNorm merged, biases corrected."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwgen.errors import HwgenError
from hwgen.nn.activations import QuantIdentity, QuantReLU
from hwgen.nn.layers import QuantConv1d, QuantConv2d, QuantConvTranspose1d, QuantConvTranspose2d, QuantLinear
from hwgen.nn.quant import Int8ActPerTensorFloat, Int8WeightPerChannelFloat, Int8WeightPerTensorFloat
from hwgen.nn.record import Call, Ref, record, refs
from hwgen.nn.scaling import CollectedScale
from hwgen.nn.tensor import unpacked

LAYERS: Mapping[type[nn.Module], Any] = {
    nn.Linear: QuantLinear, nn.Conv1d: QuantConv1d, nn.Conv2d: QuantConv2d, nn.ConvTranspose1d: QuantConvTranspose1d,
    nn.ConvTranspose2d: QuantConvTranspose2d}
ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.Sigmoid, nn.Tanh, nn.GELU, nn.SiLU, nn.ELU, nn.CELU,
               nn.SELU, nn.Mish, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.Softplus)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
KEPT = frozenset({F.max_pool1d, F.max_pool2d, torch.max_pool2d, torch.flatten, torch.Tensor.flatten, torch.reshape,
                  torch.Tensor.reshape, torch.Tensor.view, F.dropout, torch.Tensor.contiguous})
"""Functions whose results lie on the grid of their input."""
SAMPLES = 1 << 18
"""Values of a layer that a statistic looks at."""
CANDIDATES = 100


def quantize(model: nn.Module, batches: Iterable[Tensor], *, bits: int = 8, weight_bits: int | None = None,
             statistic: str = "percentile", percentile: float = 99.99, per_channel: bool = True,
             bias_correction: bool = True) -> nn.Module:
    """A quantized copy of a trained float network, in evaluation mode; the network itself is left alone.

    batches: inputs with a batch in front. bits: of activations; weight_bits: of weights, the same by default.
    statistic: of the activations: "percentile" (of their magnitudes), "mse" (least squared error) or "max".
    Layers, and activation modules that a layer follows, are quantized; a layer whose input comes from neither quantizes
    it. BatchNorm behind a layer becomes part of it. bias_correction: the mean of each layer's outputs stays that of
    the float network. HwgenError: "bad-argument".
    """
    inputs = list(batches)
    if not inputs or statistic not in _THRESHOLDS:
        raise HwgenError("bad-argument", "quantize", f"statistic is {statistic!r}, with {len(inputs)} batches",
                         f"Give at least one batch, and one of {', '.join(_THRESHOLDS)}.")
    plan = Plan(copy.deepcopy(model).eval(), inputs)
    plan.merge_norms()
    reference = copy.deepcopy(plan.model)
    places = plan.places()
    thresholds = {name: _thresholds(values, bits, statistic, percentile)
                  for name, values in plan.values(places).items()}
    weight_quant = Int8WeightPerChannelFloat if per_channel else Int8WeightPerTensorFloat
    for name, is_layer in places.items():
        plan.replace(name, is_layer, bits, thresholds.get(name), {
            "weight_quant": weight_quant, "weight_bit_width": bits if weight_bits is None else weight_bits})
    if bias_correction:
        correct_biases(plan.model, reference, inputs)
    return plan.model


def merged_norms(model: nn.Module, x: Tensor) -> nn.Module:
    """A copy in evaluation mode whose BatchNorm layers are part of the layers before them; x: a batch of inputs."""
    plan = Plan(copy.deepcopy(model).eval(), [x])
    plan.merge_norms()
    return plan.model


@dataclass
class Plan:
    """A copy of the network that is being quantized, and the batches."""

    model: nn.Module
    inputs: Sequence[Tensor]
    made_by: dict[int, Call] = field(default_factory=dict)

    @property
    def modules(self) -> dict[str, nn.Module]:
        """By name."""
        return dict(self.model.named_modules())

    def calls(self) -> list[Call]:
        """What a forward pass does."""
        calls = record(self.model, [self.inputs[0]]).live()
        self.made_by = {call.output: call for call in calls}
        return calls

    def merge_norms(self) -> None:
        """BatchNorm that alone reads a layer becomes part of its weights and bias."""
        calls, modules = self.calls(), self.modules
        readers: dict[int, int] = {}
        for call in calls:
            for index in refs((call.arguments, call.options)):
                readers[index] = readers.get(index, 0) + 1
        for call in calls:
            norm, before = modules.get(call.layer), self._before(call)
            layer = None if before is None else modules.get(before.layer)
            once = [c.layer for c in calls].count(call.layer) == 1
            if isinstance(norm, NORMS) and before is not None and type(layer) in LAYERS and once and (
                    readers[before.output] == 1):
                _merge(cast(nn.Module, layer), norm)
                self.set(call.layer, nn.Identity())

    def _before(self, call: Call) -> Call | None:
        first = call.arguments[0] if call.arguments else None
        return self.made_by.get(first.index) if isinstance(first, Ref) else None

    def places(self) -> dict[str, bool]:
        """Modules that get quantizers: True for a layer, False for an activation that a layer follows."""
        calls, modules = self.calls(), self.modules
        leads = {index for call in calls if type(modules.get(call.layer)) in LAYERS
                 for index in refs((call.arguments, call.options))}
        for call in reversed(calls):
            if call.output in leads:
                leads |= set(refs((call.arguments, call.options)))
        return {call.layer: type(modules[call.layer]) in LAYERS for call in calls if call.layer in modules and (
            type(modules[call.layer]) in LAYERS
            or (isinstance(modules[call.layer], ACTIVATIONS) and call.output in leads))}

    def values(self, places: Mapping[str, bool]) -> dict[str, Tensor]:
        """Samples of what each quantizer will see: an activation's output, or a layer's input that is on no grid."""
        wanted = {name for name, is_layer in places.items() if not is_layer or not self._is_quantized(name, places)}
        found: dict[str, list[Tensor]] = {name: [] for name in wanted}
        share = max(SAMPLES // len(self.inputs), 1)
        hooks = [self.modules[name].register_forward_hook(_sampler(found[name], places[name], share))
                 for name in wanted]
        with torch.no_grad():
            for x in self.inputs:
                self.model(x)
        for hook in hooks:
            hook.remove()
        return {name: torch.cat(parts) for name, parts in found.items()}

    def _is_quantized(self, layer: str, places: Mapping[str, bool]) -> bool:
        """Whether a layer's input comes from an activation that gets a quantizer."""
        call: Call | None = next(c for c in self.made_by.values() if c.layer == layer)
        call = None if call is None else self._before(call)
        while call is not None and call.function in KEPT:
            call = self._before(call)
        return call is not None and places.get(call.layer) is False

    def replace(self, name: str, is_layer: bool, bits: int, threshold: tuple[float, bool] | None,
                weights: Mapping[str, Any]) -> None:
        """Put the quantized module in the place of the float one."""
        old = self.modules[name]
        if is_layer:
            made = _layer(old, weights, None if threshold is None else {"bit_width": bits, "signed": threshold[1]})
            quantizer = None if threshold is None else made.input_quant
        else:
            assert threshold is not None
            kind = QuantReLU if type(old) is nn.ReLU else QuantIdentity
            act = kind(Int8ActPerTensorFloat, bit_width=bits, signed=threshold[1], return_quant_tensor=True)
            made, quantizer = act if kind is QuantReLU else nn.Sequential(old, act), act.act_quant
        if quantizer is not None and threshold is not None:
            scale = cast(CollectedScale, cast(Any, quantizer).tensor_quant.scale)
            scale.collected.finish(scale.value, scale.raw(torch.tensor(threshold[0])).detach())
        self.set(name, made.eval())

    def set(self, name: str, module: nn.Module) -> None:
        """Replace a module by name."""
        if not name:
            self.model = module
            return
        parent, _, last = name.rpartition(".")
        setattr(self.model.get_submodule(parent), last, module)


def _sampler(kept: list[Tensor], of_input: bool, share: int) -> Callable[[nn.Module, Any, Any], None]:
    def keep(module: nn.Module, arguments: Any, output: Any) -> None:
        flat = unpacked(arguments[0] if of_input else output).detach().flatten()
        kept.append(flat[:: max(flat.numel() // share, 1)])
    return keep


def _merge(layer: nn.Module, norm: nn.Module) -> None:
    """y = gamma * (w x + b - mean) / sqrt(variance + eps) + beta, as weights and bias."""
    part: Any = norm
    target: Any = layer
    ones = torch.ones_like(part.running_mean)
    gamma, beta = (ones, 0 * ones) if part.weight is None else (part.weight, part.bias)
    factor = (gamma / (part.running_var + part.eps).sqrt()).detach()
    bias = torch.zeros_like(factor) if target.bias is None else target.bias.detach()
    transposed = isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d)
    weight = target.weight.detach()
    if transposed:
        by_group = factor.reshape(target.groups, 1, -1, *(1,) * (weight.dim() - 2))
        scaled = weight.reshape(target.groups, -1, *weight.shape[1:]) * by_group
        target.weight = nn.Parameter(scaled.reshape(weight.shape))
    else:
        target.weight = nn.Parameter(weight * factor.reshape(-1, *(1,) * (weight.dim() - 1)))
    target.bias = nn.Parameter(((bias - part.running_mean) * factor + beta).detach())


def _layer(old: Any, weights: Mapping[str, Any], own_input: Mapping[str, Any] | None) -> Any:
    """The quantized layer with the same weights."""
    options = dict(weights)
    if own_input is not None:
        options |= {"input_quant": Int8ActPerTensorFloat, **{f"input_{k}": v for k, v in own_input.items()}}
    kind, has_bias = LAYERS[type(old)], old.bias is not None
    if isinstance(old, nn.Linear):
        made = kind(old.in_features, old.out_features, has_bias, **options)
    else:
        shape = {name: getattr(old, name) for name in ("stride", "padding", "groups", "dilation")}
        if isinstance(old, nn.ConvTranspose1d | nn.ConvTranspose2d):
            shape["output_padding"] = old.output_padding
        made = kind(old.in_channels, old.out_channels, old.kernel_size, bias=has_bias, **shape, **options)
    made.weight.data.copy_(old.weight.data)
    if has_bias:
        made.bias.data.copy_(old.bias.data)
    return made


def _thresholds(values: Tensor, bits: int, statistic: str, percentile: float) -> tuple[float, bool]:
    """The largest magnitude that the grid has, and whether it is signed."""
    signed = bool((values < 0).any())
    return max(_THRESHOLDS[statistic](values, bits - signed, percentile), 1e-8), signed


def _percentile(values: Tensor, bits: int, percentile: float) -> float:
    rank = min(max(round(percentile / 100 * values.numel()), 1), values.numel())
    return float(values.abs().kthvalue(rank)[0])


def _least_squares(values: Tensor, bits: int, percentile: float) -> float:
    """The threshold of those at 1 to 100 per cent of the maximum whose grid is nearest to the values."""
    sample = values[:: max(values.numel() // 16384, 1)].abs()
    top = float(sample.max())
    found = [top * share / CANDIDATES for share in range(1, CANDIDATES + 1)]
    return min(found, key=lambda limit: _error(sample, limit, bits)) if top > 0 else top


def _error(sample: Tensor, limit: float, bits: int) -> float:
    step = limit / 2**bits
    return float((sample - (sample / step).round().clamp(max=2**bits - 1) * step).square().sum())


_THRESHOLDS: Mapping[str, Callable[[Tensor, int, float], float]] = {
    "percentile": _percentile, "mse": _least_squares, "max": lambda values, bits, percentile: float(values.abs().max())}


def correct_biases(model: nn.Module, reference: nn.Module, inputs: Sequence[Tensor]) -> None:
    """Layer by layer, in the order of the forward pass: the mean of each output channel becomes the reference's."""
    kinds = tuple(LAYERS.values())
    names = [name for name, module in model.named_modules() if isinstance(module, kinds)]
    wanted = _means(reference, names, inputs)
    modules: dict[str, Any] = dict(model.named_modules())
    for name in wanted:
        layer = modules[name]
        change = wanted[name] - _means(model, [name], inputs)[name]
        layer.bias = nn.Parameter(change if layer.bias is None else layer.bias.detach() + change)


def _means(model: nn.Module, names: Sequence[str], inputs: Sequence[Tensor]) -> dict[str, Tensor]:
    """The mean of each output channel of some layers, in the order of their first call."""
    sums: dict[str, list[Tensor]] = {}
    modules = dict(model.named_modules())
    hooks = [modules[name].register_forward_hook(_channel_sampler(sums, name)) for name in names]
    with torch.no_grad():
        for x in inputs:
            model(x)
    for hook in hooks:
        hook.remove()
    return {name: torch.stack(parts).mean(0) for name, parts in sums.items()}


def _channel_sampler(sums: dict[str, list[Tensor]], name: str) -> Callable[[nn.Module, Any, Any], None]:
    def keep(module: nn.Module, arguments: Any, output: Any) -> None:
        y = unpacked(output)
        axis = y.dim() - 1 if isinstance(module, nn.Linear) else 1
        sums.setdefault(name, []).append(y.transpose(0, axis).reshape(y.shape[axis], -1).mean(1))
    return keep
