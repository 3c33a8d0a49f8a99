"""Writes and runs TorchScript with one of torch's quantized engines; torch is an optional package."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from onnx import ModelProto

from hwgen.errors import Exit, HwgenError
from hwgen.export.engines import need
from hwgen.export.torch_script import script_of
from hwgen.export.written import Results
from hwgen.ir.tensor import Array

X86 = "x86"


def saved(model: ModelProto, tensors: Iterable[str] = ()) -> bytes:
    """The file of a model. HwgenError: "no-package" without torch or its engine x86."""
    with engine(X86):
        return script_of(model, tensors)


def ports(model: ModelProto) -> tuple[list[str], list[str]]:
    """The names of its inputs and of its outputs."""
    return [value.name for value in model.graph.input], [value.name for value in model.graph.output]


def run(model: ModelProto, inputs: Mapping[str, Array], tensors: Iterable[str] = (), *, name: str = X86) -> Results:
    """Outputs by name, and the given tensors between, of (frames, *shape) float32 inputs; name: of torch's engine."""
    (names, outputs), between = ports(model), list(tensors)
    return run_file(saved(model, between), names, [*outputs, *between], inputs, name=name)


def run_file(data: bytes, names: Iterable[str], results: Iterable[str], inputs: Mapping[str, Array], *,
             name: str = X86) -> Results:
    """The same of a file, whose inputs and outputs have these names in their order."""
    with engine(name) as torch, torch.inference_mode():
        network = torch.jit.load(io.BytesIO(data))
        found = network(*(torch.from_numpy(np.array(inputs[port], dtype=np.float32)) for port in names))
        tensors = found if isinstance(found, tuple) else (found,)
        return {result: tensor.numpy() for result, tensor in zip(results, tensors, strict=True)}


@contextmanager
def engine(name: str) -> Iterator[Any]:
    """torch, with a quantized engine set and without its announcements that quantized tensors will go."""
    torch = need("torch", "pytorch")
    quantized = torch.backends.quantized
    if name not in quantized.supported_engines:
        raise HwgenError("no-package", "pytorch", f"running it needs a torch with the quantized engine {name}",
                         "Use a build of torch for x86 processors.", exit_code=Exit.STAGE_UNAVAILABLE)
    before = quantized.engine
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantized.engine = name
        try:
            yield torch
        finally:
            quantized.engine = before
