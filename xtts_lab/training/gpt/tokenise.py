"""The task `tokenise`: what a corpus sounds like in a codec's codes, and its vocabulary.

Each utterance is tokenised alone, as cloning tokenises a prompt: company would change the codes at
its end. Several processes share the work (`parts`), each writing files of its own.
"""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from xtts_lab import files
from xtts_lab.checkpoint import codec
from xtts_lab.checkpoint.inspecting import inspect
from xtts_lab.checkpoint.loading import dvae_of
from xtts_lab.checkpoint.rvq import RVQ, load_rvq
from xtts_lab.errors import UsageError
from xtts_lab.nn.dvae import Dvae
from xtts_lab.nn.resample import Resampler
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.gpt.codes import TOLD, VOCABULARY, has_part, write_part
from xtts_lab.training.gpt.vocabulary import phoneme_vocabulary, write_vocabulary
from xtts_lab.training.stage import Context


@dataclass(frozen=True)
class _Coder:
    """A codec of either kind: `encode` makes codes [n], or [n, L], of samples [1, T]."""

    sample_rate: int
    count: int
    encode: Callable[[torch.Tensor], torch.Tensor]


class TokeniseTask:
    """Turn all items of `corpora` into codes of a DVAE's run `dvae`, or of a `checkpoint`'s DVAE,
    or into those of all levels of a residual codec's run `rvq`.

    With a checkpoint, to be fine-tuned, its vocabulary is the codes'.
    `part` of `parts` (from 0): several runs with one `into` share the work; `into` is the folder
    of the codes, a name beside this run (its own by default). `most_hours`: of each corpus's speech
    to train on only about so much, of its first speakers, so that a small corpus beside is no drop
    in it; training hears and says nothing else of it.
    """

    def __init__(
        self,
        context: Context,
        /,
        *,
        corpora: tuple[str, ...],
        dvae: str | None = None,
        checkpoint: str | None = None,
        rvq: str | None = None,
        part: int = 0,
        parts: int = 1,
        into: str | None = None,
        most_hours: float | None = None,
    ) -> None:
        if not 0 <= part < parts:
            raise UsageError(f"part: {part} of {parts} parts there is none; count from 0")
        self._folder = context.folder if into is None else context.out / into
        self._corpora = [Corpus.open(context.path(name, "corpora")) for name in corpora]
        if [dvae, checkpoint, rvq].count(None) != 2:
            raise UsageError(
                "dvae: name a DVAE's run, a checkpoint whose DVAE it is, or (rvq) a residual "
                "codec's run; one of them"
            )
        self._rvq = None if rvq is None else context.path(rvq, "rvq") / RVQ
        self._run = None if dvae is None else context.path(dvae, "dvae") / codec.DVAE
        self._checkpoint = None if checkpoint is None else inspect(checkpoint)
        if most_hours is not None and most_hours <= 0:
            raise UsageError(f"most_hours: must be above 0, not {most_hours}")
        self._part, self._parts, self._most_hours = part, parts, most_hours

    def run(self, device: str) -> Mapping[str, float]:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._part == 0:
            self._write_vocabulary()
            self._save_codec()
        if has_part(self._folder, self._part, self._parts):
            return {}
        coder = self._coder(device)
        rows, made, start = [], [], 0
        for place, corpus in enumerate(self._corpora):
            resample = Resampler(corpus.sample_rate, coder.sample_rate).to(device)
            names = [str(name) for name in corpus.items["id"]]
            chosen = _chosen(corpus, self._most_hours)
            for number in (n for n in chosen if self._is_mine(names[n])):
                samples = torch.from_numpy(corpus.samples(number).astype(np.float32))
                with torch.inference_mode():
                    codes = coder.encode(resample(samples.to(device) / 32768.0).unsqueeze(0))
                made.append(codes.to(torch.int32))
                rows.append((place, start, len(codes), *corpus.items.loc[number, list(TOLD)]))
                start += len(codes)
        values = torch.cat(made).cpu().numpy().astype(np.uint16)
        items = pd.DataFrame(rows, columns=["corpus", "start", "count", *TOLD])
        write_part(self._folder, self._part, self._parts, items, values)
        levels = values.reshape(len(values), -1).T
        used = min(len(np.unique(level)) for level in levels) / coder.count
        return {"items": float(len(items)), "codes": float(len(values)), "usage": used}

    def _coder(self, device: str) -> _Coder:
        if self._rvq is None:
            dvae = self._dvae().to(device)
            return _Coder(dvae.sample_rate, dvae.config.codes, lambda heard: dvae(heard)[0])
        rvq = load_rvq(self._rvq).to(device)
        return _Coder(rvq.sample_rate, rvq.config.codes, lambda heard: rvq.encode(heard)[0].T)

    def _save_codec(self) -> None:
        if self._rvq is None:
            codec.save_dvae(self._folder / codec.DVAE, self._dvae())
        else:
            files.copy(self._rvq, self._folder / RVQ)

    def _is_mine(self, name: str) -> bool:
        # By name: more of the corpus may be rendered by the time that another part looks at it.
        return zlib.crc32(name.encode()) % self._parts == self._part

    def _dvae(self) -> Dvae:
        if self._run is not None:
            return codec.load_dvae(self._run)
        assert self._checkpoint is not None
        return dvae_of(self._checkpoint)

    def _write_vocabulary(self) -> None:
        if self._checkpoint is not None:
            shutil.copyfile(self._checkpoint.vocabulary, self._folder / VOCABULARY)
            return
        tables = [corpus.items for corpus in self._corpora]
        characters = {one for table in tables for ipa in table["phonemes"] for one in ipa}
        languages = {str(name) for table in tables for name in table["language"].unique()}
        vocabulary = phoneme_vocabulary(characters, languages)
        write_vocabulary(self._folder / VOCABULARY, vocabulary)


def _chosen(corpus: Corpus, most_hours: float | None) -> list[int]:
    """The numbers of the items that are wanted: all but those of the later speakers of train."""
    items = corpus.items
    if most_hours is None:
        return list(range(len(items)))
    train = items[items["split"] == "train"]
    spoken = train.groupby("speaker", sort=False)["samples"].sum()
    before = spoken.cumsum() - spoken
    kept = before.index[before < most_hours * 3600 * corpus.sample_rate]
    wanted = (items["split"] != "train") | items["speaker"].isin(kept)
    return [int(number) for number in np.flatnonzero(wanted)]
