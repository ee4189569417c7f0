"""Where each of our tensors stands in the published checkpoint.

The published names follow the reference implementation's modules. `module_names` is the whole map,
one line a kind of module, from our module path to the published one; a tensor's last name (weight,
bias, running_mean, ...) is the same on both sides but for `SINGLE_NAMES`.
"""

from __future__ import annotations

import re
from typing import Any

from xtts_lab.model import ModelConfig
from xtts_lab.types import Part

SINGLE_NAMES = {
    "conditioner.mel.mel_stats": "mel_stats",
    "conditioner.resampler.latents": "gpt.conditioning_perceiver.latents",
    "conditioner.resampler.norm.weight": "gpt.conditioning_perceiver.norm.gamma",
}

# Hugging Face's GPT-2 keeps these as [in, out]; ours are plain linear layers, [out, in].
TRANSPOSED = re.compile(r"gpt\.blocks\.\d+\.(attention\.(qkv|out)|mlp\.(up|down))\.weight")

# What checkpoints carry beside weights: constants that we compute, copies that share storage with
# their originals, causal masks that older transformers stored, and a fine-tune's training modules.
IGNORED = re.compile(
    r"hifigan_decoder\.speaker_encoder\.torch_spec\..*"
    r"|gpt\.gpt_inference\..*|gpt\.gpt\.wte\..*"
    r"|gpt\.gpt\.h\.\d+\.attn\.(bias|masked_bias)"
    r"|(dvae|torch_mel_spectrogram_style_encoder|torch_mel_spectrogram_dvae)\..*"
    # Of XTTS v1: a code prompt that nothing calls, and what earlier versions spoke with.
    r"|gpt\.prompt_(pos_)?embedding\..*|(ne_hifigan_decoder|diffusion_decoder|vocoder)\..*"
)


def published_name(name: str, modules: dict[str, str]) -> str:
    """Return the published name of our tensor `name`; `modules` comes from `module_names`."""
    if name in SINGLE_NAMES:
        return SINGLE_NAMES[name]
    module, _, leaf = name.rpartition(".")
    return f"{modules[module]}.{leaf}"


def is_transposed(name: str) -> bool:
    """Whether our tensor `name` is stored as its transpose."""
    return TRANSPOSED.fullmatch(name) is not None


def is_ignored(published: str) -> bool:
    """Whether a published tensor is known and not needed."""
    return IGNORED.fullmatch(published) is not None


def module_names(config: ModelConfig) -> dict[str, str]:
    """Return our module path -> published module path, for a model of these sizes."""
    return {
        **_gpt(config.gpt.layers),
        **_conditioner(config.conditioner),
        **_vocoder(config),
        **_speaker_encoder(config),
    }


def _gpt(layers: int) -> dict[str, str]:
    names = {
        "gpt.text_embedding": "gpt.text_embedding",
        "gpt.audio_embedding": "gpt.mel_embedding",
        "gpt.text_position": "gpt.text_pos_embedding.emb",
        "gpt.audio_position": "gpt.mel_pos_embedding.emb",
        "gpt.stack_norm": "gpt.gpt.ln_f",
        "gpt.final_norm": "gpt.final_norm",
        "gpt.text_head": "gpt.text_head",
        "gpt.audio_head": "gpt.mel_head",
    }
    for i in range(layers):
        names[f"gpt.blocks.{i}.attention_norm"] = f"gpt.gpt.h.{i}.ln_1"
        names[f"gpt.blocks.{i}.attention.qkv"] = f"gpt.gpt.h.{i}.attn.c_attn"
        names[f"gpt.blocks.{i}.attention.out"] = f"gpt.gpt.h.{i}.attn.c_proj"
        names[f"gpt.blocks.{i}.mlp_norm"] = f"gpt.gpt.h.{i}.ln_2"
        names[f"gpt.blocks.{i}.mlp.up"] = f"gpt.gpt.h.{i}.mlp.c_fc"
        names[f"gpt.blocks.{i}.mlp.down"] = f"gpt.gpt.h.{i}.mlp.c_proj"
    return names


def _conditioner(part: Part) -> dict[str, str]:
    """Of the mel encoder and, in v2, the Perceiver."""
    names = {"conditioner.encoder.input": "gpt.conditioning_encoder.init"}
    for i in range(_count(part, "encoder_blocks")):
        ours, theirs = f"conditioner.encoder.blocks.{i}", f"gpt.conditioning_encoder.attn.{i}"
        names[f"{ours}.norm"] = f"{theirs}.norm"
        names[f"{ours}.qkv"] = f"{theirs}.qkv"
        names[f"{ours}.out"] = f"{theirs}.proj_out"
    for i in range(_count(part, "depth")):
        ours = f"conditioner.resampler.layers.{i}"
        theirs = f"gpt.conditioning_perceiver.layers.{i}"
        names[f"{ours}.attention.query"] = f"{theirs}.0.to_q"
        names[f"{ours}.attention.key_value"] = f"{theirs}.0.to_kv"
        names[f"{ours}.attention.out"] = f"{theirs}.0.to_out"
        names[f"{ours}.mlp.up"] = f"{theirs}.1.0"
        names[f"{ours}.mlp.down"] = f"{theirs}.1.2"
    return names


def _vocoder(config: ModelConfig) -> dict[str, str]:
    ours, theirs = "vocoder.generator", "hifigan_decoder.waveform_decoder"
    settings: Any = config.vocoder.settings
    names = {
        f"{ours}.input": f"{theirs}.conv_pre",
        f"{ours}.speaker": f"{theirs}.cond_layer",
        f"{ours}.output": f"{theirs}.conv_post",
    }
    for i in range(len(settings["rates"])):
        names[f"{ours}.stages.{i}.upsample"] = f"{theirs}.ups.{i}"
        names[f"{ours}.stages.{i}.speaker"] = f"{theirs}.conds.{i}"
        for j, dilations in enumerate(settings["dilations"]):
            block = f"{theirs}.resblocks.{i * len(settings['kernels']) + j}"
            for k in range(len(dilations)):
                names[f"{ours}.stages.{i}.blocks.{j}.dilated.{k}"] = f"{block}.convs1.{k}"
                names[f"{ours}.stages.{i}.blocks.{j}.plain.{k}"] = f"{block}.convs2.{k}"
    return names


def _count(part: Part, key: str) -> int:
    """How many blocks of a kind a part has; none where it has no such setting."""
    value = part.settings.get(key, 0)
    return value if isinstance(value, int) else 0


def _speaker_encoder(config: ModelConfig) -> dict[str, str]:
    ours, theirs = "speaker_encoder", "hifigan_decoder.speaker_encoder"
    names = {
        f"{ours}.input": f"{theirs}.conv1",
        f"{ours}.norm": f"{theirs}.bn1",
        f"{ours}.pool.hidden": f"{theirs}.attention.0",
        f"{ours}.pool.norm": f"{theirs}.attention.2",
        f"{ours}.pool.score": f"{theirs}.attention.3",
        f"{ours}.projection": f"{theirs}.fc",
    }
    parts = {
        "conv1": "conv1",
        "norm1": "bn1",
        "conv2": "conv2",
        "norm2": "bn2",
        "gate.squeeze": "se.fc.0",
        "gate.excite": "se.fc.2",
        "shortcut": "downsample.0",
        "shortcut_norm": "downsample.1",
    }
    blocks = () if config.speaker_encoder is None else config.speaker_encoder.blocks
    for i, count in enumerate(blocks):
        for j in range(count):
            for part, published in parts.items():
                names[f"{ours}.stages.{i}.{j}.{part}"] = f"{theirs}.layer{i + 1}.{j}.{published}"
    return names
