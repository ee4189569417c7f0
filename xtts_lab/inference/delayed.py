"""Several levels a step, each a step later than the one before: the GPT under the decoder `delay`.

B rows, L levels, D width, V codes. The pattern is that of `decoders.delay`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from xtts_lab.decoders.base import Decoder
from xtts_lab.decoders.delay import NOTHING
from xtts_lab.inference.generate import (
    Generation,
    Prompt,
    check_finite,
    check_prompts,
    embed_prompts,
    limit_of,
)
from xtts_lab.inference.guidance import Guide
from xtts_lab.inference.sampling import TIGHT, Sampler, uniforms
from xtts_lab.nn.gpt import Gpt


@dataclass(frozen=True, eq=False)
class FrameStep:
    """What a step made whole: `codes` int64 [B, L] of the rows that are `ready` [B] bool (on the
    CPU). `limited` [B] and `tight` [B]: whether a limit ended the row, and its close calls so far.
    """

    codes: Tensor
    ready: Tensor
    limited: Tensor
    tight: Tensor


@dataclass
class _Rows:
    """How far rows are: `frames` [B], how many each has in all, -1 while nobody knows."""

    limits: Tensor
    frames: Tensor
    limited: Tensor

    def drawn(self, step: int, levels: int) -> Tensor:
        """Which levels of a step are of a frame that is there, [B, L]; step from 0."""
        at = step - torch.arange(levels)
        known = (self.frames < 0).unsqueeze(1) | (at < self.frames.unsqueeze(1))
        return (at >= 0) & known

    def end(self, step: int, stopped: Tensor) -> None:
        """Take note of rows that stopped, [B] bool, or reached their limit."""
        speaking = self.frames < 0
        self.frames = torch.where(speaking & stopped, step, self.frames)
        full = speaking & ~stopped & (self.limits <= step + 1)
        self.frames = torch.where(full, step + 1, self.frames)
        self.limited = self.limited | full


@torch.inference_mode()
def frame_steps(gpt: Gpt, decoder: Decoder, prompts: Sequence[Prompt]) -> Iterator[FrameStep]:
    """Decode until the last frame of every row is whole; each row's are what they are alone."""
    check_prompts(gpt, prompts)
    config, depth = gpt.config, decoder.depth
    device = gpt.audio_embedding.weight.device
    limits = torch.tensor([max(0, limit_of(gpt, prompt, depth - 1)) for prompt in prompts])
    rows = _Rows(limits, torch.where(limits > 0, -1, 0), limits == 0)
    longest = int(limits.max()) + depth - 1
    noise = torch.stack([uniforms(p.seed, longest * depth).view(-1, depth) for p in prompts], 1)
    noise = noise.to(device)
    options = [prompt.sampling for prompt in prompts]
    sizes = (config.audio_tokens, *[config.audio_tokens - 2] * (depth - 1))
    samplers = [Sampler(options, size, config.start_audio % size, device) for size in sizes]
    guide = Guide(prompts, device)
    read = [*prompts, *guide.beside]
    embedded, lengths = _embedded(gpt, decoder, read)
    first = torch.tensor([prompt.counted + 1 for prompt in read], device=device)
    cache = gpt.empty_cache(len(read), embedded.shape[1] + longest)
    hidden = gpt.prefill(embedded, lengths, cache)
    made = torch.full((len(prompts), longest, depth), NOTHING)
    tight = torch.zeros(len(prompts), dtype=torch.long)
    for step in range(longest):
        others = decoder.others(hidden)
        logits = [gpt.audio_head(hidden), *others.unbind(1)]
        drawn = [
            sampler(guide.steer(level), noise[step, :, at])
            for at, (sampler, level) in enumerate(zip(samplers, logits, strict=True))
        ]
        codes, margins = (torch.stack(parts, 1).cpu() for parts in zip(*drawn, strict=True))
        rows.end(step, codes[:, 0] == config.stop_audio)
        valid = rows.drawn(step, depth)
        check_finite(margins[valid])
        tight += ((margins < TIGHT) & valid).sum(1)
        kept = torch.where(valid, codes, NOTHING)
        for level in range(depth):
            if step - level >= 0:
                made[:, step - level, level] = kept[:, level]
        whole = step - depth + 1
        ready = (rows.frames < 0) | (whole < rows.frames) if whole >= 0 else rows.limits < 0
        # An untrained GPT may draw the start token, which stands for no sound.
        frame = made[:, max(whole, 0)].clamp(max=config.audio_tokens - 3)
        yield FrameStep(frame.to(device), ready, rows.limited, tight.clone())
        if bool(((rows.frames >= 0) & (whole + 1 >= rows.frames)).all()):
            return
        kept[:, 0] = torch.where(valid[:, 0], kept[:, 0], config.stop_audio)
        given = guide.spread(kept.to(device))
        places = (first + step).clamp(max=config.audio_positions - 1)
        x = gpt.embed_audio(given[:, :1], places[:, None])[:, 0]
        x = x + decoder.beside(given[:, 1:, None])[:, 0]
        hidden = gpt.decode(x, lengths + step, cache)


def generate_frames(gpt: Gpt, decoder: Decoder, prompts: Sequence[Prompt]) -> list[Generation]:
    """Generate for a batch: `levels` of each row's frames; no states, for a vocoder reads none."""
    frames: list[list[Tensor]] = [[] for _ in prompts]
    last: FrameStep | None = None
    for last in frame_steps(gpt, decoder, prompts):
        for row in last.ready.nonzero().flatten().tolist():
            frames[row].append(last.codes[row])
    nothing = torch.zeros(0, gpt.config.width)
    made = []
    for row, some in enumerate(frames):
        levels = torch.stack(some, 1) if some else torch.zeros(decoder.depth, 0, dtype=torch.long)
        limited = last is None or bool(last.limited[row])
        close = 0 if last is None else int(last.tight[row])
        made.append(
            Generation(levels[0], nothing, "limit" if limited else "end", close, levels=levels)
        )
    return made


def _embedded(gpt: Gpt, decoder: Decoder, prompts: Sequence[Prompt]) -> tuple[Tensor, Tensor]:
    """Prompts, and their lengths; beside the start token and a prompt's codes there is nothing."""
    embedded, lengths = embed_prompts(gpt, prompts)
    shape = (1, decoder.depth - 1, 1)
    nothing = decoder.beside(torch.full(shape, NOTHING, device=embedded.device))[0, 0]
    for row, (prompt, length) in enumerate(zip(prompts, lengths.tolist(), strict=True)):
        embedded[row, length - 1 - prompt.continued : length] += nothing
    return embedded, lengths
