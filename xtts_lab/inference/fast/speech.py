"""Speech by the decoding engine: many prompts through as many rows as the memory allows.

B rows, E embedding, T samples. What the engine cannot do (guidance, the reference's compatibility)
the plain path does, prompt by prompt, with the same result.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

import torch
from torch import Tensor

from xtts_lab.errors import UsageError
from xtts_lab.inference.fast.batch_vocoder import BatchVocoder
from xtts_lab.inference.fast.continuous import decode_all
from xtts_lab.inference.fast.engine import DecodingEngine, row_bytes
from xtts_lab.inference.fast.streaming import FastStream
from xtts_lab.inference.generate import NOT_FINITE, Generation, Prompt, check_prompts
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.inference.serving.schedule import Schedule
from xtts_lab.inference.speak import Spoken, check_pace, schedule_of, speak, vocode
from xtts_lab.inference.speak import stream as stream_prompt
from xtts_lab.inference.speech import memory_of
from xtts_lab.model import XttsModel
from xtts_lab.nn.gpt import Gpt

T = TypeVar("T")

MOST_ROWS = 256
"""More rows are hardly faster: attention reads a cache for each."""

ROOM = 128
"""Rows hold prompts of up to a multiple of so many positions."""

WAITING = 64
"""So many utterances become waveforms together."""


AHEAD = 2
"""Groups that may wait to become waveforms: their states take memory."""

FOR_CACHES = 0.8
"""Of the memory that is given; the rest is for waveforms in the making."""


class FastSpeech:
    """See `inference.speech.Speech`. `memory_gb`: what is held beside the weights."""

    name, reason = "fast", ""

    def __init__(self, model: XttsModel, memory_gb: float | None = None) -> None:
        self.model = model
        _lay_out(model.gpt)
        self.memory = memory_of(model.device, memory_gb)
        self.most_rows = MOST_ROWS
        self.windows = model.device.type == "cuda"  # elsewhere they compute more than they save
        self._engine: DecodingEngine | None = None
        self._single: DecodingEngine | None = None
        self._stream: FastStream | None = None
        self._vocoder: BatchVocoder | None = None

    def refuses(self, prompt: Prompt) -> str:
        """Why a prompt goes the plain way; empty where it does not."""
        if prompt.sampling.coqui_compat:
            return "coqui_compat"
        return "" if prompt.sampling.guidance == 1.0 else "guidance"

    @torch.inference_mode()
    def speak(
        self, prompts: Sequence[Prompt], embeddings: Sequence[Tensor], speed: float = 1.0
    ) -> list[Spoken]:
        """Say prompts; rows that have ended make room for prompts that wait."""
        check_pace(self.model, speed)
        check_prompts(self.model.gpt, prompts)
        made: dict[int, Spoken] = {}
        alike: dict[SamplingOptions, list[int]] = {}
        for index, prompt in enumerate(prompts):
            if self.refuses(prompt):
                made[index] = speak(self.model, [prompt], [embeddings[index]], speed)[0]
            else:
                alike.setdefault(prompt.sampling, []).append(index)
        for indices in alike.values():
            chosen = [prompts[i] for i in indices]
            vectors = [embeddings[i] for i in indices]
            for place, spoken in self._speak_alike(chosen, vectors, speed):
                made[indices[place]] = spoken
        return [made[index] for index in range(len(prompts))]

    def stream(
        self, prompt: Prompt, embedding: Tensor, chunk_codes: int | Schedule, speed: float = 1.0
    ) -> Iterator[Tensor]:
        """Say one prompt in pieces, sized by a schedule or all alike."""
        schedule = schedule_of(self.model, chunk_codes)
        if self.refuses(prompt):
            return stream_prompt(self.model, prompt, embedding, schedule, speed)
        engine = self._one_row(prompt.sampling)
        if self._stream is None:
            self._stream = FastStream(self.model, engine)
            self._stream.warm(schedule)
        return self._stream.stream(prompt, embedding, schedule, speed)

    def _one_row(self, sampling: SamplingOptions) -> DecodingEngine:
        """For one prompt at a time, of any length."""
        if self._single is None or self._single.sampling != sampling:
            self._stream = self._single = None
            self._single = DecodingEngine(self.model.gpt, sampling, dtype=self._dtype)
        return self._single

    def _speak_alike(
        self, prompts: Sequence[Prompt], embeddings: Sequence[Tensor], speed: float
    ) -> Iterator[tuple[int, Spoken]]:
        """Prompts of one sampling: (index, what was said), in groups that become waveforms.

        On a GPU that happens beside the decoding of the next: it computes where that reads memory.
        """
        groups = _grouped(self._decode(prompts), WAITING)
        if self.model.device.type != "cuda" or len(prompts) <= WAITING:
            for group in groups:
                yield from self._sound(group, prompts, embeddings, speed)
            return
        if (vocoder := self._batch_vocoder()) is not None:
            vocoder.warm()  # graphs are recorded while nothing else is done
        side = torch.cuda.Stream(self.model.device)  # type: ignore[no-untyped-call]

        def aside(group: list[tuple[int, Generation]], decoded: Any) -> list[tuple[int, Spoken]]:
            with torch.inference_mode(), torch.cuda.stream(side):
                side.wait_event(decoded)
                return list(self._sound(group, prompts, embeddings, speed))

        with ThreadPoolExecutor(1) as pool:
            under_way: deque[Future[list[tuple[int, Spoken]]]] = deque()
            for group in groups:
                event = torch.cuda.Event()  # type: ignore[no-untyped-call]
                event.record()
                under_way.append(pool.submit(aside, group, event))
                if len(under_way) > AHEAD:
                    yield from under_way.popleft().result()
            for made in under_way:
                yield from made.result()

    def _decode(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, Generation]]:
        """Decode all, with half as many rows where the memory does not suffice."""
        left = dict(enumerate(prompts))
        while left:
            order = list(left)
            chosen = [left[i] for i in order]
            rows = self._rows(chosen)
            try:
                for place, made in decode_all(self._engine_for(chosen, rows), chosen):
                    if isinstance(made, UsageError):
                        raise made
                    del left[order[place]]
                    yield order[place], made
            except torch.OutOfMemoryError:
                self.close()
                if rows == 1:
                    raise
                self.most_rows = rows // 2

    def _engine_for(self, prompts: Sequence[Prompt], rows: int) -> DecodingEngine:
        """One that holds the longest of the prompts in that many rows."""
        longest, sampling, engine = _longest(prompts), prompts[0].sampling, self._engine
        if rows == 1:
            return self._one_row(sampling)
        known = None if engine is None else (engine.sampling, engine.state.rows)
        if engine is None or known != (sampling, rows) or engine.room < longest:
            self._engine = engine = None  # its memory goes before the next one's comes
            self._engine = engine = DecodingEngine(
                self.model.gpt, sampling, rows=rows, prompt=longest, dtype=self._dtype
            )
        return engine

    def _rows(self, prompts: Sequence[Prompt]) -> int:
        """As many rows as there are prompts, or as the memory holds."""
        size = row_bytes(self.model.gpt.config, _longest(prompts), self._dtype)
        most = max(min(int(self.memory * FOR_CACHES) // size, self.most_rows), 1)
        return min(1 << (len(prompts) - 1).bit_length(), most)

    @property
    def _dtype(self) -> torch.dtype:
        return self.model.gpt.audio_embedding.weight.dtype

    def _sound(
        self,
        made: Sequence[tuple[int, Generation]],
        prompts: Sequence[Prompt],
        embeddings: Sequence[Tensor],
        speed: float,
    ) -> Iterator[tuple[int, Spoken]]:
        """Waveforms of what was decoded: in windows of one shape where the vocoder allows."""
        samples = self._in_windows(made, embeddings) if self.windows and speed == 1.0 else None
        if samples is None:
            samples = [
                vocode(self.model, generation, embeddings[index], prompts[index].seed, speed)
                for index, generation in made
            ]
        for (index, generation), wave in zip(made, samples, strict=True):
            if not bool(torch.isfinite(wave).all()):
                raise UsageError(NOT_FINITE)
            yield (
                index,
                Spoken(wave, generation.codes.cpu(), generation.stop, generation.tight_steps),
            )

    def _in_windows(
        self, made: Sequence[tuple[int, Generation]], embeddings: Sequence[Tensor]
    ) -> list[Tensor] | None:
        """Waveforms of all together; None where vocoder or memory do not allow that."""
        vocoder = self._batch_vocoder()
        if vocoder is None:
            return None
        try:
            states = [generation.states for _, generation in made]
            return vocoder(states, [embeddings[index] for index, _ in made])
        except torch.OutOfMemoryError:
            self._vocoder = vocoder = None
            torch.cuda.empty_cache()
            return None

    def _batch_vocoder(self) -> BatchVocoder | None:
        if self._vocoder is None and self.model.vocoder.reads == "states":
            try:
                self._vocoder = BatchVocoder(self.model)
            except UsageError:  # a vocoder that does not run in windows
                return None
        return self._vocoder

    def close(self) -> None:
        """Give back what is held beside the weights."""
        self._engine = self._single = self._stream = self._vocoder = None
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()


def _grouped(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while group := list(islice(items, size)):
        yield group


def _lay_out(gpt: Gpt) -> None:
    """Matrices row after row, in place: as they lie in a checkpoint, kernels would need copies."""
    for parameter in gpt.parameters():
        parameter.data = parameter.data.contiguous()


def _longest(prompts: Sequence[Prompt]) -> int:
    """Positions of the longest prompt as it is read, in whole rooms: prefix, text with start and
    stop, start and the codes so far."""
    longest = max(p.prefix.shape[0] + p.text.shape[0] + 3 + p.continued for p in prompts)
    return -(-longest // ROOM) * ROOM
