"""Configurations <-> JSON: the published `config.json`, and dataclasses as they are."""

from __future__ import annotations

import dataclasses
import json
import math
import typing
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pydantic

from xtts_lab import config as configuration
from xtts_lab.checkpoint.impostors import refuse_impostors
from xtts_lab.errors import UsageError
from xtts_lab.model import CloningDefaults, Kind, ModelConfig, SamplingDefaults, TextDefaults, part
from xtts_lab.nn.gpt import GptConfig
from xtts_lab.nn.speaker_encoder import SpeakerEncoderConfig
from xtts_lab.types import Part
from xtts_lab.yaml_file import Document, Where

T = TypeVar("T")

SECTION = "xtts_lab"
"""The key under which sizes stand that the published format has no name for."""

GPT_KEYS = {
    "layers": "gpt_layers",
    "width": "gpt_n_model_channels",
    "heads": "gpt_n_heads",
    "text_tokens": "gpt_number_text_tokens",
    "start_text": "gpt_start_text_token",
    "stop_text": "gpt_stop_text_token",
    "audio_tokens": "gpt_num_audio_tokens",
    "start_audio": "gpt_start_audio_token",
    "stop_audio": "gpt_stop_audio_token",
    "max_text": "gpt_max_text_tokens",
    "max_audio": "gpt_max_audio_tokens",
}
SPEAKER_KEYS = {"embedding": "d_vector_dim"}
VOCODER_KEYS = {
    "speaker_in_every_stage": "cond_d_vector_in_each_upsampling_layer",
    "input_sample_rate": "input_sample_rate",
    "sample_rate": "output_sample_rate",
    "code_stride": "gpt_code_stride_len",
}
PERCEIVER = "gpt_use_perceiver_resampler"
CONDITIONERS = {True: "perceiver", False: "encoder_sequence"}
"""What the published format knows: XTTS-v2 has a Perceiver, v1 has none."""

V1_GPT = GptConfig(audio_tokens=8194, start_audio=8192, stop_audio=8193)
"""What an XTTS v1 file may leave out: the reference's own defaults."""

OWN_PARTS = ("conditioner", "vocoder", "speaker_encoder")
CLONING_KEYS = {
    "chunk_s": "gpt_cond_chunk_len",
    "window_s": "max_ref_len",
    "limit_s": "gpt_cond_len",
    "normalise_peak": "sound_norm_refs",
}
SAMPLING_KEYS = {
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "repetition_penalty": "repetition_penalty",
    "guidance": "guidance",  # ours; the published format has none
}


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object; `UsageError` where the file is absent, no JSON, or no object."""
    refuse_impostors(path, text=True)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"{path.name}: no such file in {path.parent.name}") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path.name}: cannot be read as JSON ({error})") from error
    except RecursionError as error:
        raise UsageError(f"{path.name}: is nested too deeply to be one of a checkpoint") from error
    if not isinstance(data, dict):
        raise UsageError(f"{path.name}: holds no JSON object")
    return data


def from_published(data: Mapping[str, Any], vocabulary: Mapping[str, int]) -> ModelConfig:
    """Return the configuration of a published `config.json`.

    The published file leaves the text tokens open; like the reference, they come from
    `vocabulary` (token -> id), where that has them.
    """
    args = data.get("model_args", {})
    if not isinstance(args, Mapping):
        raise UsageError("config.json: model_args must be an object")
    base_gpt = GptConfig() if args.get(PERCEIVER) is True else V1_GPT
    gpt = _with_vocabulary(_section(base_gpt, GPT_KEYS, args), vocabulary)
    base = ModelConfig()
    own = data.get(SECTION)
    parts = _parts(base, args, gpt) if own is None else _own_parts(base, own)
    if (args.get(PERCEIVER) is True) != (parts.conditioner.name == CONDITIONERS[True]):
        raise UsageError(
            f"config.json: {PERCEIVER} does not fit the conditioner '{parts.conditioner.name}' "
            f"of {SECTION}"
        )
    _check_hop(args, parts.vocoder)
    return replace(
        parts,
        gpt=gpt,
        cloning=_cloning(data),
        sampling=_section(SamplingDefaults(), SAMPLING_KEYS, data),
        languages=_languages(data.get("languages", list(base.languages))),
    )


def _check_hop(args: Mapping[str, Any], vocoder: Part) -> None:
    """Refuse a frame that HiFi-GAN's upsampling does not fill: the speech would be too fast."""
    rates: Any = vocoder.settings["rates"]
    hop = args.get("output_hop_length")
    if hop not in (None, math.prod(rates)):
        raise UsageError(
            f"config.json: output_hop_length: {str(hop)[:80]} does not work; the vocoder makes "
            f"{math.prod(rates)} samples of a frame"
        )


def _cloning(data: Mapping[str, Any]) -> CloningDefaults:
    try:
        return _section(CloningDefaults(), CLONING_KEYS, data)
    except UsageError as error:
        field, _, rest = str(error).partition(":")
        if field not in CLONING_KEYS:
            raise
        raise UsageError(f"config.json: {CLONING_KEYS[field]}:{rest}") from error


def to_published(config: ModelConfig) -> dict[str, Any]:
    """Return `config` as a published `config.json`, with our section where sizes are unusual.

    Raises `UsageError` for parts that the published format does not know. A DVAE's sizes are those
    of its own file.
    """
    if config.text != TextDefaults():
        raise UsageError("the published format knows no text front end but its own; use ours")
    known = (*CONDITIONERS.values(), "single", "hifigan")
    for chosen in (config.conditioner, config.decoder, config.vocoder):
        if chosen.name not in known:
            raise UsageError(f"the published format knows no '{chosen.name}'; use our own")
    gpt, vocoder = config.gpt, config.vocoder.settings
    args: dict[str, Any] = {key: getattr(gpt, field) for field, key in GPT_KEYS.items()}
    args |= {key: vocoder[name] for name, key in VOCODER_KEYS.items()}
    encoder = _published_encoder(config)
    args |= {key: getattr(encoder, field) for field, key in SPEAKER_KEYS.items()}
    args["decoder_input_dim"] = gpt.width
    args[PERCEIVER] = config.conditioner.name == CONDITIONERS[True]
    data: dict[str, Any] = {"model": "xtts", "model_args": args}
    data |= {key: _integral(getattr(config.cloning, f)) for f, key in CLONING_KEYS.items()}
    data |= {key: getattr(config.sampling, field) for field, key in SAMPLING_KEYS.items()}
    data["languages"] = list(config.languages)
    if from_published(data, {}) != dataclasses.replace(config, dvae=None):
        data[SECTION] = {name: dataclasses.asdict(getattr(config, name)) for name in OWN_PARTS}
    return data


def _published_encoder(config: ModelConfig) -> SpeakerEncoderConfig:
    if config.speaker_encoder is None:
        raise UsageError("the published format has a speaker encoder, and the model none; use ours")
    return config.speaker_encoder


def from_json(kind: type[T], data: object, where: str) -> T:
    """Build a dataclass from JSON; `UsageError` names the first key that does not fit."""
    source, _, path = where.partition(": ")
    place = Where(Document(source), tuple(path.split(".")) if path else ())
    if kind is Part:
        return _part(data, place)  # type: ignore[return-value]
    if not isinstance(data, Mapping):
        raise UsageError(f"{place}: must be an object")
    hints = typing.get_type_hints(kind)
    parts = {
        key: _part(value, place / key) for key, value in data.items() if hints.get(key) is Part
    }
    plain = {key: value for key, value in data.items() if key not in parts}
    known = {key: hint for key, hint in hints.items() if hint is not Part}
    return kind(**parts, **_checked(known, plain, place))


def _checked(hints: Mapping[str, Any], data: Mapping[str, Any], place: Where) -> dict[str, Any]:
    """Return what `data` holds, of the types of `hints`; `UsageError` names what does not fit."""
    settings = pydantic.ConfigDict(extra="forbid", strict=True, protected_namespaces=())
    fields: dict[str, Any] = {key: (hint, None) for key, hint in hints.items()}
    model = pydantic.create_model("config", __config__=settings, **fields)
    found = configuration.validate(model, dict(data), place)
    return {key: getattr(found, key) for key in data}


def _own_parts(base: ModelConfig, own: object) -> ModelConfig:
    if not isinstance(own, Mapping) or set(own) != set(OWN_PARTS):
        raise UsageError(f"config.json: {SECTION} must hold {', '.join(OWN_PARTS)}")
    parts = {
        name: from_json(type(getattr(base, name)), own[name], f"config.json: {SECTION}.{name}")
        for name in OWN_PARTS
    }
    return replace(base, **parts)


def _section(default: T, keys: Mapping[str, str], data: Mapping[str, Any]) -> T:
    """Fill a dataclass from the published keys; those that are absent or null keep the default."""
    hints = typing.get_type_hints(type(default))
    given = {field: data[key] for field, key in keys.items() if data.get(key) is not None}
    renamed = {keys[field]: value for field, value in given.items()}
    known = {keys[field]: hints[field] for field in given}
    found = _checked(known, renamed, Where(Document("config.json")))
    return replace(default, **{field: found[keys[field]] for field in given})  # type: ignore[type-var]


def _parts(base: ModelConfig, args: Mapping[str, Any], gpt: GptConfig) -> ModelConfig:
    """The parts whose sizes follow from the GPT's in the published format."""
    if args.get("decoder_input_dim", gpt.width) not in (None, gpt.width):
        raise UsageError(
            f"config.json: decoder_input_dim is not gpt_n_model_channels, {gpt.width}; "
            "HiFi-GAN reads the GPT's states"
        )
    name = CONDITIONERS[args.get(PERCEIVER) is True]
    known = {"gpt_code_stride_len": args.get("ar_mel_length_compression"), **args}  # v1's name
    found = {key: known[of] for key, of in VOCODER_KEYS.items() if known.get(of) is not None}
    try:
        return replace(
            base,
            conditioner=part("conditioners", name, encoder_heads=gpt.heads),
            vocoder=part("vocoders", "hifigan", **found),
            speaker_encoder=_section(SpeakerEncoderConfig(), SPEAKER_KEYS, args),
        )
    except UsageError as error:
        raise UsageError(f"config.json: {error}") from error


def _languages(value: object) -> tuple[str, ...]:
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise UsageError("config.json: languages must be a list of language codes")


def _with_vocabulary(gpt: GptConfig, vocabulary: Mapping[str, int]) -> GptConfig:
    if not vocabulary:
        return gpt
    return replace(
        gpt,
        text_tokens=max(vocabulary.values()) + 1,
        start_text=vocabulary.get("[START]", gpt.start_text),
        stop_text=vocabulary.get("[STOP]", gpt.stop_text),
    )


_KINDS: Mapping[str, Kind] = {"vocoder": "vocoders", "decoder": "decoders"}


def _part(value: object, place: Where) -> Part:
    if not (isinstance(value, Mapping) and set(value) == {"name", "settings"}):
        raise UsageError(f"{place}: must hold name and settings")
    slot = str(place).rpartition(".")[2]
    kind: Kind = _KINDS.get(slot, "conditioners")
    settings = value["settings"]
    if not (isinstance(value["name"], str) and isinstance(settings, Mapping)):
        raise UsageError(f"{place}: name must be text, settings an object")
    try:
        return part(kind, value["name"], **settings)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error


def _integral(value: float | bool) -> float | bool:
    # The published file gives whole seconds, and the reference multiplies them as integers.
    whole = not isinstance(value, bool) and float(value).is_integer()
    return int(value) if whole else value
