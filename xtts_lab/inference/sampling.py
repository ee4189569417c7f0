"""From logits to the next code. B batch, V codes.

Order and meaning of the steps are those of Hugging Face `generate`, which the reference
implementation calls: repetition penalty, temperature, top-k, top-p. Every row draws with its own
random numbers, made on the CPU from its seed alone, so a row's codes do not depend on its company
or on the device.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from xtts_lab.errors import UsageError
from xtts_lab.model import SamplingDefaults

TIGHT = 1e-4
"""A margin below which another batch shape's rounding may draw another code."""


@dataclass(frozen=True)
class SamplingOptions(SamplingDefaults):
    """How the next code is drawn: the defaults are those of `SamplingDefaults`.

    `temperature` 0 takes the most likely code. `top_k` 0 and `top_p` 1 switch those filters off, a
    `repetition_penalty` of 1 that penalty. `coqui_compat` penalises code 1 and the start token from
    the first step on, as the reference does: it hands `generate` a prompt of ones. `guidance`
    over 1 moves away from what would be said without the voice, 1 is off (`inference.guidance`).
    """

    coqui_compat: bool = False

    def __post_init__(self) -> None:
        _require("temperature", self.temperature, self.temperature >= 0.0, "0 or more")
        _require("top_k", self.top_k, self.top_k >= 0, "0 (off) or more")
        _require("top_p", self.top_p, 0.0 < self.top_p <= 1.0, "over 0 and up to 1 (off)")
        penalty = self.repetition_penalty
        _require("repetition_penalty", penalty, penalty > 0.0, "over 0 (1 is off)")
        _require("guidance", self.guidance, self.guidance >= 0.0, "0 or more (1 is off)")

    @property
    def greedy(self) -> bool:
        return self.temperature == 0.0


def _require(key: str, value: float, holds: bool, wanted: str) -> None:
    if not (holds and math.isfinite(value)):
        raise UsageError(f"{key}: {value} does not work; it must be {wanted}")


def uniforms(seed: int, count: int) -> Tensor:
    """Return a row's random numbers, float64 [count] in [0, 1): one a step, fixed by the seed.

    Earlier numbers do not depend on `count`.
    """
    generator = torch.Generator(device="cpu").manual_seed(seed)
    return torch.rand(count, generator=generator, dtype=torch.float64)


def penalise(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Make the codes in `seen` [B, V] bool less likely (Keskar et al. 2019, section 4.1)."""
    if penalty == 1.0:
        return logits
    lowered = torch.where(logits < 0, logits * penalty, logits / penalty)
    return torch.where(seen, lowered, logits)


def keep_top_k(logits: Tensor, count: int) -> Tensor:
    """Rule out all but the `count` most likely; ties with the last of them stay."""
    if count == 0:
        return logits
    least = logits.topk(min(count, logits.shape[-1]), dim=-1).values[:, -1:]
    return logits.masked_fill(logits < least, -math.inf)


def keep_top_p(logits: Tensor, mass: float) -> Tensor:
    """Rule out the least likely whose probabilities together stay within 1 - `mass`."""
    if mass >= 1.0:
        return logits
    ascending, order = logits.sort(dim=-1)
    dropped = ascending.softmax(dim=-1).cumsum(dim=-1) <= 1.0 - mass
    dropped[:, -1] = False
    return logits.masked_fill(torch.zeros_like(dropped).scatter(1, order, dropped), -math.inf)


def distribution(logits: Tensor, seen: Tensor, options: SamplingOptions) -> Tensor:
    """Logits [B, V] -> the probabilities [B, V] that codes are drawn with."""
    scores = penalise(logits.float(), seen, options.repetition_penalty)
    if options.greedy:
        best = scores.argmax(dim=-1, keepdim=True)
        return torch.zeros_like(scores).scatter(1, best, 1.0)
    scores = keep_top_k(scores / options.temperature, options.top_k)
    return keep_top_p(scores, options.top_p).softmax(dim=-1)


def draw(probabilities: Tensor, uniform: Tensor) -> Tensor:
    """Probabilities [B, V] and random numbers [B] in [0, 1) -> codes [B].

    The code at which the cumulated probability passes the number: no device random state is
    involved, and a code of probability 0 is never drawn.
    """
    cumulated = probabilities.double().cumsum(dim=-1)
    threshold = (uniform.to(cumulated) * cumulated[:, -1]).unsqueeze(-1)
    return (cumulated <= threshold).sum(dim=-1).clamp(max=probabilities.shape[-1] - 1)


def margin(probabilities: Tensor, uniform: Tensor) -> Tensor:
    """How far each row's random number is from drawing another code, in probability, [B]."""
    cumulated = probabilities.double().cumsum(dim=-1)
    cumulated = cumulated / cumulated[:, -1:]
    edges = torch.where(cumulated >= 1.0, math.inf, cumulated)  # NaN stays NaN
    return (edges - uniform.to(edges).unsqueeze(-1)).abs().amin(dim=-1)


class Sampler:
    """Draws for a batch, step by step, and remembers what each row has drawn.

    One set of options a row; rows that share options (nearly always all of them) are one tensor
    operation.
    """

    def __init__(
        self, options: list[SamplingOptions], vocabulary: int, start_code: int, device: torch.device
    ) -> None:
        self.groups = _groups(options, device)
        self.seen = torch.zeros(len(options), vocabulary, dtype=torch.bool, device=device)
        for row, option in enumerate(options):
            if option.coqui_compat:
                self.seen[row, [1, start_code]] = True

    def copy(self) -> Sampler:
        """A sampler that has drawn the same so far, and goes its own way."""
        made = copy.copy(self)
        made.seen = self.seen.clone()
        return made

    def __call__(self, logits: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B, V] and random numbers [B] -> codes [B] and their margins [B].

        The codes count as seen from now on. A margin says how near another code was: in cumulated
        probability, or between the two best logits where the best is taken.
        """
        codes = torch.empty(logits.shape[0], dtype=torch.long, device=logits.device)
        margins = torch.empty(logits.shape[0], dtype=torch.float64, device=logits.device)
        for option, rows in self.groups:
            some = slice(None) if rows is None else rows
            chosen = choose(logits[some], self.seen[some], uniform[some], option)
            codes[some], margins[some] = chosen
        self.seen.scatter_(1, codes.unsqueeze(1), True)
        return codes, margins


def choose(
    logits: Tensor, seen: Tensor, uniform: Tensor, options: SamplingOptions
) -> tuple[Tensor, Tensor]:
    """Logits [B, V], `seen` [B, V] bool, random numbers [B] -> codes [B] and margins [B]."""
    if options.greedy:
        best = penalise(logits.float(), seen, options.repetition_penalty).topk(2, dim=-1)
        return best.indices[:, 0], (best.values[:, 0] - best.values[:, 1]).double()
    probabilities = distribution(logits, seen, options)
    return draw(probabilities, uniform), margin(probabilities, uniform)


def _groups(
    options: list[SamplingOptions], device: torch.device
) -> list[tuple[SamplingOptions, Tensor | None]]:
    distinct = list(dict.fromkeys(options))
    if len(distinct) == 1:
        return [(distinct[0], None)]
    rows = {
        option: [i for i, other in enumerate(options) if other == option] for option in distinct
    }
    return [(option, torch.tensor(index, device=device)) for option, index in rows.items()]
