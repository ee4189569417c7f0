"""The stage `gpt`: codes after text and reference, with any conditioner."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xtts_lab import config as configuration
from xtts_lab.checkpoint.speaker_file import SPEAKER_ENCODER, load_speaker_encoder
from xtts_lab.conditioners.base import Conditioner
from xtts_lab.errors import UsageError
from xtts_lab.model import ModelConfig, TextDefaults, build, part
from xtts_lab.nn.dvae import Dvae
from xtts_lab.nn.gpt import Gpt
from xtts_lab.nn.mel import ConditioningMel
from xtts_lab.nn.speaker_encoder import SpeakerEncoder
from xtts_lab.training.gpt.batches import Recipe
from xtts_lab.training.gpt.core import GptTraining, Pace
from xtts_lab.training.gpt.exporting import export_run
from xtts_lab.training.gpt.sources import Sources
from xtts_lab.training.gpt.time_axis import codes_a_token, set_positions
from xtts_lab.training.stage import Context
from xtts_lab.yaml_file import Where


class GptStage(GptTraining):
    """Train a GPT with a conditioner on `corpora`, tokenised by the run `codes`.

    `conditioner`: its name and settings. Batches of `positions` text and audio tokens, padding
    included. `reference_s`: least and most seconds of reference, drawn for each batch.
    `drop_condition`: the share of batches without it, for `sampling.guidance`. `spoil_codes`: the
    share of input codes replaced by random ones. `self_masked`: the published recipe, where the
    reference is a part of the target. `muon_lr`: of the matrices in the GPT's blocks; 0: AdamW for
    all. `vocoder`: a run whose vocoder is exported with the model (Griffin-Lim without).
    `speaker_encoder`: the run whose vectors a conditioner reads that hears no audio itself.
    `short_steps`: so many steps at first see short utterances alone. `spoil_steps`: so long the
    share of random codes falls from `first_spoil`: who cannot live on codes must read.
    `shared_time`: positions of text and audio begin as sinusoids of one clock (`time_axis.py`),
    not as noise.
    """

    def __init__(
        self,
        context: Context,
        /,
        *,
        corpora: tuple[str, ...],
        codes: str,
        conditioner: dict[str, Any],
        layers: int,
        width: int,
        heads: int,
        max_text: int = 256,
        max_audio: int = 608,
        max_piece: int = 130,
        positions: int = 24000,
        reference_s: tuple[float, float] = (3.0, 6.0),
        drop_condition: float = 0.1,
        spoil_codes: float = 0.1,
        self_masked: bool = False,
        lr: float = 1e-3,
        muon_lr: float = 0.0,
        weight_decay: float = 0.01,
        validation_batches: int = 4,
        vocoder: str | None = None,
        speaker_encoder: str | None = None,
        short_steps: int = 0,
        first_spoil: float = 0.5,
        spoil_steps: int = 0,
        shared_time: bool = False,
    ) -> None:
        sources = Sources.open(context, corpora, codes)
        encoder = _encoder(context, speaker_encoder)
        config = ModelConfig(
            gpt=sources.gpt(layers, width, heads, max_text, max_audio),
            conditioner=part("conditioners", **conditioner),
            dvae=sources.dvae.config,
            speaker_encoder=None if encoder is None else encoder.config,
            text=TextDefaults("phonemes", max_piece),
        )
        # The GPT first: the same seed begins with the same GPT, whatever the conditioner.
        gpt = Gpt(config.gpt)
        hears: Conditioner = build("conditioners", config.conditioner, config.sizes)
        check(hears, self_masked, config.conditioner.name, encoder)
        _scale_mel(hears, sources.dvae)
        recipe = Recipe(
            positions=positions, reference_s=reference_s, drop=drop_condition, spoil=spoil_codes,
            self_masked=self_masked, short=short_steps, first_spoil=first_spoil,
            spoil_steps=spoil_steps,
        )  # fmt: skip
        pace = Pace(
            lr=lr, muon_lr=muon_lr, weight_decay=weight_decay, validation_batches=validation_batches
        )
        super().__init__(context, config, gpt, hears, sources, recipe, pace, encoder)
        if shared_time:
            turn = max_piece + 2 if hears.anew else None
            set_positions(gpt, codes_a_token(self.utterances("train")), turn)
        self._vocoder = None if vocoder is None else context.out / vocoder

    @staticmethod
    def complete(settings: Mapping[str, Any], _where: Where) -> dict[str, Any]:
        """Fill in the conditioner's own defaults."""
        written = settings["conditioner"]
        resolved = configuration.resolve("conditioners", written, _where / "conditioner")
        return {**settings, "conditioner": resolved}

    def export(self, folder: Path) -> None:
        """Write a checkpoint that `XTTS.from_pretrained` opens."""
        assert isinstance(self._sources, Sources)
        export_run(
            folder, self.config, self.gpt, self.conditioner, self._sources, self._vocoder,
            self.speaker_encoder,
        )  # fmt: skip


def _scale_mel(conditioner: Conditioner, dvae: Dvae) -> None:
    """Let a mel front end divide by what the DVAE's divides by."""
    mel = getattr(conditioner, "mel", None)
    if isinstance(mel, ConditioningMel) and mel.mel_stats.shape == dvae.mel.mel_stats.shape:
        mel.mel_stats.copy_(dvae.mel.mel_stats)


def _encoder(context: Context, run: str | None) -> SpeakerEncoder | None:
    if run is None:
        return None
    return load_speaker_encoder(context.path(run, "speaker_encoder") / SPEAKER_ENCODER)


def check(
    conditioner: Conditioner, self_masked: bool, name: str, encoder: SpeakerEncoder | None
) -> None:
    """Raise `UsageError` for a conditioner that cannot be trained so."""
    reads = conditioner.intake.reads
    if reads == "speaker" and encoder is None:
        raise UsageError(
            f"conditioner: '{name}' needs a trained speaker encoder; name its run in "
            "speaker_encoder ('learned_vector' learns one of its own)"
        )
    if self_masked and reads != "audio":
        raise UsageError(f"self_masked: '{name}' hears no audio; leave it out")
