"""Whisper base from the two wheels: the file format, the renaming, the cached conversion."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from xtts_lab.errors import UsageError
from xtts_lab.instruments.whisper import ctranslate2_format
from xtts_lab.instruments.whisper import layout as whisper_layout
from xtts_lab.instruments.whisper import offline as whisper_offline
from xtts_lab.instruments.whisper.ctranslate2_format import FormatError

TYPES = {np.float32: 0, np.int8: 1, np.int16: 2, np.int32: 3, np.float16: 4}
needs_wheels = pytest.mark.skipif(
    not whisper_offline.installed(), reason="the wheels of the `offline` extra are not installed"
)


def string(text: str) -> bytes:
    return struct.pack("<H", len(text.encode()) + 1) + text.encode() + b"\0"


def variable(name: str, array: np.ndarray[Any, Any]) -> bytes:
    dimensions = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
    kind = struct.pack("<BI", TYPES[array.dtype.type], array.nbytes)
    return string(name) + dimensions + kind + array.tobytes()


def model_file(
    variables: dict[str, np.ndarray[Any, Any]],
    aliases: dict[str, str] | None = None,
    version: int = 6,
    specification: str = "WhisperSpec",
) -> bytes:
    """Write CTranslate2's layout."""
    head = struct.pack("<I", version) + string(specification) + struct.pack("<I", 3)
    body = b"".join(variable(name, array) for name, array in variables.items())
    tail = b"".join(string(a) + string(b) for a, b in (aliases or {}).items())
    count = struct.pack("<I", len(variables)), struct.pack("<I", len(aliases or {}))
    return head + count[0] + body + count[1] + tail


def one_variable(shape: int, kind: int, size: int, name: bytes = b"a\0") -> bytes:
    """A file with one variable of rank 1, whose fields need not agree."""
    head = struct.pack("<I", 6) + string("Spec") + struct.pack("<II", 1, 1)
    body = struct.pack("<H", len(name)) + name + struct.pack("<BIBI", 1, shape, kind, size)
    return head + body + bytes(size) + struct.pack("<I", 0)


EXAMPLE = {
    f"layer/{dtype.__name__}": np.arange(6, dtype=dtype).reshape(shape)
    for dtype, shape in zip(TYPES, [(6,), (2, 3), (3, 2), (1, 6), (1, 2, 3)], strict=True)
} | {"scalar": np.array(-3, dtype=np.int8)}


def test_every_type_shape_and_alias_is_read() -> None:
    model = ctranslate2_format.parse(model_file(EXAMPLE, {"tied": "layer/float16"}))
    assert (model.specification, model.revision) == ("WhisperSpec", 3)
    assert set(model.variables) == {*EXAMPLE, "tied"}
    for name, array in EXAMPLE.items():
        assert model.variables[name].dtype == array.dtype
        np.testing.assert_array_equal(model.variables[name], array)
    np.testing.assert_array_equal(model.variables["tied"], EXAMPLE["layer/float16"])


@given(st.data())
def test_a_file_cut_anywhere_is_refused(data: st.DataObject) -> None:
    whole = model_file(EXAMPLE, {"tied": "scalar"})
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(FormatError, match="truncated"):
        ctranslate2_format.parse(whole[:cut])


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        ctranslate2_format.parse(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (model_file(EXAMPLE, version=5), "file version 5"),
        (model_file(EXAMPLE) + b"x", "1 bytes after"),
        (model_file(EXAMPLE, {"tied": "nobody"}), "alias 'tied' of 'nobody'"),
        (one_variable(shape=2, kind=9, size=2), "type 9"),
        (one_variable(shape=3, kind=1, size=2), "cannot hold 2 bytes"),
        (one_variable(shape=3, kind=0, size=3), "cannot hold 3 bytes"),
        (one_variable(shape=2, kind=1, size=2, name=b"\xff\0"), "not UTF-8"),
    ],
)
def test_what_is_wrong_is_named(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        ctranslate2_format.parse(data)


def small_whisper() -> Any:
    """A random Whisper, two layers and three, all parameters drawn, so that a mix-up shows."""
    from whisper.model import ModelDimensions, Whisper

    torch.manual_seed(0)
    network = Whisper(ModelDimensions(80, 20, 24, 2, 2, 51865, 12, 24, 3, 3))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network


def as_ctranslate2(network: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Lay a Whisper out as CTranslate2's converter does, block by block."""
    found: dict[str, np.ndarray[Any, Any]] = {}

    def put(name: str, *tensors: torch.Tensor) -> None:
        found[name] = torch.cat([t.detach() for t in tensors]).numpy()

    def norm(name: str, module: Any) -> None:
        put(f"{name}/gamma", module.weight)
        put(f"{name}/beta", module.bias)

    def linear(name: str, *modules: Any) -> None:
        put(f"{name}/weight", *(m.weight for m in modules))
        zeros = torch.zeros(modules[0].weight.shape[0])
        put(f"{name}/bias", *(zeros if m.bias is None else m.bias for m in modules))

    for side, half in (("encoder", network.encoder), ("decoder", network.decoder)):
        found[f"{side}/num_heads"] = np.array(half.blocks[0].attn.n_head, np.int16)
        put(f"{side}/position_encodings/encodings", half.positional_embedding)
        for i, block in enumerate(half.blocks):
            at, attention = f"{side}/layer_{i}", block.attn
            norm(f"{at}/self_attention/layer_norm", block.attn_ln)
            linear(f"{at}/self_attention/linear_0", attention.query, attention.key, attention.value)
            linear(f"{at}/self_attention/linear_1", attention.out)
            norm(f"{at}/ffn/layer_norm", block.mlp_ln)
            linear(f"{at}/ffn/linear_0", block.mlp[0])
            linear(f"{at}/ffn/linear_1", block.mlp[2])
            if (cross := block.cross_attn) is not None:
                norm(f"{at}/attention/layer_norm", block.cross_attn_ln)
                linear(f"{at}/attention/linear_0", cross.query)
                linear(f"{at}/attention/linear_1", cross.key, cross.value)
                linear(f"{at}/attention/linear_2", cross.out)
    linear("encoder/conv1", network.encoder.conv1)
    linear("encoder/conv2", network.encoder.conv2)
    norm("encoder/layer_norm", network.encoder.ln_post)
    norm("decoder/layer_norm", network.decoder.ln)
    put("decoder/embeddings/weight", network.decoder.token_embedding.weight)
    found["decoder/alignment_heads"] = np.zeros((2, 2), np.int16)
    return found


def test_a_converted_whisper_computes_the_same_logits() -> None:
    from whisper.model import ModelDimensions, Whisper

    network = small_whisper()
    data = model_file(
        as_ctranslate2(network), {"decoder/projection/weight": "decoder/embeddings/weight"}
    )
    checkpoint = whisper_layout.convert(ctranslate2_format.parse(data))
    rebuilt = Whisper(ModelDimensions(**checkpoint["dims"]))
    rebuilt.load_state_dict(checkpoint["model_state_dict"], strict=True)

    assert rebuilt.dims == network.dims
    mel, tokens = torch.randn(1, 80, 40), torch.tensor([[50258, 50259, 50359, 7]])
    with torch.no_grad():
        torch.testing.assert_close(rebuilt(mel, tokens), network(mel, tokens), rtol=0, atol=0)


def test_what_is_no_whisper_is_refused() -> None:
    variables = as_ctranslate2(small_whisper())

    def refused(changed: dict[str, np.ndarray[Any, Any]], message: str, name: str = "") -> None:
        data = model_file(changed, specification=name or "WhisperSpec")
        with pytest.raises(FormatError, match=message):
            whisper_layout.convert(ctranslate2_format.parse(data))

    key_bias = {"encoder/layer_1/self_attention/linear_0/bias": np.ones(72, np.float32)}
    refused(variables, "TransformerSpec", "TransformerSpec")
    refused(variables | {"decoder/extra": np.ones(2, np.float32)}, "decoder/extra")
    refused(variables | key_bias, "key bias")
    refused({k: v for k, v in variables.items() if "num_heads" not in k}, "num_heads")


@needs_wheels
def test_the_wheels_become_a_checkpoint_that_openai_whisper_loads_strictly() -> None:
    import whisper

    path = whisper_offline.checkpoint()
    network = whisper.load_model(str(path), device="cpu")  # strict: no missing, no unexpected key
    assert network.dims == whisper.model.ModelDimensions(80, 1500, 512, 8, 6, 51865, 448, 512, 8, 6)
    # OpenAI's sinusoids are a formula; the position table was only carried, never computed here.
    sinusoids = whisper.model.sinusoids(1500, 512)
    assert (network.encoder.positional_embedding - sinusoids).abs().max() < 5e-4  # fp16 storage


@needs_wheels
def test_the_conversion_is_kept_and_a_damaged_one_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XTTS_LAB_CACHE", str(tmp_path))
    path = whisper_offline.checkpoint()
    whole = path.read_bytes()
    made = path.stat().st_mtime_ns
    assert whisper_offline.checkpoint() == path
    assert path.stat().st_mtime_ns == made

    path.write_bytes(whole[:-1])
    assert whisper_offline.checkpoint().read_bytes() == whole
    assert sorted(p.suffix for p in path.parent.iterdir()) == [".pt", ".sha256"]


@needs_wheels
def test_a_cache_that_cannot_be_written_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XTTS_LAB_CACHE", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="XTTS_LAB_CACHE"):
        whisper_offline.checkpoint()
