"""Bad models are refused with a code, a place, a cause and a way out; the texts are pinned in import.txt."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto

from hwgen.errors import Exit, HwgenError
from hwgen.frontend import load, onnx_file
from tests.errors.import_cases import CASES, one
from tests.frontend.tiny import imported, model, node, save

TEXTS = Path(__file__).parent / "import.txt"


def refusal(action: Callable[[], object]) -> HwgenError:
    """The error that an action must end with."""
    with pytest.raises(HwgenError) as caught:
        action()
    return caught.value


def test_texts(tmp_path: Path, golden: Callable[[Path, str], None]) -> None:
    """One line a case: its name and the whole message (library texts are cut: they change with versions)."""
    lines = []
    for name, (build, options) in CASES.items():
        error = refusal(lambda build=build, options=options: imported(build(), tmp_path, options))  # type: ignore[misc]
        text = str(error).replace(f"{tmp_path}{os.sep}", "")
        for library_text in ("onnx.checker says", "(cannot reshape"):
            text = text.partition(library_text)[0]
        lines.append(f"{name}: {text}")
    golden(TEXTS, "\n".join(line.rstrip() for line in lines) + "\n")


@pytest.mark.parametrize("name", CASES)
def test_form(name: str, tmp_path: Path) -> None:
    """Kebab-case code, a place, a cause without and a remedy with a full stop; the user's exit code."""
    build, options = CASES[name]
    error = refusal(lambda: imported(build(), tmp_path, options))
    assert error.code.replace("-", "").isalpha() and error.code == error.code.lower()
    assert error.where and error.why and not error.why.endswith(".") and error.help.endswith(".")
    assert error.exit_code is Exit.USER_INPUT


def test_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "none.onnx"
    assert str(refusal(lambda: load(path))) == (
        f"file-not-found: {path}: there is no such file. Give the path of an ONNX file.")


def test_folder(tmp_path: Path) -> None:
    assert str(refusal(lambda: load(tmp_path))) == (
        f"not-a-file: {tmp_path}: this is not a file. Give the path of an ONNX file.")


@pytest.mark.parametrize("content", [b"", b"hello, this is a text\n", b"\x00" * 100, b"\x08\x09", b"PK\x03\x04"])
def test_not_onnx(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    error = refusal(lambda: load(path))
    assert error.code == "not-onnx" and error.where == str(path)
    assert error.help == "Give an ONNX file; copy or export it again if it should be one."


def test_truncated(tmp_path: Path) -> None:
    """At every length: never read as something else, never a traceback."""
    whole = one("Add", constants={"c": [1.0, 2.0, 3.0, 4.0]}).SerializeToString()
    path = tmp_path / "m.onnx"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert refusal(lambda: load(path)).code in ("not-onnx", "opset")


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(one("Relu"), tmp_path)
    monkeypatch.setattr(onnx_file, "MAX_BYTES", 10)
    assert str(refusal(lambda: load(path))) == (
        f"file-too-large: {path}: {path.stat().st_size} bytes are more than the limit of 10. "
        "Networks of this size do not fit on chip; choose a smaller one.")


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(one("Relu"), tmp_path)

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert str(refusal(lambda: load(path))) == (
        f"file-unreadable: {path}: the file cannot be read (Permission denied). Check its name, and the "
        "permissions of the file and its folders.")


def external(location: str, **entries: str) -> ModelProto:
    """x + c, with c's data elsewhere."""
    made = one("Add", constants={"c": [1.0, 2.0, 3.0, 4.0]})
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    return made


def folder_with_data(tmp_path: Path) -> Path:
    """<tmp>/model/ for the model, with c.bin in it, in a subfolder and outside."""
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    data = np.array([1, 2, 3, 4], np.float32).tobytes()
    for path in (folder / "c.bin", folder / "sub" / "c.bin", tmp_path / "c.bin"):
        path.write_bytes(b"1234" + data)
    return folder


@pytest.mark.parametrize("location", ["c.bin", "sub/c.bin"])
def test_external_data_inside_the_folder(location: str, tmp_path: Path) -> None:
    graph = imported(external(location, offset="4", length="16"), folder_with_data(tmp_path)).graph
    assert graph.nodes[0].op.constant.array.tolist() == [1, 2, 3, 4]  # type: ignore[attr-defined]


OUTSIDE = "Put the data file next to the model and export without links or absolute paths."
BESIDE = "Copy the model together with its data file."


@pytest.mark.parametrize(("entries", "why", "remedy"), [
    ({"location": "../c.bin"}, "its data file '../c.bin' is not inside the model's folder", OUTSIDE),
    ({"location": "sub/../../c.bin"}, "its data file 'sub/../../c.bin' is not inside the model's folder", OUTSIDE),
    ({"location": "/etc/hostname"}, "its data file '/etc/hostname' is not inside the model's folder", OUTSIDE),
    ({"location": ""}, "its data file '' is not inside the model's folder", OUTSIDE),
    ({"location": "link.bin"}, "its data file 'link.bin' is not inside the model's folder", OUTSIDE),
    ({"location": "way/c.bin"}, "its data file 'way/c.bin' is not inside the model's folder", OUTSIDE),
    ({"location": "none.bin"}, "its data file 'none.bin' is missing", "Copy the data file next to the model."),
    ({"location": "c.bin", "length": "99"}, "c.bin has no 99 bytes at offset 0", BESIDE),
    ({"location": "c.bin", "offset": "99"}, "c.bin has no 0 bytes at offset 99", BESIDE),
    ({"location": "c.bin", "offset": "-4"}, "'-4' is not a number of bytes", "Export the model again."),
])
def test_external_data_elsewhere(entries: dict[str, str], why: str, remedy: str, tmp_path: Path) -> None:
    folder = folder_with_data(tmp_path)
    (folder / "link.bin").symlink_to(tmp_path / "c.bin")
    (folder / "way").symlink_to(tmp_path)
    error = refusal(lambda: imported(external(**entries), folder))
    assert (error.code, error.where, error.why, error.help) == ("external-data", "c", why, remedy)


def test_external_data_of_a_constant_node(tmp_path: Path) -> None:
    """A tensor in an attribute is fenced too."""
    tensor = external("../c.bin").graph.initializer[0]
    made = model([node("Constant", [], "c", value=onnx.numpy_helper.from_array(np.ones(4, np.float32), "c")),
                  node("Add", ["x", "c"])])
    made.graph.node[0].attribute[0].t.CopyFrom(tensor)
    assert refusal(lambda: imported(made, folder_with_data(tmp_path))).code == "external-data"


def test_names_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(one("Relu", name="marked").SerializeToString().replace(b"marked", b"\xff\xfe\xff\xfe\xff\xfe"))
    assert str(refusal(lambda: load(path))) == (
        f"not-onnx: {path}: a name in the file is not text. Export the model again.")
