"""The distribution that codes are drawn from equals that of Hugging Face `generate`."""

from __future__ import annotations

import pytest
import torch

from xtts_lab.inference.sampling import SamplingOptions, distribution

ROWS, CODES = 1000, 1026

OPTIONS = [
    SamplingOptions(),
    SamplingOptions(temperature=1.0, top_k=0, top_p=1.0, repetition_penalty=1.0),
    SamplingOptions(temperature=0.2, top_k=5, top_p=0.5, repetition_penalty=10.0),
    SamplingOptions(temperature=1.7, top_k=0, top_p=0.95, repetition_penalty=0.7),
]


@pytest.mark.parametrize("options", OPTIONS)
def test_processed_distributions(options: SamplingOptions, generator: torch.Generator) -> None:
    from transformers.generation.logits_process import (
        LogitsProcessorList,
        RepetitionPenaltyLogitsProcessor,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    logits = torch.randn(ROWS, CODES, generator=generator) * 4.0
    history = torch.randint(0, CODES, (ROWS, 40), generator=generator)
    steps = LogitsProcessorList([RepetitionPenaltyLogitsProcessor(options.repetition_penalty)])
    steps.append(TemperatureLogitsWarper(options.temperature))
    if options.top_k:
        steps.append(TopKLogitsWarper(options.top_k))
    if options.top_p < 1.0:
        steps.append(TopPLogitsWarper(options.top_p))
    expected = steps(history, logits.clone()).softmax(dim=-1)
    seen = torch.zeros(ROWS, CODES, dtype=torch.bool).scatter(1, history, True)
    ours = distribution(logits, seen, options)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-6)
    assert bool(((ours > 0) == (expected > 0)).all())
