"""The public Python interface: a checkpoint that clones voices and speaks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from xtts_lab import registry
from xtts_lab.audio import content_of
from xtts_lab.checkpoint import Checkpoint, load, locate
from xtts_lab.checkpoint.builtin import builtin_folder
from xtts_lab.checkpoint.parts import choose, swap
from xtts_lab.device import resolve_device
from xtts_lab.errors import UsageError
from xtts_lab.espeak.front_end import PhonemeFrontEnd
from xtts_lab.inference.attention import Attention, attention
from xtts_lab.inference.generate import Prompt, lasting
from xtts_lab.inference.limits import checked_seed, piece_seed
from xtts_lab.inference.precision import dtype_named, made_with, products, reduce
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.inference.serving.build import stream_server
from xtts_lab.inference.serving.requests import RequestServer
from xtts_lab.inference.serving.schedule import Schedule
from xtts_lab.inference.speak import Spoken, check_pace, schedule_of
from xtts_lab.inference.speech import speech_of
from xtts_lab.inference.voice import blend, clone
from xtts_lab.model import CloningDefaults, XttsModel
from xtts_lab.text.tokenizer import Piece, XttsTokenizer
from xtts_lab.types import Audio, Json, Reference, Request, Synthesis, Timings, Voice
from xtts_lab.yaml_file import Document, Where

_ARGUMENTS = Where(Document("from_pretrained"))

_Content: TypeAlias = "tuple[str, str | None, str | None]"
"""Of a reference: its audio's SHA-256, its text, its language."""

STREAM_CHUNKS = Schedule()
"""Codes a streamed chunk: a small first one, then larger ones. The reference takes 20 each time."""

MAX_KEPT_VOICES = 64
"""How many cloned voices `synthesise_batch` keeps; the oldest goes first."""


class XTTS:
    """An XTTS ready to speak.

    Every call is reproducible: what is said depends on text, language, voice, seed and settings
    alone; a setting that does not work is a `UsageError`. `coqui_compat` restores the reference
    implementation's text front end, its truncation of references, its repetition penalty and its
    way with speeds just under 1, mistakes included.

    `engine` says who decodes: `fast` (kernels and graphs, many requests side by side), `plain`, or
    `auto`, which is fast on CUDA; `speech.name` and `speech.reason` say what was taken, and what
    the fast one cannot do goes the plain way. `dtype` is the GPT's: `float32`, `bfloat16` or
    `float16`, in which codes are no longer the same in any company. `tf32` lets float32 products
    be rounded. `memory_gb` is what decoding may hold beside the weights, half of what is free.
    `once` leaves out what a CPU makes up for after some 15 s of speech only (docs/speed.md).
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: str = "auto",
        *,
        coqui_compat: bool = False,
        engine: str = "auto",
        dtype: str = "float32",
        tf32: bool = False,
        memory_gb: float | None = None,
        once: bool = False,
    ) -> None:
        self.device = resolve_device(device)
        self.checkpoint = checkpoint
        numbers = dtype_named(dtype)
        self.model: XttsModel = checkpoint.model.to(self.device)
        reduce(self.model, numbers)
        self.tf32 = tf32
        self._speaks = Lock()
        self.speech = speech_of(self.model, engine, memory_gb, once)
        self.coqui_compat = coqui_compat
        config = self.model.config
        longest = config.gpt.max_text - 1  # the reference refuses a text that fills it
        self.tokenizer = XttsTokenizer.from_file(
            checkpoint.vocabulary,
            longest,
            coqui_compat,
            PhonemeFrontEnd() if config.text.front_end == "phonemes" else None,
            config.text.max_tokens,
        )
        self._cloned: dict[tuple[_Content, ...], Voice] = {}

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        *,
        device: str = "auto",
        coqui_compat: bool = False,
        conditioner: Mapping[str, Any] | None = None,
        decoder: Mapping[str, Any] | None = None,
        vocoder: Mapping[str, Any] | None = None,
        engine: str = "auto",
        dtype: str = "float32",
        tf32: bool = False,
        memory_gb: float | None = None,
        once: bool = False,
    ) -> XTTS:
        """Load a folder, a fine-tune, `owner/name[@commit]` on the hub, or a built-in name.

        `conditioner`, `decoder` and `vocoder` replace the checkpoint's own: `{"name": "tortoise",
        "weights": "tortoise.safetensors"}`; without weights of its own a part is random, and what
        is said means nothing. Raises `UsageError`, in one line, for what is absent or does not fit;
        nothing in a checkpoint is ever executed.
        """
        checkpoint = load(builtin_folder(str(source)) or locate(source))
        own = checkpoint.model.config
        choices = (
            choose("conditioners", conditioner, own.conditioner, _ARGUMENTS / "conditioner"),
            choose("decoders", decoder, own.decoder, _ARGUMENTS / "decoder"),
            choose("vocoders", vocoder, own.vocoder, _ARGUMENTS / "vocoder"),
        )
        swap(checkpoint.model, choices)
        if not choices[0].own:  # studio voices are what another conditioner made
            checkpoint = replace(checkpoint, voices={})
        return cls(
            checkpoint, device, coqui_compat=coqui_compat,
            engine=engine, dtype=dtype, tf32=tf32, memory_gb=memory_gb, once=once,
        )  # fmt: skip

    @property
    def sample_rate(self) -> int:
        """Of the speech, in Hz."""
        return self.model.vocoder.sample_rate

    @property
    def languages(self) -> frozenset[str]:
        """The languages that the vocabulary has a tag for."""
        return self.tokenizer.languages

    @property
    def voices(self) -> Mapping[str, Voice]:
        """The studio voices that came with the checkpoint, by name."""
        return self.checkpoint.voices

    @property
    def sampling(self) -> SamplingOptions:
        """The checkpoint's own way to draw codes."""
        own = asdict(self.model.config.sampling)
        return SamplingOptions(**own, coqui_compat=self.coqui_compat)

    def voice(self, name: str) -> Voice:
        """Return a studio voice; an unknown name is a `UsageError` that names the nearest."""
        if name not in self.voices:
            raise UsageError(registry.unknown("voice", name, self.voices))
        return self.voices[name]

    def clone_voice(
        self,
        references: Sequence[str | Path | Reference],
        *,
        cloning: CloningDefaults | None = None,
    ) -> Voice:
        """Make a voice of any number of recordings of any length, in flat memory.

        With XTTS-v2's conditioner both halves are means over the chunks of all references,
        weighted by seconds of sound; the seconds that went into the prefix stand in
        `Voice.reference_s`. A `Reference` also says what its recording says, which the conditioner
        `valle` must know. Silent recordings are left out beside others, with a warning, and refused
        alone.
        """
        given = [r if isinstance(r, Reference) else Path(r) for r in references]
        with self._speaks, products(self.tf32):  # torch would round convolutions to TF32
            cloned = clone(self.model, given, cloning, self.coqui_compat)
        for line in cloned.voice.left_out:
            warnings.warn(f"references: {line}; left out", stacklevel=2)
        return replace(cloned.voice, reference_s=cloned.prefix_s)

    def blend_voices(self, voices: Sequence[tuple[Voice, float]]) -> Voice:
        """Mix voices by weights: `[(voice, 0.5), (other, 0.5)]`; `UsageError` for code prefixes."""
        return blend(voices)

    def attention(self, reference: str | Path | Reference) -> Attention:
        """What each latent of a Perceiver attends to, in a reference's first chunk."""
        return attention(self.model, reference)

    def synthesise(
        self,
        text: str,
        *,
        language: str,
        voice: Voice | str,
        seed: int = 0,
        speed: float = 1.0,
        sampling: SamplingOptions | None = None,
        max_codes: int | None = None,
        duration_s: float | None = None,
    ) -> Audio:
        """Say a text of any length; long texts are split at sentences and clauses.

        `duration_s` is heeded by decoders that would else predict it (`masked` without the GPT).
        Warns of letters and symbols that nothing reads (`tokenizer.unspoken`); `UsageError` where
        nothing else is left.
        """
        chosen = self._voice(voice)
        prompts, unspoken = self._prompts(text, language, chosen, seed, sampling, max_codes)
        _warn_of(unspoken)
        if duration_s is not None:
            prompts = lasting(prompts, duration_s * self.model.config.sizes.codes_per_s)
        with self._speaks, products(self.tf32):
            spoken = [self.speech.speak([p], [chosen.embedding], speed)[0] for p in prompts]
        return Audio(torch.cat([part.samples for part in spoken]), self.sample_rate)

    def synthesise_batch(
        self,
        requests: Sequence[Request],
        *,
        sampling: SamplingOptions | None = None,
        max_codes: int | None = None,
        voice: Voice | str | None = None,
    ) -> list[Synthesis]:
        """Say many things at once; each keeps its own seed, and sounds as it would alone.

        References that several requests share are cloned once. `voice`: one to speak with in place
        of the references, or the name of a studio voice. Timings are a request's own or absent: the
        time of cloning where it was cloned for, the whole time where it was alone.
        """
        if not requests:
            return []
        start, cut = perf_counter(), cache(self.tokenizer.pieces)  # texts recur
        named = None if voice is None else self._voice(voice)
        heard = [(named, None) if named else self._voice_of(r.references) for r in requests]
        texts = [
            self._prompts(r.text, r.language, voice, r.seed, sampling, max_codes, cut)
            for r, (voice, _) in zip(requests, heard, strict=True)
        ]
        flat = [prompt for prompts, _ in texts for prompt in prompts]
        embeddings = [v.embedding for (v, _), (of, _) in zip(heard, texts, strict=True) for _ in of]
        with self._speaks, products(self.tf32):
            spoken = iter(self.speech.speak(flat, embeddings))
        groups = [[next(spoken) for _ in prompts] for prompts, _ in texts]
        total_ms = (perf_counter() - start) * 1e3 if len(requests) == 1 else None
        return [
            self._joined(group, Timings(ms, total_ms=total_ms), prompts[0], voice, left)
            for group, (prompts, left), (voice, ms) in zip(groups, texts, heard, strict=True)
        ]

    def stream(
        self,
        text: str,
        *,
        language: str,
        voice: Voice | str,
        seed: int = 0,
        speed: float = 1.0,
        sampling: SamplingOptions | None = None,
        max_codes: int | None = None,
        chunk_codes: int | Schedule = STREAM_CHUNKS,
    ) -> Iterator[Audio]:
        """Say a text in chunks as they are ready; joined, they are what `synthesise` returns.

        `chunk_codes`: how many codes a chunk waits for, of XTTS-v2 46 ms each. Raises `UsageError`
        for a vocoder that needs the whole utterance, before the first chunk is asked for.
        """
        chosen = self._voice(voice)
        schedule_of(self.model, chunk_codes)
        check_pace(self.model, speed)
        prompts, unspoken = self._prompts(text, language, chosen, seed, sampling, max_codes)
        _warn_of(unspoken)
        return (
            Audio(samples, self.sample_rate)
            for prompt in prompts
            for samples in made_with(
                self.tf32, self.speech.stream, prompt, chosen.embedding, chunk_codes, speed
            )
        )

    def serve(
        self,
        streams: int = 16,
        *,
        sampling: SamplingOptions | None = None,
        max_codes: int | None = None,
        chunk_codes: int | Schedule = STREAM_CHUNKS,
    ) -> RequestServer:
        """Return a server of up to `streams` streams at once: submit requests, poll for audio.

        Each request's audio is what it is alone. Raises `UsageError` for a vocoder that needs the
        whole utterance.
        """
        drawn, schedule = sampling or self.sampling, schedule_of(self.model, chunk_codes)
        fast = self.speech.name == "fast"
        with products(self.tf32):
            server = stream_server(self.model, streams, schedule, drawn, fast=fast)

        def prompts(request: Request, voice: Voice) -> list[Prompt]:
            said = request.text, request.language, voice, request.seed
            return self._prompts(*said, drawn, max_codes)[0]

        return RequestServer(server, prompts, self.tf32)

    def _voice(self, voice: Voice | str) -> Voice:
        return self.voice(voice) if isinstance(voice, str) else voice

    def _voice_of(self, references: Sequence[Reference]) -> tuple[Voice, float | None]:
        """Return the voice, and in how many ms it was cloned, None where it was known."""
        key = tuple((content_of(r.audio), r.text, r.language) for r in references)
        if key in self._cloned:
            return self._cloned[key], None
        start = perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what was left out stands in the results' details
            voice = self.clone_voice(references)
        if len(self._cloned) >= MAX_KEPT_VOICES:
            self._cloned.pop(next(iter(self._cloned)))
        self._cloned[key] = voice
        return voice, (perf_counter() - start) * 1e3

    def _prompts(
        self,
        text: str,
        language: str,
        voice: Voice,
        seed: int,
        sampling: SamplingOptions | None,
        max_codes: int | None,
        cut: Callable[..., list[Piece]] | None = None,
    ) -> tuple[list[Prompt], str]:
        """Return one prompt a piece of text, and what of it nothing reads.

        The first piece has the seed itself.
        """
        seed = checked_seed(seed)
        prefix, codes, before = self._prompted(voice, language)
        pieces = (cut or self.tokenizer.pieces)(text, language, taken=len(before))
        unspoken = self.tokenizer.unspoken_beside(text, language, pieces)
        said = [piece for piece in pieces if len(piece.ids) > 1]
        if not said:
            raise UsageError("text: nothing to say; write at least one word")
        prompts = [
            Prompt(
                prefix,
                torch.tensor(before + piece.ids),
                piece_seed(seed, index),
                sampling or self.sampling,
                max_codes,
                codes,
                len(before),
                self.model.conditioner.anew,
            )
            for index, piece in enumerate(said)
        ]
        return prompts, unspoken

    def _prompted(self, voice: Voice, language: str) -> tuple[Tensor, Tensor | None, list[int]]:
        """A voice -> prefix [N, D], the codes [K] that begin the output, and their text's ids."""
        conditioner = self.model.conditioner
        is_codes = not voice.prefix.is_floating_point()
        if is_codes != (conditioner.prefix_kind == "codes"):
            name = self.model.config.conditioner.name
            raise UsageError(f"voice: was not made for the conditioner '{name}'; clone it again")
        if not is_codes:
            return voice.prefix, None, []
        codes = voice.prefix.to(self.model.device)
        if not conditioner.continues:
            with torch.inference_mode():
                return conditioner.embed(codes), None, []
        if not voice.text:
            raise UsageError("voice: its text is not known, and the model reads it")
        nothing = torch.zeros(0, self.model.config.gpt.width)
        return nothing, codes, self.tokenizer.encode(voice.text, voice.language or language)

    def _joined(
        self, parts: Sequence[Spoken], timings: Timings, prompt: Prompt, voice: Voice, unspoken: str
    ) -> Synthesis:
        limited = any(part.stop == "limit" for part in parts)
        stop: Literal["end", "limit"] = "limit" if limited else "end"
        samples: Tensor = torch.cat([part.samples for part in parts])
        codes = torch.cat([part.codes for part in parts])
        details: dict[str, Json] = {
            "prefix_length": prompt.prefix.shape[0] + prompt.continued,
            "reference_s": None if voice.reference_s is None else round(voice.reference_s, 6),
            "tight_steps": sum(part.tight_steps for part in parts),
        }
        told = {"unspoken": unspoken, "references_left_out": "; ".join(voice.left_out)}
        details |= {name: value for name, value in told.items() if value}
        return Synthesis(Audio(samples, self.sample_rate), stop, timings, codes, details)


def _warn_of(unspoken: str) -> None:
    if unspoken:
        warnings.warn(f"text: nothing reads these: {' '.join(unspoken)}", stacklevel=3)
