"""The published `dvae.pth` <-> our DVAE.

Like `names`: one line a kind of module. The sizes are in no configuration file, so they are read
off the tensors. What lies beside the weights serves training only and is not read: the codebook's
running means (`codebook.cluster_size`, `codebook.embed_avg`) and the record of codes used.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab.checkpoint.reading import read_pickle, require_finite, tensors_of
from xtts_lab.errors import UsageError
from xtts_lab.nn.dvae import Dvae, DvaeConfig, Quantiser
from xtts_lab.nn.mel import DVAE_MEL, MelConfig
from xtts_lab.nn.weightless import weightless

PREFIX = "dvae."
"""What the names begin with in a fine-tune's checkpoint, which carries its DVAE along."""

CODEBOOK = "codebook.embed"
MEL_STATS = "mel_stats"
LISTED = 12

TRAINING_ONLY = re.compile(r"discrete_loss\..*|codebook\.(cluster_size|embed_avg)")


def published_names(config: DvaeConfig) -> dict[str, str]:
    """Return our tensor name -> the published one; `mel_stats`, in a file of its own, is absent.

    Raises `UsageError` for a DVAE without a codebook, which the published format does not know.
    """
    if config.levels:
        raise UsageError("dvae.pth: cannot hold finite scalar quantisation; export our own format")
    if config.blocks != "residual" or config.decoder_apart != config.encoder_apart:
        raise UsageError("dvae.pth: knows one kind and number of blocks; export our own format")
    names = {"quantiser.codebook": CODEBOOK}
    for ours, theirs in _modules(config).items():
        names |= {f"{ours}.{leaf}": f"{theirs}.{leaf}" for leaf in ("weight", "bias")}
    return names


def _modules(config: DvaeConfig) -> dict[str, str]:
    layers, blocks = config.layers, config.residual_blocks
    names = {
        "encoder.output": f"encoder.{layers + blocks}",
        "decoder.input": "decoder.0",
        "decoder.output": f"decoder.{1 + blocks + layers}",
    }
    for i in range(layers):
        names[f"encoder.downsample.{i}"] = f"encoder.{i}.0"
        names[f"decoder.upsample.{i}"] = f"decoder.{1 + blocks + i}.0.conv"
    for i in range(blocks):
        for part, published in {"first": "net.0", "second": "net.2", "out": "net.4"}.items():
            names[f"encoder.blocks.{i}.{part}"] = f"encoder.{layers + i}.{published}"
            names[f"decoder.blocks.{i}.{part}"] = f"decoder.{1 + i}.{published}"
    return names


def dvae_tensors(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a DVAE's tensors by their names in `dvae.pth`, from that file or from a fine-tune's.

    Empty where the state dict holds none.
    """
    inner = {k.removeprefix(PREFIX): v for k, v in state.items() if k.startswith(PREFIX)}
    if inner:
        return inner
    parts = ("encoder.", "decoder.", "codebook.", "discrete_loss.")
    return dict(state) if CODEBOOK in state else _only(state, parts)


def _only(state: Mapping[str, Tensor], parts: tuple[str, ...]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if name.startswith(parts)}


def read_dvae(path: Path, mel_stats_path: Path | None = None) -> Dvae:
    """Return the DVAE of a `dvae.pth` or of a fine-tune's checkpoint, in fp32 and `eval` mode.

    Without `mel_stats_path`, the statistics are those that a fine-tune carries, else those of
    `mel_stats.pth` in the same folder. Raises `UsageError`, in one line, for files that cannot be
    read and for missing, unexpected and misshaped tensors. Nothing in a file is executed.
    """
    state = tensors_of(read_pickle(path), path)
    tensors = dvae_tensors(state)
    if not tensors:
        raise UsageError(f"{path.name}: holds no DVAE (no '{CODEBOOK}' nor '{PREFIX}{CODEBOOK}')")
    dvae = dvae_from_tensors(tensors, path.name)
    own, stats_path = state.get(MEL_STATS), mel_stats_path or path.with_name("mel_stats.pth")
    if own is not None and mel_stats_path is None:
        stats = _checked_stats(own, dvae.config.bands, f"{path.name}: {MEL_STATS}")
    else:
        stats = _checked_stats(_read_stats(stats_path), dvae.config.bands, stats_path.name)
    dvae.mel.mel_stats.copy_(stats)
    return dvae


def dvae_from_tensors(tensors: Mapping[str, Tensor], source: str) -> Dvae:
    """Build a DVAE from tensors with published names; its `mel_stats` are still ones."""
    config = _sizes(tensors, source)
    with weightless():
        dvae = Dvae(config, _mel_config(config))
    names = published_names(config)
    wanted = dvae.state_dict()
    state: dict[str, Tensor] = {"mel.mel_stats": torch.ones(config.bands)}
    misshaped = []
    for name in names.keys() & wanted.keys():
        tensor = tensors.get(names[name])
        if tensor is None:
            continue
        tensor = tensor.t().contiguous() if names[name] == CODEBOOK else tensor
        state[name] = tensor.float()
        if tensor.shape != wanted[name].shape:
            misshaped.append(f"{names[name]} {_shape(tensor)}, not {_shape(wanted[name])}")
    known = set(names.values())
    unexpected = [k for k in tensors.keys() - known if not TRAINING_ONLY.fullmatch(k)]
    _refuse(source, list(known - tensors.keys()), unexpected, misshaped)
    require_finite(state, source)
    dvae.load_state_dict(state, strict=True, assign=True)
    return dvae.eval().requires_grad_(False)


def _mel_config(config: DvaeConfig) -> MelConfig:
    return replace(DVAE_MEL, bands=config.bands)


def _sizes(tensors: Mapping[str, Tensor], source: str) -> DvaeConfig:
    """Infer the sizes from the tensors' names and shapes."""
    first, codebook = tensors.get("encoder.0.0.weight"), tensors.get(CODEBOOK)
    layers = next(i for i in count() if f"encoder.{i}.0.weight" not in tensors)
    blocks = next(i for i in count() if f"encoder.{layers + i}.net.0.weight" not in tensors)
    if first is None or codebook is None or blocks == 0:
        needed = ("encoder.0.0.weight", CODEBOOK, f"encoder.{layers}.net.0.weight")
        _refuse(source, [name for name in needed if name not in tensors], [], [])
        raise AssertionError("one of them is missing")
    sizes = [*first.shape, *codebook.shape]
    if first.ndim != 3 or codebook.ndim != 2 or 0 in sizes or first.shape[2] % 2 == 0:
        shapes = f"encoder.0.0.weight {_shape(first)}, {CODEBOOK} {_shape(codebook)}"
        raise UsageError(f"{source}: these are no sizes of a DVAE: {shapes}")
    width, bands, kernel = first.shape
    code_width, codes = codebook.shape
    return DvaeConfig(
        bands=bands,
        codes=codes,
        code_width=code_width,
        width=width,
        layers=layers,
        residual_blocks=blocks,
        kernel=kernel,
    )


def _refuse(source: str, missing: list[str], unexpected: list[str], misshaped: list[str]) -> None:
    kinds = {"missing": missing, "unexpected": unexpected, "of another shape": misshaped}
    found = [f"{kind}: {_listed(sorted(names))}" for kind, names in kinds.items() if names]
    if found:
        raise UsageError(f"{source}: its tensors are not those of a DVAE; " + "; ".join(found))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _shape(tensor: Tensor) -> str:
    return "x".join(str(size) for size in tensor.shape) or "scalar"


def _read_stats(path: Path) -> object:
    if not path.exists():
        raise UsageError(
            f"{path.name}: no such file in {path.parent.name}; the DVAE's mel is divided by its "
            "values, so give the mel_stats.pth that was published with dvae.pth"
        )
    return read_pickle(path)


def _checked_stats(stats: object, bands: int, source: str) -> Tensor:
    if not isinstance(stats, Tensor):
        raise UsageError(f"{source}: holds no tensor, where one of {bands} values is expected")
    if stats.shape != (bands,):
        raise UsageError(f"{source}: is {_shape(stats)}, but the DVAE has {bands} bands")
    if not bool(stats.isfinite().all() and stats.ne(0).all()):
        raise UsageError(f"{source}: holds values that nothing can be divided by")
    return stats.float()


def published_dvae_state(dvae: Dvae) -> dict[str, Tensor]:
    """Return the tensors as `dvae.pth` holds them, what serves training only included."""
    names = published_names(dvae.config)
    state = {names[k]: v.detach() for k, v in dvae.state_dict().items() if k in names}
    codebook = state[CODEBOOK].t().contiguous()
    codes = dvae.config.codes
    return state | {
        CODEBOOK: codebook,
        "codebook.cluster_size": torch.zeros(codes),
        "codebook.embed_avg": codebook.clone(),
        "discrete_loss.accumulator_index": torch.zeros(1, dtype=torch.long),
        "discrete_loss.accumulator_filled": torch.zeros(1, dtype=torch.long),
        "discrete_loss.accumulator": torch.zeros(100, codes),
    }


@torch.no_grad()
def random_dvae(config: DvaeConfig, generator: torch.Generator) -> Dvae:
    """Return a DVAE with random weights whose codes vary with the sound, and mels with the codes.

    Same generator state, same weights. The codebook holds what the encoder makes of a random mel,
    as k-means begins with points of the data: so every entry is near something that occurs.
    """
    with torch.device("cpu"):
        dvae = Dvae(config, _mel_config(config)).eval().requires_grad_(False)
    for name, tensor in dvae.state_dict().items():
        if name != "quantiser.codebook":
            tensor.copy_(_random(name, tensor, generator))
    mel = _random_log_mel(config, generator) / dvae.mel.mel_stats.unsqueeze(-1)
    vectors = _standardise(dvae.encoder.output, dvae.encoder(mel))
    if isinstance(dvae.quantiser, Quantiser):
        dvae.quantiser.codebook.copy_(vectors[0].t())
    _standardise(dvae.decoder.output, dvae.decoder(vectors[:, :, :64]))
    return dvae


def _standardise(layer: nn.Conv1d, output: Tensor) -> Tensor:
    """Have each channel of a layer's output [1, C, F] vary by 1 about 0, and return that output."""
    assert layer.bias is not None
    spread, mean = output.std(dim=(0, 2)) + 1e-3, output.mean(dim=(0, 2))
    layer.bias.sub_(mean).div_(spread)
    layer.weight.div_(spread[:, None, None])
    return (output - mean[:, None]) / spread[:, None]


def _random(name: str, tensor: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.randn(tensor.shape, generator=generator)
    if name.endswith("mel_stats"):
        return 1.0 + 0.3 * noise.abs()
    if tensor.ndim < 2:
        return 0.1 * noise
    rectified = name.endswith(("first.weight", "second.weight")) or "sample." in name
    gain = math.sqrt(2.0) if rectified else 1.0  # half of what a ReLU sees does not pass
    return noise * gain / math.sqrt(tensor.numel() / tensor.shape[0])


def _random_log_mel(config: DvaeConfig, generator: torch.Generator) -> Tensor:
    """A log mel [1, M, stride * K] whose spectral envelope changes with every code, and noise."""
    frames = config.stride * config.codes
    envelope = torch.randn(1, 8, config.codes, generator=generator).repeat_interleave(
        config.stride, dim=-1
    )
    slow = functional.interpolate(envelope[None], (config.bands, frames), mode="bilinear")[0]
    noise = torch.randn(1, config.bands, frames, generator=generator)
    return slow + noise - 2.0
