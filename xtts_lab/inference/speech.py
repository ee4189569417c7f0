"""Who speaks for an XTTS: the plain path, or the decoding engine where it can.

T samples, D width, E embedding. Both say the same of a prompt, in fp32 where its margins allow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, Protocol

import torch
from torch import Tensor

from xtts_lab.errors import UsageError
from xtts_lab.inference.generate import Prompt
from xtts_lab.inference.kept import Kept
from xtts_lab.inference.serving.schedule import Schedule
from xtts_lab.inference.speak import Spoken, speak
from xtts_lab.inference.speak import stream as stream_prompt
from xtts_lab.model import XttsModel

if TYPE_CHECKING:
    from xtts_lab.inference.fast.speech import FastSpeech

Engine = Literal["auto", "fast", "plain"]
ENGINES: tuple[Engine, ...] = ("auto", "fast", "plain")


class Speech(Protocol):
    """Says prompts. `name` is `fast` or `plain`; `reason` why not `fast`, empty where it is."""

    name: str
    reason: str

    def speak(
        self, prompts: Sequence[Prompt], embeddings: Sequence[Tensor], speed: float = 1.0
    ) -> list[Spoken]:
        """Say prompts, one speaker vector [E] each. `UsageError` for what cannot be said."""
        ...

    def stream(
        self, prompt: Prompt, embedding: Tensor, chunk_codes: int | Schedule, speed: float = 1.0
    ) -> Iterator[Tensor]:
        """Say one prompt in pieces, float32 [T] each on the CPU."""
        ...


class PlainSpeech:
    """One batch as it is given, code by code: any device, any setting."""

    name = "plain"

    def __init__(self, model: XttsModel, reason: str, once: bool = False) -> None:
        self.model, self.reason = model, reason
        self._kept = Kept(model.gpt, once)

    def speak(
        self, prompts: Sequence[Prompt], embeddings: Sequence[Tensor], speed: float = 1.0
    ) -> list[Spoken]:
        return speak(self.model, prompts, embeddings, speed, self._kept)

    def stream(
        self, prompt: Prompt, embedding: Tensor, chunk_codes: int | Schedule, speed: float = 1.0
    ) -> Iterator[Tensor]:
        return stream_prompt(self.model, prompt, embedding, chunk_codes, speed, self._kept)


def speech_of(
    model: XttsModel, engine: str = "auto", memory_gb: float | None = None, once: bool = False
) -> PlainSpeech | FastSpeech:
    """Choose: `auto` is fast on CUDA with Triton, plain elsewhere; `UsageError` for other names."""
    if engine not in ENGINES:
        raise UsageError(f"engine: '{engine}' is none of {', '.join(ENGINES)}")
    if engine == "plain":
        return PlainSpeech(model, "asked for", once)
    if model.config.decoder.name != "single" or model.codec is not None:
        return PlainSpeech(model, f"decoder {model.config.decoder.name} on a residual codec", once)
    if engine == "auto":
        if model.device.type != "cuda":
            return PlainSpeech(model, f"device {model.device.type}", once)
        if find_spec("triton") is None:
            return PlainSpeech(model, "Triton is not installed", once)
    elif model.device.type == "cuda" and find_spec("triton") is None:
        raise UsageError("engine: fast needs Triton on this device; install it, or take auto")
    from xtts_lab.inference.fast.speech import FastSpeech

    return FastSpeech(model, memory_gb)


def memory_of(device: torch.device, memory_gb: float | None) -> int:
    """The bytes that decoding may hold beside the weights: half of what is free, if not told."""
    if memory_gb is not None:
        if not 0.0 < memory_gb < 1e6:
            raise UsageError(f"memory_gb: {memory_gb} does not work; it must be over 0")
        return int(memory_gb * 1e9)
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] // 2
    return 2_000_000_000
