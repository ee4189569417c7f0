"""The published checkpoint, renamed: WavLM as transformers names it, and the head as we do.

The file holds `model`, a state dict: WavLM in its authors' names below `feature_extract.model.`,
and the head. Sizes are read from the tensors.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xtts_lab.errors import UsageError
from xtts_lab.instruments.wavlm_large.head import Head

if TYPE_CHECKING:
    from torch import Tensor

FILE = "wavlm_large_finetune.pth"
_BODY = "feature_extract.model."
_STRIDES = [5, 2, 2, 2, 2, 2, 2]
_OF_BODY = (
    (r"feature_extractor\.conv_layers\.(\d+)\.0\.", r"feature_extractor.conv_layers.\1.conv."),
    (
        r"feature_extractor\.conv_layers\.(\d+)\.2\.1\.",
        r"feature_extractor.conv_layers.\1.layer_norm.",
    ),
    (r"post_extract_proj\.", "feature_projection.projection."),
    (r"layer_norm\.", "feature_projection.layer_norm."),
    (
        r"encoder\.pos_conv\.0\.weight_g",
        "encoder.pos_conv_embed.conv.parametrizations.weight.original0",
    ),
    (
        r"encoder\.pos_conv\.0\.weight_v",
        "encoder.pos_conv_embed.conv.parametrizations.weight.original1",
    ),
    (r"encoder\.pos_conv\.0\.bias", "encoder.pos_conv_embed.conv.bias"),
    (
        r"encoder\.layers\.0\.self_attn\.relative_attention_bias\.",
        "encoder.layers.0.attention.rel_attn_embed.",
    ),
    (
        r"encoder\.layers\.(\d+)\.self_attn\.grep_linear\.",
        r"encoder.layers.\1.attention.gru_rel_pos_linear.",
    ),
    (
        r"encoder\.layers\.(\d+)\.self_attn\.grep_a",
        r"encoder.layers.\1.attention.gru_rel_pos_const",
    ),
    (r"encoder\.layers\.(\d+)\.self_attn\.", r"encoder.layers.\1.attention."),
    (r"encoder\.layers\.(\d+)\.self_attn_layer_norm\.", r"encoder.layers.\1.layer_norm."),
    (r"encoder\.layers\.(\d+)\.fc1\.", r"encoder.layers.\1.feed_forward.intermediate_dense."),
    (r"encoder\.layers\.(\d+)\.fc2\.", r"encoder.layers.\1.feed_forward.output_dense."),
    (r"mask_emb", "masked_spec_embed"),
)
_OF_HEAD = (
    (r"feature_weight", "weights"),
    (r"layer1\.", "input."),
    (r"layer([234])\.Conv1dReluBn1\.", r"blocks.\1.before."),
    (r"layer([234])\.Conv1dReluBn2\.", r"blocks.\1.after."),
    (r"layer([234])\.Res2Conv1dReluBn\.convs\.(\d)\.", r"blocks.\1.groups.\2.conv."),
    (r"layer([234])\.Res2Conv1dReluBn\.bns\.(\d)\.", r"blocks.\1.groups.\2.bn."),
    (r"layer([234])\.SE_Connect\.linear1\.", r"blocks.\1.squeeze."),
    (r"layer([234])\.SE_Connect\.linear2\.", r"blocks.\1.excite."),
    (r"conv\.", "join."),
    (r"pooling\.linear1\.", "pool.hidden."),
    (r"pooling\.linear2\.", "pool.score."),
    (r"bn\.", "norm."),
    (r"linear\.", "output."),
)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the tensors of WavLM and of the head, renamed; runs no code from the file.

    Raises `UsageError` for what is no such checkpoint.
    """
    import torch

    try:
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise UsageError(f"wavlm_large_sv: '{path.name}' is no torch checkpoint") from error
    if isinstance(found, Mapping) and isinstance(found.get("model"), Mapping):
        found = found["model"]
    if not isinstance(found, Mapping) or "feature_weight" not in found:
        raise UsageError(
            f"wavlm_large_sv: '{path.name}' is not {FILE} of microsoft/UniSpeech: it has no "
            "feature_weight"
        )
    body = {k.removeprefix(_BODY): v for k, v in found.items() if k.startswith(_BODY)}
    head = {k: v for k, v in found.items() if not k.startswith(_BODY)}
    return _renamed(body, _OF_BODY), _numbered(_renamed(head, _OF_HEAD))


def _renamed(tensors: Mapping[str, Tensor], rules: Any) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        for pattern, replacement in rules:
            made, count = re.subn(f"^{pattern}", replacement, name)
            if count:
                name = made
                break
        found[name] = tensor
    return found


def _numbered(head: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Count blocks from 0; the file calls the first one layer 2."""
    return {
        re.sub(r"^blocks\.(\d)", lambda found: f"blocks.{int(found[1]) - 2}", name): tensor
        for name, tensor in head.items()
    }


def config_of(body: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the settings of `transformers.WavLMConfig` that fit the tensors."""
    convs = [body[f"feature_extractor.conv_layers.{i}.conv.weight"] for i in range(len(_STRIDES))]
    placed = body["encoder.pos_conv_embed.conv.parametrizations.weight.original1"]
    buckets, heads = body["encoder.layers.0.attention.rel_attn_embed.weight"].shape
    layers = {int(n.split(".")[2]) for n in body if n.startswith("encoder.layers.")}
    return {
        "hidden_size": placed.shape[0],
        "num_hidden_layers": len(layers),
        "num_attention_heads": heads,
        "num_buckets": buckets,
        "intermediate_size": body["encoder.layers.0.feed_forward.intermediate_dense.weight"].shape[
            0
        ],
        "conv_dim": [conv.shape[0] for conv in convs],
        "conv_kernel": [conv.shape[2] for conv in convs],
        "conv_stride": _STRIDES,
        "conv_bias": "feature_extractor.conv_layers.0.conv.bias" in body,
        "num_conv_pos_embeddings": placed.shape[2],
        "num_conv_pos_embedding_groups": placed.shape[0] // placed.shape[1],
        "feat_extract_norm": "layer",
        "do_stable_layer_norm": True,
        "apply_spec_augment": False,
        "layerdrop": 0.0,
    }


def networks(path: Path) -> tuple[Any, Head]:
    """Return WavLM and the head of a checkpoint. Raises `UsageError` where it lacks tensors."""
    import transformers

    body, head = read(path)
    try:
        config = transformers.WavLMConfig(**config_of(body))
        made = Head(
            len(head["weights"]),
            head["input.conv.weight"].shape[1],
            head["input.conv.weight"].shape[0],
            head["output.weight"].shape[0],
        )
    except (KeyError, IndexError, ValueError) as error:
        raise UsageError(f"wavlm_large_sv: '{path.name}' lacks {error}") from error
    wavlm = transformers.WavLMModel(config)
    for network, tensors in ((wavlm, body), (made, head)):
        report = _loaded(network, tensors, path)
        lacking = [name for name in report.missing_keys if name != "masked_spec_embed"]
        if lacking:
            raise UsageError(
                f"wavlm_large_sv: '{path.name}' lacks {lacking[0]} ({len(lacking)} tensors absent)"
            )
    return wavlm.eval(), made.eval()


def _loaded(network: Any, tensors: Mapping[str, Tensor], path: Path) -> Any:
    try:
        return network.load_state_dict(dict(tensors), strict=False)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()[:160]
        raise UsageError(f"wavlm_large_sv: '{path.name}' does not fit ({reason})") from error
