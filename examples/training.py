"""What the training examples share: data, a training loop, and a network's accuracy in each of its forms.

The forms: the same network in floats, the quantized network in torch, its integer model, and its RTL in the simulator.
"""

from __future__ import annotations

import argparse
import gzip
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import hwgen.nn as qnn
from hwgen.model import IntegerModel
from hwgen.passes.pipeline import TO_INTEGERS, lower
from hwgen.report.console import Console
from hwgen.run import simulated
from hwgen.target import Target

SEED = 1
BATCH = 50
TIE = 1e-4


@dataclass(frozen=True)
class Data:
    """Images as the network takes them, float32 with a batch in front, and their classes."""

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor


def digits(flat: bool) -> Data:
    """scikit-learn's 1797 handwritten digits of 8x8 pixels, 0 to 16; 360 are held out."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    found = load_digits()
    images = found.data.astype(np.float32).reshape(-1, *((64,) if flat else (1, 8, 8)))
    train, test, labels, test_labels = train_test_split(images, found.target, test_size=360, random_state=SEED,
                                                        stratify=found.target)
    return Data(*(torch.from_numpy(x) for x in (train, labels, test, test_labels)))


def mnist(options: argparse.Namespace, prepare: Callable[[Tensor], Tensor]) -> Data:
    """MNIST's t10k files, plain or gzipped idx: the last fifth is held out. prepare: of uint8 images (n, 1, 28, 28)."""
    images = idx(options.data, "t10k-images-idx3-ubyte").reshape(-1, 1, 28, 28)[: options.images]
    labels = torch.from_numpy(idx(options.data, "t10k-labels-idx1-ubyte")[: options.images]).long()
    prepared, first = prepare(torch.from_numpy(images)), len(images) * 4 // 5
    return Data(prepared[:first], labels[:first], prepared[first:], labels[first:])


def idx(folder: Path, name: str) -> np.ndarray:
    """The bytes of an idx file behind its header, which is 4 bytes and 4 for each axis."""
    path = folder / name if (folder / name).is_file() else folder / f"{name}.gz"
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).copy()


def padded_to_rgb(images: Tensor) -> Tensor:
    """28x28 grey to 3x32x32 between -1 and 1."""
    return nn.functional.pad(images.float() / 127.5 - 1, (2, 2, 2, 2), value=-1.0).repeat(1, 3, 1, 1)


def arguments(description: str, epochs: int, *, data: bool, rtl_frames: int = 20) -> argparse.Namespace:
    """The options of an example."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    if data:
        parser.add_argument("--data", type=Path, required=True, help="folder with MNIST's t10k idx files")
        parser.add_argument("--images", type=int, help="use so many of its 10,000 images only")
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--steps", type=int, help="stop each training after so many batches")
    parser.add_argument("--rtl-frames", type=int, default=rtl_frames, help="images for the simulated RTL; 0: none")
    parser.add_argument("--weights", type=Path, help="write the quantized network's state dict here")
    parser.add_argument("--write", type=Path, help="digits_mlp: leave the network and its test images here")
    parser.add_argument("--board", default="pynq")
    return parser.parse_args()


def trained(model: nn.Module, data: Data, options: argparse.Namespace, rate: float) -> nn.Module:
    """Cross entropy and Adam with a cosine schedule, batches of 50, one thread: the same floats in every run."""
    torch.set_num_threads(1)
    steps = options.epochs * (len(data.train) // BATCH)
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    model.train()
    done = 0
    for _ in range(options.epochs):
        for batch in torch.randperm(len(data.train))[: len(data.train) // BATCH * BATCH].split(BATCH):
            if done == options.steps:
                return model.eval()
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(data.train[batch]), data.train_labels[batch]).backward()
            optimiser.step()
            schedule.step()
            done += 1
    return model.eval()


def classes(model: nn.Module, images: Tensor) -> Tensor:
    """By a network in torch."""
    with torch.no_grad():
        return torch.cat([largest(model(part)) for part in images.split(500)])


def largest(scores: Tensor) -> Tensor:
    """The class of the largest score, the first of equal ones; float32 may part equal ones by its last bits."""
    return (scores >= scores.amax(1, keepdim=True) - TIE).int().argmax(1)


def compare(title: str, make: Callable[[bool], nn.Module], data: Data, options: argparse.Namespace,
            rate: float = 2e-3) -> nn.Module:
    """Train both networks that make(quantized) gives, and print the accuracies of all forms side by side."""
    print(f"{title}: {len(data.train)} images to train on, {len(data.test)} held out")
    found: dict[str, tuple[Tensor, float]] = {}
    model: nn.Module = nn.Identity()
    for name, quantized in (("float", False), ("quantized, in torch", True)):
        torch.manual_seed(SEED)
        started = time.perf_counter()
        floats, model = model, trained(make(quantized), data, options, rate)
        found[name] = classes(model, data.test), time.perf_counter() - started
    if options.weights is not None:
        options.weights.parent.mkdir(parents=True, exist_ok=True)
        torch.save(model.state_dict(), options.weights)
    found.update(in_integers(model, data, options))
    found["calibrated, 8 bits"] = calibrated(floats, data)
    for name, (classified, seconds) in found.items():
        hits = int((classified == data.test_labels[: len(classified)]).sum())
        print(f"  {name:20} {hits / len(classified):8.2%} of {len(classified):4} images ({seconds:.1f} s)")
    if not torch.equal(found["integer model"][0], found["quantized, in torch"][0]):
        raise SystemExit("the integer model classifies differently")
    return model


def calibrated(model: nn.Module, data: Data) -> tuple[Tensor, float]:
    """Classes by the float network after hwgen.nn.quantize with 4 batches, without any training."""
    started = time.perf_counter()
    made = qnn.quantize(model, data.train[: 4 * BATCH].split(BATCH))
    return classes(made, data.test), time.perf_counter() - started


def in_integers(model: nn.Module, data: Data, options: argparse.Namespace) -> dict[str, tuple[Tensor, float]]:
    """Classes by the integer model and by the RTL, which is compared with it in every integer of every layer."""
    started = time.perf_counter()
    graph = qnn.to_ir(model, (1, *data.test.shape[1:]))
    name = graph.inputs[0]
    integers = IntegerModel([stage for _, stage in lower(graph, TO_INTEGERS)][-1])
    scores = next(iter(integers.predict({name: data.test.numpy()}).values()))
    made = {"integer model": (largest(torch.from_numpy(scores)), time.perf_counter() - started)}
    if options.rtl_frames:
        started = time.perf_counter()
        hardware = [stage for _, stage in lower(graph)][-1]
        reference = IntegerModel(hardware)
        values = simulated(Target(options.board), hardware, reference,
                           {name: data.test[: options.rtl_frames].numpy()}, Console())
        scores = next(iter(reference.decode(values).values()))
        made["RTL, simulated"] = largest(torch.from_numpy(scores)), time.perf_counter() - started
    return made
