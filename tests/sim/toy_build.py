"""A build directory of the toy design: running maximum, then an offset per element."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from hwgen.ir.tensor import Array
from hwgen.ir.types import IntType
from hwgen.simulate import Design, Wire
from hwgen.stream import Stream
from tests.sim.toy import RTL

OFFSETS = np.array([1, -2, 3, 0, 7, -8])
NIBBLE, SUM = IntType(-8, 7), IntType(-16, 14)
DESIGN = Design("toy_top", 6, (Wire("s_axis_x", "x", "x", 6, Stream(NIBBLE, 6, 1)),),
                (Wire("m_axis_y", "y", "offset", 6, Stream(SUM, 6, 1)),),
                (Wire("highest", "highest", "maximum", 6, Stream(NIBBLE, 6, 1)),))


def toy_build(build: Path, replace: tuple[str, str, str] | None = None) -> Path:
    """Writes rtl/ and mem/. replace: (file, text, other text), one change that must be possible."""
    (build / "mem").mkdir(parents=True)
    (build / "mem" / "toy_offset.mem").write_text("".join(f"{v & 15:x}\n" for v in OFFSETS))
    shutil.copytree(RTL, build / "rtl")
    names = sorted(path.name for path in RTL.glob("*.sv"))
    (build / "rtl" / "filelist.f").write_text("".join(f"rtl/{name}\n" for name in names))
    if replace:
        path = build / replace[0]
        assert path.read_text().count(replace[1]) == 1
        path.write_text(path.read_text().replace(replace[1], replace[2]))
    return build


def toy_vectors(frames: int, seed: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """Inputs and expected values; -8 is left out, which the RTL reports as out of range."""
    x = np.random.default_rng(seed).integers(-7, 8, (frames, 6))
    highest = np.maximum.accumulate(x, axis=1)
    return {"x": x}, {"highest": highest, "y": highest + OFFSETS}
