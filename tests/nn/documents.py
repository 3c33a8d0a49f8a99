"""The networks of the two source documents, from the documents' own text, in hwgen.nn or in Brevitas."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

SEEDS = Path(__file__).resolve().parents[3] / "shared" / "seeds"
GETTING_STARTED, TUTORIAL = "000_fb1c4b205176a5b0.txt", "003_2f494defdd0052dd.txt"

OURS = {"import brevitas.nn as qnn": "import hwgen.nn as qnn",
        "from brevitas.quant import": "from hwgen.nn.quant import",
        "from brevitas.quant_tensor.int_quant_tensor import": "from hwgen.nn import",
        "from brevitas.inject.enum import": "from hwgen.nn import",
        "from brevitas.export import": "from hwgen.export import"}


def blocks() -> list[str]:
    """The code blocks of the getting-started document, in order."""
    parts = re.split(r"\.\. code:: python\n", (SEEDS / GETTING_STARTED).read_text())[1:]
    return [textwrap.dedent(_indented(part)) for part in parts]


def _indented(part: str) -> str:
    lines = part.splitlines()
    end = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("   ")), len(lines))
    return "\n".join(lines[:end])


def document_network(name: str, *, ours: bool = True) -> Any:
    """A network class of the getting-started document; export lines, which need an export manager, are left out."""
    block = next(block for block in blocks() if f"class {name}(" in block)
    lines = [line for line in block.splitlines() if "brevitas.export" not in line and "Manager" not in line]
    text = "\n".join(lines)
    text = text.replace("out.reshape[0]", "out.shape[0]").replace("out = self.quant_inp(x)\n", "out = x\n") if (
        name == "QuantWeightLeNet") else text
    return executed(text, ours=ours)[name]


def executed(text: str, *, ours: bool, **given: Any) -> dict[str, Any]:
    """The names that a piece of a document defines, with only its import lines changed."""
    if ours:
        for theirs, mine in OURS.items():
            text = text.replace(theirs, mine)
    names: dict[str, Any] = dict(given)
    exec(compile(text, "<document>", "exec"), names)
    return names


def tutorial_class() -> str:
    """The text of the tutorial's network, its typing errors mended (QuantMaxPool2d is gone from Brevitas)."""
    text = (SEEDS / TUTORIAL).read_text()
    body = text[text.index("class TCV_W8A8(Module):") : text.index("model = TCV_W1A1()")]
    return "from torch.nn import Module\nimport torch.nn as nn\n" + body


def tutorial_network(bits: int, channels: int, *, ours: bool, size: int = 28, hidden: int = 64) -> Any:
    """An instance of the tutorial's network with weights and activations of that many bits."""
    library: ModuleType
    if ours:
        import hwgen.nn as library
        from hwgen.nn import QuantType
    else:
        import brevitas.nn as library  # type: ignore[no-redef]
        from brevitas.inject.enum import QuantType  # type: ignore[no-redef]
    text = tutorial_class().replace("qnn.QuantMaxPool2d(2, return_quant_tensor=True)", "nn.MaxPool2d(2)")
    text = text if bits == 1 else text.replace("QuantType.BINARY", "QuantType.INT")
    numbers = {"kernel_size": (3, 3), "in_channels1": 1, "out_channels1": channels, "in_channels2": channels,
               "out_channels2": channels, "input_size": (size // 4) ** 2 * channels, "weight_bit_width": bits,
               "act_bit_width": bits, "hidden1": hidden, "num_classes": 10, "quan_bit_width": 8}
    return executed(text, ours=ours, qnn=library, QuantType=QuantType, **numbers)["TCV_W8A8"]()
