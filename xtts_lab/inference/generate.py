"""Codes and states from text tokens and a voice.

B batch, N prefix, S text, K codes of a prompt, P everything before the first new code, D width.

Prefill reads prefix, text and the start token in one pass; decode adds one code a step. The states
that the vocoder needs are those that predicted each code, collected while decoding: the reference
computes the same by a second full pass, of which it drops five positions (the padding, start and
stop tokens that it had added).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from xtts_lab.errors import UsageError
from xtts_lab.inference.ahead.foresight import Ahead
from xtts_lab.inference.graph import to_device
from xtts_lab.inference.guidance import Guide
from xtts_lab.inference.kept import Kept
from xtts_lab.inference.limits import check_count, checked_seed
from xtts_lab.inference.sampling import TIGHT, Sampler, SamplingOptions, uniforms
from xtts_lab.nn.attention import KVCache
from xtts_lab.nn.gpt import Gpt, places

NOT_FINITE = (
    "the model computes values that are not finite: its weights or the voice hold NaN or infinity, "
    "or are too large for this precision"
)


@dataclass(frozen=True, eq=False)
class Prompt:
    """One thing to say: `prefix` [N, D]; `text` int64 [S] without start and stop tokens.

    Raises `UsageError` for a seed or a `max_codes` that cannot be.

    The output goes on after `codes` int64 [K], where there are any: they take positions of the
    output, but do not count as said (no penalty), and are not part of the result. `max_codes` caps
    the new codes below the model's own limit. The result depends on nothing but this and the
    weights.

    The first `prompted` tokens of `text` are what those codes say: `unconditioned` leaves them out.
    `anew`: positions begin anew after prompted text and codes, which have the tables' last.
    `frames`: how many codes it is to take, for decoders that must know; None: theirs to say.
    """

    prefix: Tensor
    text: Tensor
    seed: int
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    max_codes: int | None = None
    codes: Tensor | None = None
    prompted: int = 0
    anew: bool = False
    frames: int | None = None

    def __post_init__(self) -> None:
        checked_seed(self.seed)
        if self.frames is not None:
            check_count("frames", self.frames)
        if self.max_codes is not None:
            check_count("max_codes", self.max_codes)

    @property
    def continued(self) -> int:
        """K, how many codes the output goes on after."""
        return 0 if self.codes is None else self.codes.shape[0]

    @property
    def counted(self) -> int:
        """How many codes count for the position of the first new one."""
        return 0 if self.anew else self.continued

    def unconditioned(self) -> Prompt:
        """The same thing to say, by nobody in particular."""
        return replace(
            self, prefix=self.prefix[:0], text=self.text[self.prompted :], codes=None, prompted=0
        )


def lasting(prompts: Sequence[Prompt], frames: float) -> list[Prompt]:
    """The pieces of a text with so many codes in all, shared out by how much each says."""
    shares = [prompt.text.shape[0] - prompt.prompted for prompt in prompts]
    return [
        replace(prompt, frames=max(1, round(frames * share / sum(shares))))
        for prompt, share in zip(prompts, shares, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class Generation:
    """`codes` int64 [n] without the stop token; `states` [n or n + 1, D].

    Where the model stopped by itself, the last state is the one that predicted the stop token: the
    reference speaks it too. `tight_steps` counts the steps whose margin was under 1e-4: where it
    is 0, the codes are the same at any batch size (in fp32). `levels` int64 [L, n]: those of a
    residual codec, `codes` being the first.
    """

    codes: Tensor
    states: Tensor
    stop: Literal["end", "limit"]
    tight_steps: int = 0
    levels: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Step:
    """One decoding step: `codes` [B] (possibly the stop token), `states` [B, D], `margins` [B].

    `active` [B] bool (on the CPU) says which rows were still speaking; the rest is to be ignored.
    """

    codes: Tensor
    states: Tensor
    margins: Tensor
    active: Tensor


def generate(gpt: Gpt, prompts: Sequence[Prompt], kept: Kept | None = None) -> list[Generation]:
    """Generate for a batch; each row's result is what it would be alone (in fp32).

    `kept` is what this GPT keeps between calls, None where its weights may change in between.
    """
    rows: list[list[tuple[Tensor, Tensor, Tensor]]] = [[] for _ in prompts]
    for step in steps(gpt, prompts, kept):
        for row in step.active.nonzero().flatten().tolist():
            rows[row].append((step.codes[row], step.states[row], step.margins[row]))
    return [_generation(gpt, made) for made in rows]


@torch.inference_mode()
def steps(gpt: Gpt, prompts: Sequence[Prompt], kept: Kept | None = None) -> Iterator[Step]:
    """Decode step by step until every row has stopped or reached its limit."""
    check_prompts(gpt, prompts)
    config = gpt.config
    device = gpt.audio_embedding.weight.device
    limits = torch.tensor([limit_of(gpt, prompt) for prompt in prompts])
    longest = int(limits.max())
    noise = torch.stack([uniforms(p.seed, longest) for p in prompts], dim=1).to(device)
    sampler = Sampler(
        [p.sampling for p in prompts], config.audio_tokens, config.start_audio, device
    )
    guide = Guide(prompts, device)
    rows = [*prompts, *guide.beside]
    # The start token is at audio position 0, so the first new code is at K + 1 (or 1, anew).
    first = torch.tensor([prompt.counted + 1 for prompt in rows], device=device)
    foresight = None if kept is None else kept.foresight(len(rows))
    gpt = gpt if foresight is None else foresight.reading
    hidden, lengths, cache = _begun(gpt, rows, longest, kept)
    width = cache.capacity - longest
    ahead = None
    if foresight is not None:
        ahead = Ahead(foresight, cache, int(lengths), int(first), sampler, noise)
    active = limits > 0
    for index in range(longest):
        codes, margins = sampler(guide.steer(gpt.audio_head(hidden)), noise[index])
        yield Step(codes, hidden[: len(prompts)], margins, active)
        active = active & (codes.cpu() != config.stop_audio) & (limits > index + 1)
        if not bool(active.any()):
            return
        if ahead is not None:
            hidden = ahead.state(codes, index)
            continue
        # Rows that have ended go along; a long prompt's would leave the table of positions.
        places = (first + index).clamp(max=config.audio_positions - 1)
        x = gpt.embed_audio(guide.spread(codes)[:, None], places[:, None])[:, 0]
        used = cache.used(width + index + 1)
        hidden = gpt.decode(x, lengths + index, used, masked=len(rows) > 1)


def _begun(
    gpt: Gpt, prompts: Sequence[Prompt], longest: int, kept: Kept | None
) -> tuple[Tensor, Tensor, KVCache]:
    """Prompts read: states [B, D], lengths [B], and a cache with room for `longest` codes each."""
    embedded, lengths = embed_prompts(gpt, prompts, prefixed=kept is None)
    if kept is None:
        cache = gpt.empty_cache(len(prompts), embedded.shape[1] + longest)
        return gpt.prefill(embedded, lengths, cache), lengths, cache
    before = torch.tensor([p.prefix.shape[0] for p in prompts], device=lengths.device)
    whole = int((lengths + before).max())
    room = max(whole, int(before.max()) + embedded.shape[1])  # padding is written, too
    cache = gpt.empty_cache(len(prompts), room + longest)
    kept.prefixes.fill(cache, [p.prefix for p in prompts], range(len(prompts)))
    states = gpt.extend(embedded, before, cache.used(room))
    last = states[torch.arange(len(prompts), device=lengths.device), lengths - 1]
    if room > whole:
        cache = cache.used(whole + longest)
    return last, lengths + before, cache


def check_finite(margins: Tensor) -> None:
    """Raise `UsageError` where a code was drawn from logits that are no numbers: noise, in short.

    Infinite margins are fine: no other code could have been drawn.
    """
    if bool(margins.isnan().any()):
        raise UsageError(NOT_FINITE)


def limit_of(gpt: Gpt, prompt: Prompt, behind: int = 0) -> int:
    """How many codes a prompt may get, where so many positions `behind` them are needed, too."""
    ceiling = gpt.config.max_codes - prompt.continued - behind
    return ceiling if prompt.max_codes is None else min(prompt.max_codes, ceiling)


def embed_prompts(
    gpt: Gpt, prompts: Sequence[Prompt], prefixed: bool = True
) -> tuple[Tensor, Tensor]:
    """Embed prompts, padded on the right: [B, P, D], and their lengths [B].

    Not `prefixed`: only what comes after the prefixes.
    """
    rows = [embed_prompt(gpt, prompt, prefixed) for prompt in prompts]
    lengths = torch.tensor([row.shape[0] for row in rows], device=rows[0].device)
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), lengths


def numbered(gpt: Gpt, prompt: Prompt) -> tuple[list[list[int]], list[list[int]]]:
    """What follows a prompt's prefix: text and audio.

    Tokens and their places in the tables of positions each; start and stop tokens are included.
    """
    config = gpt.config
    text = [config.start_text, *prompt.text.tolist(), config.stop_text]
    audio = [config.start_audio, *([] if prompt.codes is None else prompt.codes.tolist())]
    said, heard = (prompt.prompted, prompt.continued) if prompt.anew else (0, 0)
    text_at = places(len(text), said, config.text_positions)
    audio_at = places(len(audio), heard, config.audio_positions)
    return [text, text_at], [audio, audio_at]


def embed_prompt(gpt: Gpt, prompt: Prompt, prefixed: bool) -> Tensor:
    """Embed one prompt, with its prefix or without it: [P, D]."""
    weight = gpt.audio_embedding.weight
    both = numbered(gpt, prompt)
    # One way to the device for all of them.
    joined = [one + other for one, other in zip(*both, strict=True)]
    sizes = [len(part[0]) for part in both]
    text, audio = torch.split(to_device(torch.tensor(joined), weight.device), sizes, dim=1)
    parts = [gpt.embed_text(*text), gpt.embed_audio(*audio)]
    return torch.cat([prompt.prefix.to(weight), *parts] if prefixed else parts)


def check_prompts(gpt: Gpt, prompts: Sequence[Prompt]) -> None:
    """Raise `UsageError` for a prompt that this model cannot read."""
    config = gpt.config
    for prompt in prompts:
        if prompt.text.shape[0] > config.max_text:
            raise UsageError(
                f"text: {prompt.text.shape[0]} tokens are more than the model's "
                f"{config.max_text} (a voice's own text counts); split it into sentences"
            )
        if prompt.prefix.ndim != 2 or prompt.prefix.shape[1] != config.width:
            raise UsageError(
                f"voice: its prefix has shape {tuple(prompt.prefix.shape)}, "
                f"but this model is {config.width} wide: clone it with this model"
            )
        if prompt.continued >= config.max_codes:
            raise UsageError(
                f"voice: its prompt of {prompt.continued} codes leaves no room of the model's "
                f"{config.max_codes}; clone it from less audio"
            )


def _generation(gpt: Gpt, made: list[tuple[Tensor, Tensor, Tensor]]) -> Generation:
    if not made:
        nothing = torch.zeros(0, gpt.config.width)
        return Generation(torch.zeros(0, dtype=torch.long), nothing, "limit")
    codes, states, margins = (torch.stack(parts) for parts in zip(*made, strict=True))
    check_finite(margins)
    tight = int((margins < TIGHT).sum())
    if int(codes[-1]) == gpt.config.stop_audio:
        return Generation(codes[:-1], states, "end", tight)
    return Generation(codes, states, "limit", tight)
