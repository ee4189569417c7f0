"""The task `sample`: what trained runs say for the unseen speakers of a corpus, in codes.

On the machine that trained them, in large batches; a few bytes a second of speech come back, and a
codec makes sound of them anywhere (`write_speech`). Prompts are those of `XTTS.synthesise_batch`,
with phonemes and references straight from the corpus. N codes, T samples.
"""

from __future__ import annotations

import fnmatch
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from xtts_lab import files
from xtts_lab.checkpoint import load
from xtts_lab.checkpoint.codec import Codec
from xtts_lab.checkpoint.parts import choose, swap
from xtts_lab.conditioners.base import Conditioner
from xtts_lab.errors import UsageError
from xtts_lab.inference.decoding import decode
from xtts_lab.inference.generate import Generation, Prompt
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.model import XttsModel
from xtts_lab.nn.resample import Resampler
from xtts_lab.nn.rvq import RvqCodec
from xtts_lab.training.corpora.chosen_items import ChosenItem, chosen_items
from xtts_lab.training.corpora.folder import Split
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.corpora.test_set import write_wav
from xtts_lab.training.gpt import prompts
from xtts_lab.training.gpt.data import Utterance
from xtts_lab.training.gpt.vocabulary import Spelling
from xtts_lab.training.stage import Context
from xtts_lab.yaml_file import Document, Where


class SampleTask:
    """Let the runs that match `runs` say the items of a corpus's `split`.

    Items and references are those of `xtts-lab corpus --test-set` with the same `per_speaker`;
    references of each of `reference_s` seconds. `guidance`: each value is a condition of its own;
    so are `steps` for decoders that take them, and `durations` (`natural`: the recording's) for
    those that must know how long it is. Writes RUN/REFERENCE-GUIDANCE.npz into this run's folder
    (of other conditions RUN/REFERENCE-GUIDANCE-4steps.npz, say); what is there already stays.
    """

    def __init__(
        self,
        context: Context,
        /,
        *,
        runs: tuple[str, ...],
        corpus: str,
        split: Split = "test",
        per_speaker: int = 1,
        reference_s: tuple[float, ...] = (3.0, 6.0),
        guidance: tuple[float, ...] = (1.0,),
        steps: tuple[int, ...] = (),
        durations: tuple[Literal["own", "natural"], ...] = ("own",),
        temperature: float = 0.75,
        repetition_penalty: float = 1.0,
        seed: int = 0,
        batch: int = 128,
    ) -> None:
        names = sorted(path.name for path in context.out.iterdir() if path.is_dir())
        chosen = [n for n in names if any(fnmatch.fnmatch(n, pattern) for pattern in runs)]
        self._runs = [
            context.out / n for n in chosen if (context.out / n / "config.json").is_file()
        ]
        if not self._runs:
            raise UsageError(f"runs: nothing trained in {context.out} is called {', '.join(runs)}")
        self._folder, self._seed, self._batch = context.folder, seed, batch
        self._corpus = Corpus.open(context.path(corpus, "corpus"))
        self._items = {
            s: [i for i in chosen_items(self._corpus, split, per_speaker, s) if i.references]
            for s in reference_s
        }
        if not all(self._items.values()):
            raise UsageError(f"corpus: no speaker of '{split}' has references beside what is said")
        self._options = [
            SamplingOptions(temperature, repetition_penalty=repetition_penalty, guidance=g)
            for g in guidance
        ]
        self._steps, self._durations = steps, durations

    def run(self, device: str) -> Mapping[str, float]:
        said = 0.0
        for run in self._runs:
            model = load(run).model.to(device).requires_grad_(False)
            voices = _Voices(model, self._corpus, Spelling.read(run / "vocab.json"))
            for (seconds, items), options, way in product(
                self._items.items(), self._options, _ways(model, self._steps, self._durations)
            ):
                name = f"{seconds:g}s-{options.guidance:g}{way.suffix}.npz"
                path = self._folder / run.name / name
                if not path.is_file():
                    way.take(model)
                    voices.natural = way.natural
                    said += self._say(model, voices, items, options, path)
        return {"runs": float(len(self._runs)), "seconds": said}

    def _say(
        self,
        model: XttsModel,
        voices: _Voices,
        items: Sequence[ChosenItem],
        options: SamplingOptions,
        path: Path,
    ) -> float:
        names = [str(self._corpus.items["id"].iloc[item.number]) for item in items]
        made: list[Generation] = []
        for start in range(0, len(items), self._batch):
            some = range(start, min(start + self._batch, len(items)))
            asked = [voices.prompt(items[i], _seed(self._seed, names[i]), options) for i in some]
            made += decode(model, asked)
        # An untrained model may draw the start token, which stands for no sound.
        last = model.config.sizes.codes - 1
        said = [one.codes if one.levels is None else one.levels.T for one in made]
        codes = [one.clamp(max=last).cpu().numpy().astype(np.uint16) for one in said]
        arrays = {
            "ids": np.array(names),
            "counts": np.array([len(one) for one in codes]),
            "codes": np.concatenate(codes),
            "stopped": np.array([one.stop == "end" for one in made]),
        }
        files.write_with(path, lambda fresh: _save(fresh, arrays))
        return float(sum(map(len, codes))) / model.config.sizes.codes_per_s


@dataclass(frozen=True)
class _Way:
    """How a decoder decodes: `steps` (None: its own), and whether durations are `natural`."""

    steps: int | None
    natural: bool

    @property
    def suffix(self) -> str:
        """What a file's name says of it; nothing of what is usual."""
        told = "" if self.steps is None else f"-{self.steps}steps"
        return told + ("-natural" if self.natural else "")

    def take(self, model: XttsModel) -> None:
        """Let a model decode so; its weights stay."""
        if self.steps is not None:
            where = Where(Document("sample")) / "steps"
            own = model.config.decoder
            swap(model, (choose("decoders", {"steps": self.steps}, own, where),))


def _ways(model: XttsModel, steps: Sequence[int], durations: Sequence[str]) -> list[_Way]:
    """The conditions that mean something to a model's decoder."""
    decoder = model.decoder
    counts = steps if "steps" in decoder.inference_settings else ()
    lasting = ("own",) if decoder.drafts else durations
    return [_Way(n, d == "natural") for n in counts or (None,) for d in lasting]


class _Voices:
    """Prompts of a model for items of a corpus; with `natural`, as long as the recordings are."""

    def __init__(self, model: XttsModel, corpus: Corpus, spelling: Spelling) -> None:
        self.model, self.corpus, self.spelling = model, corpus, spelling
        self.natural = False
        rate = model.conditioner.intake.sample_rate
        self.resample = Resampler(corpus.sample_rate, rate).to(model.device)

    def prompt(self, item: ChosenItem, seed: int, options: SamplingOptions) -> Prompt:
        """What to say, by whom, and maybe for how long."""
        made = self._prompt(item, seed, options)
        if not self.natural:
            return made
        seconds = int(self.corpus.items["samples"].iloc[item.number]) / self.corpus.sample_rate
        return replace(made, frames=max(1, round(seconds * self.model.config.sizes.codes_per_s)))

    @torch.inference_mode()
    def _prompt(self, item: ChosenItem, seed: int, options: SamplingOptions) -> Prompt:
        conditioner, text = self.model.conditioner, self._tokens(item.number)
        prefix = prefix_of(self.model, self._heard(item))
        nothing = torch.zeros(0, self.model.config.gpt.width)
        if conditioner.prefix_kind == "latents":
            return Prompt(prefix, text, seed, options)
        if not conditioner.continues:
            return Prompt(conditioner.embed(prefix), text, seed, options)
        said = torch.from_numpy(prompts.tokens(self._pieces(item), self.spelling.space))
        joined = torch.cat([said, text])[: self.model.config.gpt.max_text]
        return Prompt(
            nothing, joined, seed, options, codes=prefix, prompted=min(len(said), len(joined)),
            anew=conditioner.anew,
        )  # fmt: skip

    def _tokens(self, number: int) -> Tensor:
        row = self.corpus.items.iloc[number]
        return torch.tensor(self.spelling.encode(str(row["phonemes"]), str(row["language"])))

    def _heard(self, item: ChosenItem) -> Tensor:
        clips = [self.corpus.samples(number)[:size] for number, size in item.references]
        samples = torch.from_numpy(np.concatenate(clips).astype(np.float32) / 32768.0)
        heard: Tensor = self.resample(samples.to(self.model.device))
        return heard

    def _pieces(self, item: ChosenItem) -> list[prompts.Piece]:
        left = self.model.conditioner.intake.max_s * self.corpus.sample_rate
        pieces = []
        for number, size in item.references:
            samples = int(self.corpus.items["samples"].iloc[number])
            tokens = self._tokens(number).numpy()
            told = Utterance(self.corpus, number, samples, 0, tokens, tokens)
            if left > 0:
                pieces.append(prompts.Piece(told, min(size, left) / samples))
            left -= size
        return pieces


def prefix_of(model: XttsModel, samples: Tensor) -> Tensor:
    """Reference audio [T] at the conditioner's rate -> its prefix [N, D] or codes [N]."""
    conditioner: Conditioner = model.conditioner
    intake = conditioner.intake
    heard = (
        samples if math.isinf(intake.max_s) else samples[: int(intake.max_s * intake.sample_rate)]
    )
    if intake.reads == "codes":
        assert model.coder is not None, "a run that reads codes has a codec"
        codes: Tensor = conditioner(model.coder(heard.unsqueeze(0)))[0]
        return codes
    if intake.reads == "nothing":
        constant: Tensor = conditioner(heard.new_zeros(1, 0))[0]
        return constant
    chunk_s = model.config.cloning.chunk_s if intake.chunk_s is None else intake.chunk_s
    size = heard.shape[0] if math.isinf(chunk_s) else int(chunk_s * intake.sample_rate)
    chunks = [
        c
        for c in torch.split(heard, size)
        if len(c) >= model.config.cloning.min_chunk_s * intake.sample_rate
    ]
    made = [conditioner(chunk.unsqueeze(0))[0] for chunk in chunks]
    if intake.pooling == "concatenate":
        return torch.cat(made)
    weights = torch.tensor([float(len(chunk)) for chunk in chunks], device=heard.device)
    mean: Tensor = (torch.stack(made) * (weights / weights.sum())[:, None, None]).sum(0)
    return mean


@torch.inference_mode()
def write_speech(codes: Path, codec: Codec | RvqCodec, folder: Path) -> int:
    """Write `folder/ID.wav` of each utterance of a .npz of codes; return how many."""
    rate = codec.sample_rate if isinstance(codec, RvqCodec) else codec.vocoder.sample_rate
    with np.load(codes) as data:
        ids, counts, values = data["ids"].tolist(), data["counts"], data["codes"].astype(np.int64)
    folder.mkdir(parents=True, exist_ok=True)
    for name, some in zip(ids, np.split(values, np.cumsum(counts)[:-1]), strict=True):
        if len(some) == 0:
            continue
        given = torch.from_numpy(some).unsqueeze(0)
        made = (
            codec.decode(given.transpose(1, 2))[0]
            if isinstance(codec, RvqCodec)
            else codec.speak(given)[0]
        )
        pcm = (made.clamp(-1, 1) * 32767).round().to(torch.int16).numpy()
        write = partial(write_wav, samples=pcm, sample_rate=rate)
        files.write_with(folder / f"{name}.wav", write)
    return len(ids)


def _seed(seed: int, name: str) -> int:
    return int(hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()[:8], 16) & 0x7FFF_FFFF


def _save(path: Path, arrays: Mapping[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)
