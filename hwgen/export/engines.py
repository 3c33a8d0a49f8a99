"""What runs an exported ONNX model: onnxruntime and qonnx, both optional packages."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
from onnx import ModelProto

from hwgen.errors import Exit, HwgenError
from hwgen.export.written import Results
from hwgen.ir.tensor import Array

MODULES = {"apache-tvm": "tvm"}
"""What is imported, where a distribution has another name."""


def need(package: str, target: str) -> Any:
    """The module. HwgenError: "no-package" (exit code 3), also where it is there and does not work."""
    top = package.split(".")[0]
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        absent = (error.name or top).split(".")[0]
        raise missing(absent, target, absent) from error
    except (ImportError, OSError) as error:  # OSError: a library that it loads
        raise HwgenError("no-package", target, f"the package {top} cannot be imported: {' '.join(str(error).split())}",
                         f"Install it again: pip install --force-reinstall {top}.",
                         exit_code=Exit.STAGE_UNAVAILABLE) from error


def require(distributions: Iterable[str], target: str) -> None:
    """Before long work: HwgenError "no-package" where one of those that run the target is not installed."""
    for distribution in distributions:
        module = MODULES.get(distribution, distribution)
        if find_spec(module) is None:
            raise missing(module, target, distribution)


def missing(package: str, target: str, distribution: str) -> HwgenError:
    """The error of a module that is not there; distribution: its name for pip."""
    return HwgenError("no-package", target, f"it needs the package {package}",
                      f"Install it: pip install {distribution}.", exit_code=Exit.STAGE_UNAVAILABLE)


def onnxruntime(model: ModelProto, inputs: Mapping[str, Array], tensors: Iterable[str] = (), *,
                optimised: bool = True) -> Results:
    """Outputs by name, and the given tensors between, of (frames, *shape) float32 inputs; on one thread."""
    ort = need("onnxruntime", "qdq, qop")
    options, levels = ort.SessionOptions(), ort.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimised else levels.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = _session(ort, with_outputs(model, tensors).SerializeToString(), options)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, _float32(inputs)), strict=True))


def _session(ort: Any, data: bytes, options: Any) -> Any:
    """HwgenError: "target-failed" where this version has not what the file needs; its errors share no class."""
    try:
        return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise HwgenError("target-failed", "qdq, qop", f"onnxruntime {ort.__version__} refuses the file: "
                         f"{' '.join(str(error).split())[-200:]}", "docs/targets.md has the versions that read it: pip "
                         "install --upgrade onnxruntime.", exit_code=Exit.VERIFICATION_FAILED) from error


def with_outputs(model: ModelProto, tensors: Iterable[str]) -> ModelProto:
    """A copy with more outputs."""
    made = ModelProto()
    made.CopyFrom(model)
    known = {value.name for value in (*made.graph.output, *made.graph.input)}
    for tensor in dict.fromkeys(tensors):
        if tensor not in known:
            made.graph.output.add().name = tensor
    return made


def qonnx(model: ModelProto, inputs: Mapping[str, Array], tensors: Iterable[str] = ()) -> Results:
    """The same by qonnx's executor, frame by frame."""
    wrapper = need("qonnx.core.modelwrapper", "qonnx, finn").ModelWrapper(model)
    execute = need("qonnx.core.onnx_exec", "qonnx, finn").execute_onnx
    wanted, ready = [*(value.name for value in model.graph.output), *tensors], _float32(inputs)
    frames = []
    for index in range(len(next(iter(ready.values())))):
        frame = {name: array[index : index + 1] for name, array in ready.items()}
        context = execute(wrapper, frame, return_full_exec_context=True)
        frames.append({name: np.array(context[name]) for name in wanted})
    return {name: np.concatenate([frame[name] for frame in frames]) for name in wanted}


def _float32(inputs: Mapping[str, Array]) -> Results:
    return {name: np.asarray(array, dtype=np.float32) for name, array in inputs.items()}
