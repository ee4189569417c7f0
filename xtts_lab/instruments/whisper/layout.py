"""Rename a CTranslate2 Whisper to openai-whisper's layout.

CTranslate2 stacks projections that read the same input along their output dimension, names the
normalisation's weight and bias gamma and beta, and stores a key bias of zeros that Whisper lacks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xtts_lab.instruments.whisper.ctranslate2_format import FormatError, Model

Array = NDArray[np.generic]

# CTranslate2 module -> openai-whisper module; attention projections are handled apart.
_TOP = {
    "encoder/conv1": "encoder.conv1",
    "encoder/conv2": "encoder.conv2",
    "encoder/layer_norm": "encoder.ln_post",
    "decoder/layer_norm": "decoder.ln",
}
_BLOCK = {
    "self_attention/layer_norm": "attn_ln",
    "attention/layer_norm": "cross_attn_ln",
    "ffn/layer_norm": "mlp_ln",
    "ffn/linear_0": "mlp.0",
    "ffn/linear_1": "mlp.2",
}
# Projections that CTranslate2 stacks along the output dimension, in order.
_STACKED = {
    "self_attention/linear_0": ("attn.query", "attn.key", "attn.value"),
    "self_attention/linear_1": ("attn.out",),
    "attention/linear_0": ("cross_attn.query",),
    "attention/linear_1": ("cross_attn.key", "cross_attn.value"),
    "attention/linear_2": ("cross_attn.out",),
}
_PARAMETER = {"gamma": "weight", "beta": "bias", "weight": "weight", "bias": "bias"}
_WHOLE = {
    "decoder/embeddings/weight": "decoder.token_embedding.weight",
    "encoder/position_encodings/encodings": "encoder.positional_embedding",
    "decoder/position_encodings/encodings": "decoder.positional_embedding",
}


def convert(model: Model) -> dict[str, Any]:
    """Turn CTranslate2's Whisper into openai-whisper's `{"dims": ..., "model_state_dict": ...}`.

    Raises `FormatError` where a variable is absent or has no counterpart.
    """
    import torch

    if model.specification != "WhisperSpec":
        raise FormatError(f"a {model.specification}, not a WhisperSpec")
    state = {
        name: torch.from_numpy(array.copy())
        for source, variable in model.variables.items()
        if variable.ndim > 0
        for name, array in _renamed(source, variable)
    }
    return {"dims": _dimensions(model.variables), "model_state_dict": state}


def _renamed(source: str, variable: Array) -> Iterator[tuple[str, Array]]:
    """Yield one variable under openai-whisper's names, stacked projections apart."""
    if source in _WHOLE:
        yield _WHOLE[source], variable
        return
    module, _, parameter = source.rpartition("/")
    kind = _PARAMETER.get(parameter, parameter)
    block = re.fullmatch(r"(encoder|decoder)/layer_(\d+)/(.+)", module)
    if module in _TOP:
        yield f"{_TOP[module]}.{kind}", variable
    elif block and block[3] in _BLOCK:
        yield f"{block[1]}.blocks.{block[2]}.{_BLOCK[block[3]]}.{kind}", variable
    elif block and block[3] in _STACKED:
        names = _STACKED[block[3]]
        for name, part in zip(names, _split(variable, len(names)), strict=True):
            if not (name.endswith("key") and kind == "bias"):
                yield f"{block[1]}.blocks.{block[2]}.{name}.{kind}", part
            elif part.any():  # openai-whisper's keys have none; CTranslate2 stores zeros
                raise FormatError(f"variable '{source}' has a key bias")
    elif source not in ("decoder/projection/weight", "decoder/alignment_heads"):
        raise FormatError(f"variable '{source}' is not part of Whisper")


def _split(variable: Array, parts: int) -> list[Array]:
    size, rest = divmod(variable.shape[0], parts)
    if rest:
        raise FormatError(f"{variable.shape[0]} rows do not make {parts} parts")
    return [variable[i * size : (i + 1) * size] for i in range(parts)]


def _dimensions(variables: Mapping[str, Array]) -> dict[str, int]:
    """Read the sizes of `whisper.model.ModelDimensions` off the variables."""

    try:
        audio_context, width = variables["encoder/position_encodings/encodings"].shape
        text_context, text_width = variables["decoder/position_encodings/encodings"].shape
        return {
            "n_mels": variables["encoder/conv1/weight"].shape[1],
            "n_audio_ctx": audio_context,
            "n_audio_state": width,
            "n_audio_head": int(variables["encoder/num_heads"]),
            "n_audio_layer": _layers(variables, "encoder"),
            "n_vocab": variables["decoder/embeddings/weight"].shape[0],
            "n_text_ctx": text_context,
            "n_text_state": text_width,
            "n_text_head": int(variables["decoder/num_heads"]),
            "n_text_layer": _layers(variables, "decoder"),
        }
    except KeyError as error:
        raise FormatError(f"variable {error} is absent") from error


def _layers(variables: Mapping[str, Array], side: str) -> int:
    return len({m[1] for name in variables if (m := re.match(rf"{side}/layer_(\d+)/", name))})
