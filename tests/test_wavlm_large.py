"""seed-tts-eval's speaker judge, on a tiny checkpoint in the names of the published one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  as everybody calls it

from xtts_lab import audio
from xtts_lab.errors import UsageError
from xtts_lab.instruments.wavlm_large.judge import WavLmLargeSv
from xtts_lab.torchaudio_cpu import import_torchaudio
from xtts_lab.types import Audio

import_torchaudio()  # transformers looks for it, and it fails beside CPU-only torch
transformers = pytest.importorskip("transformers", reason="xtts_lab[speakers] is not installed")
WIDTH, LAYERS, CHANNELS, EMBEDDING = 32, 3, 16, 8


def published_name(name: str) -> str:
    """Return the authors' name of one of transformers' tensors."""
    parts = name.split(".")
    if parts[0] == "feature_extractor":
        inner = "0" if parts[3] == "conv" else "2.1"
        return f"feature_extractor.conv_layers.{parts[2]}.{inner}.{parts[-1]}"
    if parts[0] == "feature_projection":
        return f"{'layer_norm' if parts[1] == 'layer_norm' else 'post_extract_proj'}.{parts[-1]}"
    if "pos_conv_embed" in parts:
        last = {"original0": "weight_g", "original1": "weight_v"}.get(parts[-1], "bias")
        return f"encoder.pos_conv.0.{last}"
    if parts[:2] == ["encoder", "layers"]:
        at = f"encoder.layers.{parts[2]}"
        table = {
            "attention.rel_attn_embed": "self_attn.relative_attention_bias",
            "attention.gru_rel_pos_linear": "self_attn.grep_linear",
            "attention.gru_rel_pos_const": "self_attn.grep_a",
            "feed_forward.intermediate_dense": "fc1", "feed_forward.output_dense": "fc2",
            "layer_norm": "self_attn_layer_norm", "final_layer_norm": "final_layer_norm",
        }  # fmt: skip
        rest = ".".join(parts[3:])
        for ours, theirs in table.items():
            if rest == ours or rest.startswith(f"{ours}."):
                return f"{at}.{theirs}{rest.removeprefix(ours)}"
        return f"{at}.{rest.replace('attention.', 'self_attn.')}"
    return "mask_emb" if name == "masked_spec_embed" else name


def head_tensors() -> dict[str, Tensor]:
    """Random tensors of the head, in the authors' names and shapes."""
    made: dict[str, Tensor] = {"feature_weight": torch.randn(LAYERS + 1)}

    def layer(name: str, *shape: int) -> None:
        made[f"{name}.weight"] = torch.randn(*shape) / max(1, shape[1]) ** 0.5
        made[f"{name}.bias"] = torch.randn(shape[0]) * 0.1

    def norm(name: str, size: int) -> None:
        made[f"{name}.weight"], made[f"{name}.bias"] = torch.rand(size) + 0.5, torch.randn(size)
        made[f"{name}.running_mean"], made[f"{name}.running_var"] = (
            torch.randn(size) * 0.1, torch.rand(size) + 0.5,
        )  # fmt: skip

    layer("layer1.conv", CHANNELS, WIDTH, 5)
    norm("layer1.bn", CHANNELS)
    inner = CHANNELS // 8
    for i in (2, 3, 4):
        for part in ("Conv1dReluBn1", "Conv1dReluBn2"):
            layer(f"layer{i}.{part}.conv", CHANNELS, CHANNELS, 1)
            norm(f"layer{i}.{part}.bn", CHANNELS)
        for k in range(7):
            layer(f"layer{i}.Res2Conv1dReluBn.convs.{k}", inner, inner, 3)
            norm(f"layer{i}.Res2Conv1dReluBn.bns.{k}", inner)
        layer(f"layer{i}.SE_Connect.linear1", 128, CHANNELS)
        layer(f"layer{i}.SE_Connect.linear2", CHANNELS, 128)
    layer("conv", 1536, 3 * CHANNELS, 1)
    layer("pooling.linear1", 128, 1536, 1)
    layer("pooling.linear2", 1536, 128, 1)
    norm("bn", 3072)
    layer("linear", EMBEDDING, 3072)
    return made


def head_by_hand(w: dict[str, Tensor], states: Tensor) -> Tensor:
    """The head once more, as functions of the published names."""

    def conv(name: str, x: Tensor, **how: int) -> Tensor:
        return F.conv1d(x, w[f"{name}.weight"], w[f"{name}.bias"], **how)

    def norm(name: str, x: Tensor) -> Tensor:
        mean, var = w[f"{name}.running_mean"], w[f"{name}.running_var"]
        return F.batch_norm(x, mean, var, w[f"{name}.weight"], w[f"{name}.bias"])

    def linear(name: str, x: Tensor) -> Tensor:
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    x = torch.einsum("h,hbfd->bdf", w["feature_weight"].softmax(0), states) + 1e-6
    x = (x - x.mean(2, keepdim=True)) / (x.var(2, unbiased=False, keepdim=True) + 1e-5).sqrt()
    x = norm("layer1.bn", F.relu(conv("layer1.conv", x, padding=2)))
    outs = []
    for i in (2, 3, 4):
        name = f"layer{i}"
        y = norm(f"{name}.Conv1dReluBn1.bn", F.relu(conv(f"{name}.Conv1dReluBn1.conv", x)))
        split = y.split(CHANNELS // 8, dim=1)
        pieces: list[Tensor] = []
        for k in range(7):
            piece = split[k] if k == 0 else pieces[-1] + split[k]
            piece = conv(f"{name}.Res2Conv1dReluBn.convs.{k}", piece, padding=i, dilation=i)
            pieces.append(norm(f"{name}.Res2Conv1dReluBn.bns.{k}", F.relu(piece)))
        y = torch.cat([*pieces, split[7]], dim=1)
        y = norm(f"{name}.Conv1dReluBn2.bn", F.relu(conv(f"{name}.Conv1dReluBn2.conv", y)))
        gate = F.relu(linear(f"{name}.SE_Connect.linear1", y.mean(2)))
        x = x + y * torch.sigmoid(linear(f"{name}.SE_Connect.linear2", gate))[:, :, None]
        outs.append(x)
    y = F.relu(conv("conv", torch.cat(outs, dim=1)))
    share = conv("pooling.linear2", torch.tanh(conv("pooling.linear1", y))).softmax(2)
    mean = (share * y).sum(2)
    deviation = ((share * y**2).sum(2) - mean**2).clamp(min=1e-9).sqrt()
    return linear("linear", norm("bn", torch.cat([mean, deviation], dim=1)))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, dict[str, Tensor]]:
    torch.manual_seed(0)
    config = transformers.WavLMConfig(
        hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=4, intermediate_size=48,
        conv_dim=[16] * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4,
        num_buckets=32, feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=False,
        layerdrop=0.0, apply_spec_augment=False,
    )  # fmt: skip
    wavlm = transformers.WavLMModel(config).eval()
    body = {
        f"feature_extract.model.{published_name(name)}": tensor
        for name, tensor in wavlm.state_dict().items()
    }
    head = head_tensors()
    path = tmp_path_factory.mktemp("wavlm") / "wavlm_large_finetune.pth"
    torch.save(
        {"model": {**body, **head, "loss_calculator.projection.weight": torch.ones(2)}}, path
    )
    return path, wavlm, head


def speech() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(16_000) * 0.1


def test_the_embedding_is_that_of_the_published_network(
    tiny: tuple[Path, Any, dict[str, Tensor]],
) -> None:
    path, wavlm, head = tiny
    samples = speech()
    levelled = (samples - samples.mean()) / (samples.var(unbiased=False) + 1e-5).sqrt()
    with torch.inference_mode():
        states = wavlm(levelled[None], output_hidden_states=True).hidden_states
        expected = head_by_hand(head, torch.stack(states))[0]
    for model in (path, path.parent):
        made = WavLmLargeSv(model=str(model), device="cpu").embed(samples)
        torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-4)


def test_what_is_not_the_checkpoint_is_a_mistake(
    tiny: tuple[Path, Any, dict[str, Tensor]], tmp_path: Path
) -> None:
    whole = torch.load(tiny[0], weights_only=True)["model"]
    key = "feature_extract.model.encoder.layers.1.fc1.weight"
    cases = {
        "absent": (None, "no file"),
        "other": ({"a": torch.ones(1)}, "no feature_weight"),
        "lacking": ({k: v for k, v in whole.items() if k != key}, "lacks encoder.layers.1.feed"),
        "headless": ({k: v for k, v in whole.items() if k != "linear.weight"}, "output.weight"),
        "wrong": ({**whole, "layer1.bn.bias": torch.ones(3)}, "does not fit"),
    }
    for name, (content, says) in cases.items():
        path = tmp_path / f"{name}.pth"
        if content is not None:
            torch.save({"model": content}, path)
        with pytest.raises(UsageError, match=re.escape(says)):
            WavLmLargeSv(model=str(path), device="cpu").embed(speech())


def test_clips_without_speech_are_failures(
    tiny: tuple[Path, Any, dict[str, Tensor]], tmp_path: Path
) -> None:
    audio.save(tmp_path / "silent.wav", Audio(torch.zeros(32_000), 16_000))
    found = WavLmLargeSv(model=str(tiny[0]), device="cpu").judge(tmp_path / "silent.wav")
    assert "too short" in getattr(found, "error", "")
