"""Which parts an XTTS on the bench is made of, and what a reader must know of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

from xtts_lab import config as configuration
from xtts_lab.checkpoint.assembling import skeleton
from xtts_lab.checkpoint.dvae import read_dvae
from xtts_lab.checkpoint.inspecting import Description, check_weights_text, inspect
from xtts_lab.checkpoint.parts import (
    IMPOSSIBLE,
    SINGULAR,
    Choice,
    check_weights,
    choose,
    no_such_part,
    part_skeleton,
    swapped,
    untrained,
)
from xtts_lab.errors import UsageError
from xtts_lab.inference.costs import ConditionerCost, conditioner_cost, gpt_cost, vocoder_cost
from xtts_lab.inference.fit import try_conditioner, try_vocoder
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.model import ModelConfig, SamplingDefaults, part
from xtts_lab.nn.dvae import DvaeConfig
from xtts_lab.types import Json
from xtts_lab.yaml_file import Where


@dataclass(frozen=True)
class XttsParts:
    """A checkpoint with the parts that replace its own; nothing is loaded."""

    source: Description
    conditioner: Choice
    decoder: Choice
    vocoder: Choice
    sampling: SamplingDefaults

    @classmethod
    def resolve(cls, checkpoint: str, written: Mapping[str, Any], where: Where) -> XttsParts:
        """Resolve what is written of the parts and `sampling`; `UsageError` for mistakes."""
        source = inspect(checkpoint)
        check_weights_text(source)
        own = source.config
        found = cls(
            source,
            choose("conditioners", written["conditioner"], own.conditioner, where / "conditioner"),
            choose("decoders", written.get("decoder"), own.decoder, where / "decoder"),
            choose("vocoders", written["vocoder"], own.vocoder, where / "vocoder"),
            _sampling(own.sampling, written["sampling"], where / "sampling"),
        )
        found._check(where)
        return found

    def _check(self, where: Where) -> None:
        needs = {"conditioner": self._hears.intake.reads, "vocoder": self._sounds.reads}
        for slot, reads in needs.items():
            if reads == "levels" and self.source.config.codec is None:
                raise UsageError(
                    f"{where / slot}: '{self.vocoder.part.name}' needs a residual codec"
                )
            has_codes = self.source.has_dvae or self.source.config.codec is not None
            if (reads == "mel" and not self.source.has_dvae) or (
                reads == "codes" and not has_codes
            ):
                raise UsageError(
                    f"{where / slot}: '{getattr(self, slot).part.name}' needs a DVAE, and the "
                    "checkpoint has none; put dvae.pth and mel_stats.pth into its folder"
                )
        try:
            check_weights(self.conditioner, self._hears)
            check_weights(self.decoder, self._decodes)
            check_weights(self.vocoder, self._sounds)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from error

    @property
    def spec(self) -> dict[str, Any]:
        """The choices as a resolved experiment shows them."""
        return {
            "conditioner": self.conditioner.spec,
            "decoder": self.decoder.spec,
            "vocoder": self.vocoder.spec,
            "sampling": asdict(self.sampling),
        }

    def options(self, coqui_compat: bool) -> SamplingOptions:
        """How codes are drawn; `UsageError` for values that do not work."""
        return SamplingOptions(**asdict(self.sampling), coqui_compat=coqui_compat)

    @cached_property
    def _hears(self) -> Any:
        return part_skeleton(self.conditioner, self.source.config)

    @cached_property
    def _decodes(self) -> Any:
        return part_skeleton(self.decoder, self.source.config)

    @property
    def _made_of(self) -> tuple[tuple[Choice, Any], ...]:
        """The chosen parts, each beside its module without weights."""
        return (
            (self.conditioner, self._hears),
            (self.decoder, self._decodes),
            (self.vocoder, self._sounds),
        )

    @cached_property
    def _sounds(self) -> Any:
        return part_skeleton(self.vocoder, self.source.config)

    @property
    def sample_rate(self) -> int:
        """Of the speech, in Hz."""
        return int(self._sounds.sample_rate)

    @property
    def streams(self) -> bool:
        """Whether decoder and vocoder stream."""
        return bool(self._sounds.streams and self._decodes.streams)

    @property
    def needs_text(self) -> bool:
        """Whether the conditioner reads what the references say."""
        return bool(self._hears.continues)

    @property
    def random(self) -> bool:
        """Whether weights are random: the checkpoint's, or those of a part that has none."""
        return self.source.random or any(
            not choice.own and choice.weights is None and any(True for _ in module.parameters())
            for choice, module in self._made_of
        )

    @cached_property
    def untrained(self) -> tuple[str, ...]:
        """Why parts were not trained together with what is beside them."""
        reasons = [untrained(choice, self.source) for choice, _ in self._made_of]
        return tuple(reason for reason in reasons if reason is not None)

    def hashes(self) -> dict[str, Json]:
        """The SHA-256 of every file that determines speech."""
        found: dict[str, Json] = {**self.source.hashes()}
        reads_codes = self._hears.intake.reads == "codes" or self._sounds.reads != "states"
        if reads_codes and self.source.config.codec is None:
            found |= self.source.dvae_hashes()
        for choice, _ in self._made_of:
            slot = SINGULAR[choice.kind]
            found |= {f"{slot}_{key}": value for key, value in choice.identity.items()}
        return found

    def check_fit(self) -> None:
        """Try parts with other settings than usual without weights; `UsageError` where none fit."""
        dvae, sizes = self._config.dvae, self._config.sizes
        hears = partial(try_conditioner, self._hears, dvae, sizes, self._config.cloning.chunk_s)
        sounds = partial(try_vocoder, self._sounds, dvae, sizes)
        for choice, attempt in ((self.conditioner, hears), (self.vocoder, sounds)):
            if choice.own or choice.part == part(choice.kind, choice.part.name):
                continue
            try:
                attempt()
            except IMPOSSIBLE as error:
                raise no_such_part(choice, error) from error

    @cached_property
    def _config(self) -> ModelConfig:
        config = self.source.config
        known = self.source.dvae
        return config if known is None else replace(config, dvae=_dvae_config(known))

    def _heard(self) -> ConditionerCost:
        try:
            return _heard(_Counted(swapped(self._config, (self.conditioner,)), "vocoder"))
        except IMPOSSIBLE as error:
            raise no_such_part(self.conditioner, error) from error

    def _sounded(self) -> tuple[int, int]:
        try:
            return _sounded(_Counted(swapped(self._config, (self.vocoder,)), "conditioner"))
        except IMPOSSIBLE as error:
            raise no_such_part(self.vocoder, error) from error

    def _decoder_facts(self) -> dict[str, dict[str, Json]]:
        """What a decoder beside the GPT costs; `single` is the GPT."""
        if self.decoder.part.name == "single":
            return {}
        parameters = sum(p.numel() for p in self._decodes.parameters())
        return {"decoder": {"name": self.decoder.part.name, "parameters": parameters}}

    @cached_property
    def facts(self) -> Mapping[str, Mapping[str, Json]]:
        """Parameters, operations and lengths by part; counted on a model without weights."""
        heard, sound = self._heard(), self._sounded()
        codes = gpt_cost(self._config.gpt)
        return {
            "conditioner": {"name": self.conditioner.part.name, **asdict(heard)},
            **self._decoder_facts(),
            "gpt": {"name": "gpt", "parameters": codes[0], "flops": codes[1]},
            "vocoder": {
                "name": self.vocoder.part.name,
                "parameters": sound[0],
                "flops": sound[1],
                "streams": self.streams,
            },
        }


def _dvae_config(path: Path) -> DvaeConfig:
    status = path.stat()
    return _read_dvae_config(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)
def _read_dvae_config(path: Path, _size: int, _changed: int) -> DvaeConfig:
    return read_dvae(path, None).config


class _Counted:
    """A configuration whose operations are counted once, whatever stands in its slot `without`."""

    def __init__(self, config: ModelConfig, without: str) -> None:
        self.config = config
        content = {key: value for key, value in asdict(config).items() if key != without}
        self._key = json.dumps(content, sort_keys=True, default=str)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Counted) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@lru_cache(maxsize=256)
def _heard(counted: _Counted) -> ConditionerCost:
    config = counted.config
    return conditioner_cost(skeleton(config).to("meta"), config.cloning.chunk_s)


@lru_cache(maxsize=256)
def _sounded(counted: _Counted) -> tuple[int, int]:
    return vocoder_cost(skeleton(counted.config).to("meta"))


def _sampling(own: SamplingDefaults, written: Any, where: Where) -> SamplingDefaults:
    """What is written, over the checkpoint's own; `UsageError` for unknown keys and wrong types."""
    if written is None:
        return own
    known = configuration.schema(SamplingDefaults)
    checked = configuration.validate(known, {**asdict(own), **dict(written)}, where)
    sampling = SamplingDefaults(**checked.model_dump())
    try:
        SamplingOptions(**asdict(sampling))
    except UsageError as error:
        raise UsageError(f"{where / str(error)}") from error
    return sampling
