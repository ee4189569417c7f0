"""The stage `diffusion`: Tortoise's decoder from a trained GPT's states to mel frames.

Betker 2023 (arXiv 2305.07243, section 3.3), trained on the noise (Ho et al. 2020, arXiv 2006.11239,
equation 14). B rows, N states, D width, M bands, F frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from xtts_lab import config as configuration
from xtts_lab import files
from xtts_lab.audio import sha256
from xtts_lab.checkpoint import codec
from xtts_lab.checkpoint.parts import save_module
from xtts_lab.errors import UsageError
from xtts_lab.model import build
from xtts_lab.training.codec.teacher import Teacher
from xtts_lab.training.speech.bank import waveform
from xtts_lab.training.speech.ears import Ears
from xtts_lab.training.stage import Batch, Context, OptimiserGroup, Shard, Split, Update
from xtts_lab.types import Part
from xtts_lab.vocoders.diffusion import LOG_MEL_MAX, LOG_MEL_MIN, DiffusionVocoder
from xtts_lab.yaml_file import Where


class DiffusionStage:
    """Train the decoder of the vocoder `diffusion` beside the finished GPT of the run `gpt`.

    Batches as in `states_vocoder`. A `vocoder` with `waveform: griffin_lim`; a HiFi-GAN from mel is
    trained by `codec_vocoder`.
    """

    def __init__(
        self,
        context: Context,
        /,
        *,
        gpt: str,
        vocoder: dict[str, Any],
        positions: int = 8000,
        codes: int = 96,
        lr: float = 3e-4,
        validation_batches: int = 4,
    ) -> None:
        self.teacher = Teacher(context, context.path(gpt, "stage.gpt"), positions, codes)
        self.part = Part(vocoder["name"], {k: v for k, v in vocoder.items() if k != "name"})
        made = build("vocoders", self.part, self.teacher.sizes)
        if not isinstance(made, DiffusionVocoder) or list(made.waveform.parameters()):
            raise UsageError(
                f"stage.vocoder: '{self.part.name}' is no diffusion decoder before Griffin-Lim; "
                "write {name: diffusion, waveform: griffin_lim}"
            )
        self.vocoder = made
        self.ears = Ears(self.teacher.sample_rate)
        self._lr, self._validation_batches = lr, validation_batches
        kept = torch.tensor(made.decoder.schedule)
        self._kept, self._lost = kept.sqrt(), (1.0 - kept).sqrt()
        self.modules = nn.ModuleDict({"vocoder": made})

    @staticmethod
    def complete(settings: dict[str, Any], where: Where) -> dict[str, Any]:
        """Fill in the vocoder's own defaults."""
        vocoder = configuration.resolve("vocoders", settings["vocoder"], where / "vocoder")
        return {**settings, "vocoder": vocoder}

    def optimisers(self) -> Mapping[str, OptimiserGroup]:
        return {
            "decoder": OptimiserGroup(
                parameters=list(self.vocoder.decoder.parameters()), lr=self._lr
            )
        }

    def batch(self, split: Split, index: int, shard: Shard) -> Batch:
        return self.teacher.batch(split, index, shard)

    def step(self, batch: Batch, step: int, update: Update) -> Mapping[str, Tensor]:
        del step
        rows, steps = batch["sound"].shape[0], len(self._kept)
        times = torch.randint(steps, (rows,), device=batch["sound"].device)
        loss = self._loss(batch, times)
        update("decoder", loss)
        return {"noise": loss}

    def validate(self) -> Mapping[str, float]:
        """The loss, at timesteps and noises that are the same each time."""
        device = self.vocoder.decoder.input.weight.device
        total = 0.0
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(0)
            for index in range(self._validation_batches):
                batch = self.batch("validation", index, Shard())
                batch = {name: tensor.to(device) for name, tensor in batch.items()}
                rows = batch["sound"].shape[0]
                times = torch.linspace(0, len(self._kept) - 1, rows, device=device).long()
                total += float(self._loss(batch, times))
        return {"noise": total / self._validation_batches}

    def export(self, folder: Path) -> None:
        """Write `vocoder.safetensors`, which knows its GPT."""
        beside = sha256(self.teacher.weights)
        files.write_with(
            folder / codec.VOCODER,
            lambda partial: save_module(partial, "vocoders", self.part, self.vocoder, beside),
        )

    def _loss(self, batch: Batch, times: Tensor) -> Tensor:
        """Mean square of the error in the predicted noise at timesteps [B]."""
        decoder = self.vocoder.decoder
        states = self.teacher.states(batch)
        clean = self._scaled_mel(batch, states.shape[1] * decoder.config.ratio)
        noise = torch.randn_like(clean)
        kept, lost = (self._row(values, times) for values in (self._kept, self._lost))
        predicted = decoder(kept * clean + lost * noise, times, decoder.states(states))
        return functional.mse_loss(predicted.float(), noise)

    def _scaled_mel(self, batch: Batch, frames: int) -> Tensor:
        """The mel of the crops' sound [B, M, F], in -1 .. 1 as the decoder makes it."""
        sound = waveform({"samples": batch["sound"]})
        mel = self.ears.to(sound.device)(sound)
        missing = max(frames - mel.shape[-1], 0)
        mel = functional.pad(mel, (0, missing), value=LOG_MEL_MIN)[..., :frames]
        scaled = (mel - LOG_MEL_MIN) / (LOG_MEL_MAX - LOG_MEL_MIN) * 2.0 - 1.0
        return scaled.clamp(-1.0, 1.0)

    @staticmethod
    def _row(values: Tensor, times: Tensor) -> Tensor:
        return values.to(times.device)[times].view(-1, 1, 1)
