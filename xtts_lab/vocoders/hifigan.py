"""XTTS-v2's vocoder: GPT states -> frames -> HiFi-GAN.

B batch, N states, D width, E embedding, T samples.

States come at 22 050 / 1024 Hz, frames at 24 000 / 256 Hz: linear interpolation by 4 and then by
24000 / 22050, as in the reference implementation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from xtts_lab.nn.hifigan import HifiganConfig, HifiganGenerator
from xtts_lab.vocoders import interpolation
from xtts_lab.vocoders.interpolation import LinearResize, Window

MIN_SPEED = 0.05


@dataclass(frozen=True)
class HifiganVocoderConfig:
    """The generator and the rates on either side of it, in Hz; `code_stride` in samples."""

    generator: HifiganConfig = field(default_factory=HifiganConfig)
    input_sample_rate: int = 22050
    sample_rate: int = 24000
    code_stride: int = 1024


class HifiganVocoder(nn.Module):
    """States [B, N, D] and speaker vectors [B, E] -> waveform [B, T] in [-1, 1].

    `speed` over 1 shortens the speech by stretching the states, as the reference does. Rows of a
    batch are of one length; what a row sounds like does not depend on the others.
    """

    input_kind: ClassVar[Literal["states", "codes"]] = "states"
    streams: ClassVar[bool] = True

    def __init__(self, config: HifiganVocoderConfig) -> None:
        super().__init__()
        self.config = config
        self.generator = HifiganGenerator(config.generator)

    @property
    def sample_rate(self) -> int:
        return self.config.sample_rate

    def stages(self, speed: float = 1.0) -> tuple[LinearResize, ...]:
        """The interpolations from states to frames."""
        config = self.config
        stages = [LinearResize(config.code_stride / config.generator.hop_length)]
        if speed != 1.0:
            stages.insert(0, LinearResize(1.0 / max(speed, MIN_SPEED)))
        if config.sample_rate != config.input_sample_rate:
            stages.append(LinearResize(config.sample_rate / config.input_sample_rate))
        return tuple(stages)

    def forward(self, states: Tensor, embedding: Tensor, speed: float = 1.0) -> Tensor:
        stages = self.stages(speed)
        inputs = states.shape[1]
        frames = interpolation.length(stages, inputs)
        if frames == 0:  # a single state, hurried
            return states.new_zeros(states.shape[0], 0)
        window = interpolation.apply(stages, Window(states.transpose(1, 2)), 0, frames, inputs)
        waveform: Tensor = self.generator(window.values, embedding)
        return waveform

    def stream(self, embedding: Tensor, speed: float = 1.0) -> HifiganStream:
        """Begin to speak piece by piece with one speaker vector [E]."""
        return HifiganStream(self, embedding, speed)


class HifiganStream:
    """A waveform made while its states arrive; the pieces joined are `forward` of all states.

    Each piece is computed with the frames around it that the convolutions reach over, which are
    then cut off: nothing is cross-faded, and a piece costs the same early and late.
    """

    def __init__(self, vocoder: HifiganVocoder, embedding: Tensor, speed: float = 1.0) -> None:
        self.vocoder = vocoder
        self.embedding = embedding.unsqueeze(0)
        self.stages = vocoder.stages(speed)
        self.context = vocoder.config.generator.context_frames
        self.hop = vocoder.config.generator.hop_length
        self.window: Window | None = None
        self.done = 0  # frames whose samples have been given out

    def push(self, states: Tensor) -> Tensor:
        """Take states [n, D]; return the samples [T] that have become certain, maybe none."""
        self._append(states)
        if self.window is None:
            return torch.zeros(0)
        ready = interpolation.settled(self.stages, self.window.stop) - self.context
        return self._speak(ready, ready + self.context, None)

    def finish(self) -> Tensor:
        """Return the remaining samples [T]; the stream is spent."""
        if self.window is None:
            return torch.zeros(0)
        total = interpolation.length(self.stages, self.window.stop)
        return self._speak(total, total, self.window.stop)

    def _append(self, states: Tensor) -> None:
        values = states.transpose(0, 1).unsqueeze(0)
        if self.window is None:
            self.window = Window(values) if states.shape[0] else None
        else:
            joined = torch.cat([self.window.values, values], dim=-1)
            self.window = Window(joined, self.window.start)

    def _speak(self, stop: int, last_frame: int, inputs: int | None) -> Tensor:
        """Samples of the frames from `done` to `stop`, computed from those up to `last_frame`.

        `inputs` is the number of all states, None while more may come.
        """
        assert self.window is not None
        if stop <= self.done:
            return self.window.values.new_zeros(0)
        first = max(self.done - self.context, 0)
        frames = interpolation.apply(self.stages, self.window, first, last_frame, inputs)
        waveform: Tensor = self.vocoder.generator(frames.values, self.embedding)[0]
        samples = waveform[(self.done - first) * self.hop : (stop - first) * self.hop]
        self.done = stop
        self._forget()
        return samples

    def _forget(self) -> None:
        """Drop the states that no frame still to come can reach."""
        assert self.window is not None
        frame = max(self.done - self.context, 0)
        needed, _ = interpolation.inputs_of(self.stages, frame, frame + 1)
        drop = max(needed - self.window.start, 0)
        if drop:
            values = self.window.values[:, :, drop:].clone()
            self.window = Window(values, self.window.start + drop)
