"""What a torch module computes: one forward pass in evaluation mode, call by call.

Any Python runs in it: calls of torch functions are noted as they happen, with the values that they read and make. A
call that depends on no input of the network is a constant. Quantizers are noted as one call each.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from hwgen.errors import HwgenError
from hwgen.nn.quantizers import TensorQuant, TruncQuant
from hwgen.nn.tensor import IntQuantTensor

LEAVES = (TensorQuant, TruncQuant)
MAX_MESSAGE = 300
"""Characters of torch's own messages that are passed on."""
_PART_OF_QUANTIZER = (".tensor_quant", ".trunc_quant", ".act_quant")


@dataclass(frozen=True)
class Ref:
    """Value number `index` of the recording, in the arguments of a call."""

    index: int


@dataclass(frozen=True)
class Call:
    """One call.

    function: a torch function, or a quantizer module; layer: the module that made it, as in named_modules(), "" outside
    of all; arguments: with a Ref for each value that depends on an input; output: its value; shape: the output's, with
    the batch; part: which one of several outputs it is.
    """

    function: Any
    layer: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    output: int
    shape: tuple[int, ...]
    part: int = 0


@dataclass
class Recording:
    """The calls of one forward pass, in order; inputs and outputs: numbers of values, with their shapes."""

    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)
    tensors: dict[int, IntQuantTensor] = field(default_factory=dict)

    def live(self) -> list[Call]:
        """The calls that an output depends on."""
        wanted, kept = set(self.outputs), []
        for call in reversed(self.calls):
            if call.output in wanted:
                kept.append(call)
                wanted |= set(refs((call.arguments, call.options)))
        return kept[::-1]


def refs(arguments: Any) -> Iterator[int]:
    """The values that arguments refer to, also within lists, tuples and dictionaries."""
    if isinstance(arguments, Ref):
        yield arguments.index
    elif isinstance(arguments, list | tuple) and not isinstance(arguments, IntQuantTensor):
        for x in arguments:
            yield from refs(x)
    elif isinstance(arguments, Mapping):
        yield from refs(tuple(arguments.values()))


def record(model: nn.Module, inputs: Sequence[Tensor]) -> Recording:
    """Run the model on example inputs; its mode and its gradients' state are left as they were."""
    recorder = _Recorder()
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad(), recorder.watching(model):
            return recorder.run(model, inputs)
    finally:
        for module, mode in training.items():
            module.training = mode


class _Recorder(TorchFunctionMode):
    """Notes calls of torch functions outside of quantizers. Tensors are known by their identity, and kept alive."""

    def __init__(self) -> None:
        super().__init__()
        self.recording = Recording()
        self.numbers: dict[int, int] = {}
        self.layers: list[str] = []
        self.inside = 0

    def run(self, model: nn.Module, inputs: Sequence[Tensor]) -> Recording:
        """The forward pass itself."""
        for x in inputs:
            self.recording.inputs.append(self._number(x))
        try:
            with self:
                made = model(*inputs)
        except HwgenError as error:
            where = f"{error.where} '{self._layer() or type(model).__name__}'"
            raise HwgenError(error.code, where, error.why, error.help) from None
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
            text = " ".join(str(error).split())[:MAX_MESSAGE]
            raise HwgenError("forward-failed", self._layer() or type(model).__name__, f"its forward pass fails: {text}",
                             "Check the shape of the input, and that the model runs on it in torch.") from error
        for y in _parts(made):
            self.recording.outputs.append(self.numbers.get(id(_plain(y)), -1))
        return self.recording

    @contextlib.contextmanager
    def watching(self, model: nn.Module) -> Iterator[None]:
        """Hooks that follow which module is running."""
        handles = []
        for name, module in model.named_modules():
            handles.append(module.register_forward_pre_hook(self._entering(name)))
            handles.append(module.register_forward_hook(self._left, always_call=False))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _entering(self, name: str) -> Callable[[nn.Module, Any], None]:
        for part in _PART_OF_QUANTIZER:
            name = name.removesuffix(part)

        def enter(module: nn.Module, arguments: Any) -> None:
            self.layers.append(name)
            self.inside += isinstance(module, LEAVES)
        return enter

    def _left(self, module: nn.Module, arguments: Any, output: Any) -> None:
        layer = self.layers.pop()
        if isinstance(module, LEAVES):
            self.inside -= 1
            self._note(module, layer, arguments, {}, _on_grid(module, output))

    def __torch_function__(self, function: Callable[..., Any], types: Any, args: Sequence[Any] = (),
                           kwargs: Mapping[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        made = function(*args, **kwargs)
        if not self.inside:
            self._note(function, self._layer(), tuple(args), kwargs, made)
        return made

    def _layer(self) -> str:
        """The module that is running; "" for the whole network, or outside of it."""
        return self.layers[-1] if self.layers else ""

    def _note(self, function: Any, layer: str, arguments: tuple[Any, ...], options: Mapping[str, Any],
              made: Any) -> None:
        arguments, options = self._referred(arguments), self._referred(dict(options))
        if not any(True for _ in refs((arguments, options))):
            return
        for part, output in enumerate(_parts(made)):
            value = _plain(output)
            if isinstance(value, Tensor):
                number = self._number(value)
                if isinstance(output, IntQuantTensor):
                    self.recording.tensors[number] = output
                self.recording.calls.append(Call(function, layer, arguments, options, number, tuple(value.shape), part))

    def _number(self, value: Tensor) -> int:
        number = self.numbers[id(value)] = len(self.recording.values)
        self.recording.values.append(value)
        return number

    def _referred(self, x: Any) -> Any:
        value = _plain(x)
        if isinstance(value, Tensor):
            return Ref(self.numbers[id(value)]) if id(value) in self.numbers else x
        if isinstance(x, dict):
            return {name: self._referred(y) for name, y in x.items()}
        return type(x)(self._referred(y) for y in x) if type(x) in (list, tuple) else x


def _on_grid(module: nn.Module, output: Any) -> IntQuantTensor:
    if isinstance(module, TensorQuant):
        return IntQuantTensor(output[0], output[1], output[2], output[3], module.settings.signed, False)
    assert isinstance(output, IntQuantTensor)
    return output


def _parts(made: Any) -> Sequence[Any]:
    """What a function gives: several values, torch.topk's named ones too, or one."""
    return made if isinstance(made, list | tuple) and not isinstance(made, IntQuantTensor) else [made]


def _plain(x: Any) -> Any:
    return x.value if isinstance(x, IntQuantTensor) else x
