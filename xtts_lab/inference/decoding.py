"""From prompts to what the vocoder reads, by the model's decoder. L levels, n frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from xtts_lab.decoders.base import Draft
from xtts_lab.errors import UsageError
from xtts_lab.inference.delayed import generate_frames
from xtts_lab.inference.generate import Generation, Prompt, check_prompts, generate, limit_of
from xtts_lab.inference.kept import Kept
from xtts_lab.model import XttsModel


@torch.inference_mode()
def decode(
    model: XttsModel, prompts: Sequence[Prompt], kept: Kept | None = None
) -> list[Generation]:
    """Decode a batch; each row's result is what it would be alone (in fp32).

    `kept`: see `generate.generate`.
    """
    decoder = model.decoder
    if decoder.depth > 1:
        return generate_frames(model.gpt, decoder, prompts)
    if model.codec is None:
        return generate(model.gpt, prompts, kept)
    if decoder.drafts:
        begun = generate(model.gpt, prompts, kept)
    else:
        check_prompts(model.gpt, prompts)
        begun = [_nothing(model) for _ in prompts]
    pairs = zip(prompts, begun, strict=True)
    levels = decoder.finish([_draft(model, p, g) for p, g in pairs])
    return [replace(g, codes=made[0], levels=made) for g, made in zip(begun, levels, strict=True)]


def _nothing(model: XttsModel) -> Generation:
    device, width = model.device, model.config.gpt.width
    codes = torch.zeros(0, dtype=torch.long, device=device)
    return Generation(codes, torch.zeros(0, width, device=device), "end")


def _draft(model: XttsModel, prompt: Prompt, begun: Generation) -> Draft:
    device = model.device
    before = torch.zeros(0, dtype=torch.long) if prompt.codes is None else prompt.codes
    # An untrained GPT may draw the start token, which stands for no sound.
    last = model.config.sizes.codes - 1
    codes = torch.cat([before.to(device), begun.codes.to(device)]).clamp(max=last)
    prefix, text = prompt.prefix.to(device), prompt.text.long().to(device)
    limit = limit_of(model.gpt, prompt)
    return Draft(
        prefix, text, codes, prompt.continued, prompt.seed, prompt.frames, limit,
        prompt.sampling.guidance,
    )  # fmt: skip


def check_decoder_streams(model: XttsModel) -> None:
    """Raise `UsageError` for a decoder whose codes are final at the end alone."""
    if not model.decoder.streams:
        name = model.config.decoder.name
        raise UsageError(f"the decoder '{name}' cannot stream; synthesise instead")


def check_decoder_serves(model: XttsModel) -> None:
    """Raise `UsageError` for a decoder that only streams alone."""
    check_decoder_streams(model)
    if model.decoder.depth > 1:
        name = model.config.decoder.name
        raise UsageError(f"the decoder '{name}' cannot serve several streams; stream one by one")
