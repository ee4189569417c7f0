"""Positions of text and audio that begin on one clock. P positions, D width.

A model that speaks must find out where in the text it is. With tables of noise it learns that
place by place, late, and all at once. Here both tables begin as sinusoids (Vaswani et al. 2017,
arXiv 1706.03762, section 3.5) of the time at which a token is about to be said, so that the inner
product of a code's position and a token's says how far apart they are; training goes on from there.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from xtts_lab.nn.gpt import Gpt
from xtts_lab.training.gpt.data import Utterances

SHORTEST, LONGEST = 6.0, 1500.0
"""Wave lengths, in codes: less than a phoneme, and more than the longest utterance."""

LEVEL = 0.02
"""Root mean square of a table: that of the tokens' embeddings."""


def codes_a_token(utterances: Utterances) -> float:
    """How many codes are said for a token of text, on average."""
    codes = sum(len(one.codes) for one in utterances.all)
    return codes / sum(len(one.tokens) for one in utterances.all)


@torch.no_grad()
def set_positions(gpt: Gpt, codes_a_token: float, turn: int | None = None) -> None:
    """Write the sinusoids over the GPT's two tables of positions.

    From position `turn` on, text is that of prompts, which ends where the tables end
    (`nn.gpt.places`): there the clock is set so that both tables end at one time.
    """
    text, audio = gpt.text_position.weight, gpt.audio_position.weight
    times = torch.arange(len(text)) * codes_a_token
    if turn is not None:
        times[turn:] += len(audio) - len(text) * codes_a_token
    text.copy_(_waves(times, text.shape[1]))
    audio.copy_(_waves(torch.arange(len(audio)), audio.shape[1]))


def _waves(times: Tensor, width: int) -> Tensor:
    """Times [P], in codes -> sines, then cosines, of falling frequency, [P, D]."""
    count = -(-width // 2)
    steps = torch.linspace(math.log(SHORTEST), math.log(LONGEST), count, dtype=torch.float64)
    angles = 2.0 * math.pi * times.double()[:, None] / steps.exp()
    waves = torch.cat([angles.sin(), angles.cos()], dim=1)[:, :width]
    return (math.sqrt(2.0) * LEVEL * waves).float()
