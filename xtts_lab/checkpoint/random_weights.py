"""Checkpoints with random weights, in the published format: for tests, parity and demonstrations.

Their speech means nothing. Scales are such that no part is idle: attention is not uniform, logits
differ, the waveform is neither silent nor clipped, and norms and running statistics are not those
of an untrained model, so that a tensor in the wrong place shows.
"""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import torch
from torch import Tensor

from xtts_lab.checkpoint.config_json import to_published
from xtts_lab.checkpoint.dvae import published_dvae_state, random_dvae
from xtts_lab.checkpoint.names import is_transposed, module_names, published_name
from xtts_lab.checkpoint.speakers import save_speakers
from xtts_lab.checkpoint.vocabulary import character_vocabulary
from xtts_lab.model import ModelConfig, XttsModel
from xtts_lab.types import Voice


def random_checkpoint(
    folder: Path,
    config: ModelConfig,
    seed: int = 0,
    vocabulary: Path | None = None,
    speakers: tuple[str, ...] = (),
) -> None:
    """Write `config.json`, `model.pth`, `vocab.json` and, with `speakers`, `speakers_xtts.pth`.

    A DVAE in `config` goes into files of its own, `dvae.pth` and `mel_stats.pth`. Same seed, same
    weights. Without a `vocabulary` a character-level one of the model's size is written.
    `config.json` says `weights_random`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    model = XttsModel(config)
    randomise(model, generator)
    torch.save({"model": published_state(model)}, folder / "model.pth")
    if model.dvae is not None:
        torch.save(published_dvae_state(model.dvae), folder / "dvae.pth")
        torch.save(model.dvae.mel.mel_stats.clone(), folder / "mel_stats.pth")
    data = {**to_published(config), "weights_random": True}
    (folder / "config.json").write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    if vocabulary is None:
        text = json.dumps(character_vocabulary(config.gpt.text_tokens, config.gpt.start_text))
        (folder / "vocab.json").write_text(text, encoding="utf-8")
    else:
        shutil.copyfile(vocabulary, folder / "vocab.json")
    if speakers:
        voices = {name: _random_voice(model, generator) for name in speakers}
        save_speakers(folder / "speakers_xtts.pth", voices)


@torch.no_grad()
def randomise(model: XttsModel, generator: torch.Generator) -> None:
    """Fill every tensor of a model in place."""
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not name.startswith("dvae."):
            tensor.copy_(_random(name, tensor, generator))
    if model.config.dvae is not None:
        model.dvae = random_dvae(model.config.dvae, generator)


def _random(name: str, tensor: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.randn(tensor.shape, generator=generator)
    if name.endswith(("running_var", "mel_stats")):
        return 1.0 + 0.3 * noise.abs()
    if "norm" in name and name.endswith("weight"):
        return 1.0 + 0.1 * noise
    if tensor.ndim < 2:
        return 0.1 * noise
    if "embedding" in name or "_position" in name:
        return 0.5 * noise
    if name.endswith("latents"):
        return noise
    fan_in = tensor.numel() // tensor.shape[0]
    if "upsample" in name:  # [in, out, kernel], of which a sample sees kernel / rate taps
        fan_in = tensor.shape[0] * 2
    gain = 0.3 if name.endswith("generator.output.weight") else 1.0
    return noise * gain / math.sqrt(fan_in)


def published_state(model: XttsModel) -> dict[str, Tensor]:
    """Return the model's tensors under their published names and layouts."""
    modules = module_names(model.config)
    state: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        if name.startswith("dvae."):
            continue
        published = published_name(name, modules)
        stored = tensor.detach().t().contiguous() if is_transposed(name) else tensor.detach()
        if _is_weight_normalised(name):
            scale, direction = _factors(stored)
            module = published.removesuffix(".weight")
            state[f"{module}.parametrizations.weight.original0"] = scale
            state[f"{module}.parametrizations.weight.original1"] = direction
        else:
            state[published] = stored
    return state | _constants(model)


def _is_weight_normalised(name: str) -> bool:
    parts = (".upsample.", ".dilated.", ".plain.")
    return name.startswith("vocoder.") and name.endswith("weight") and any(p in name for p in parts)


def _factors(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Split a weight into lengths and directions, the latter of an arbitrary length."""
    lengths = weight.flatten(1).norm(dim=1).view(-1, *[1] * (weight.ndim - 1))
    return lengths, weight * 1.5


def _constants(model: XttsModel) -> dict[str, Tensor]:
    """What the reference stores beside: its speaker front end and, in v1, an idle code prompt."""
    assert model.speaker_encoder is not None, "published checkpoints have one"
    front, prefix = model.speaker_encoder.mel, "hifigan_decoder.speaker_encoder.torch_spec"
    return {
        f"{prefix}.0.filter": torch.tensor([[[-front.preemphasis, 1.0]]]),
        f"{prefix}.1.spectrogram.window": front.mel.window,
        f"{prefix}.1.mel_scale.fb": front.mel.filters,
        **(_code_prompt(model) if model.config.conditioner.name == "encoder_sequence" else {}),
    }


def _code_prompt(model: XttsModel) -> dict[str, Tensor]:
    tokens, width = model.config.gpt.audio_tokens, model.config.gpt.width
    return {
        "gpt.prompt_embedding.weight": torch.zeros(tokens, width),
        "gpt.prompt_pos_embedding.emb.weight": torch.zeros(216, width),
    }


def _random_voice(model: XttsModel, generator: torch.Generator) -> Voice:
    """A voice of the length that the conditioner makes of a second of noise."""
    second = torch.randn(1, model.conditioner.intake.sample_rate, generator=generator)
    prefix = torch.randn(model.conditioner(second)[0].shape, generator=generator)
    embedding = torch.randn(model.config.sizes.embedding, generator=generator)
    return Voice(prefix, embedding / embedding.norm())
