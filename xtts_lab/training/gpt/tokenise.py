"""The task `tokenise`: what a corpus sounds like in the DVAE's codes, and its vocabulary.

Each utterance is tokenised alone, as cloning tokenises a prompt: company would change the codes at
its end. Several processes share the work (`parts`), each writing files of its own.
"""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from xtts_lab.checkpoint import codec
from xtts_lab.errors import UsageError
from xtts_lab.nn.resample import Resampler
from xtts_lab.training.corpora.reader import Corpus
from xtts_lab.training.gpt.codes import VOCABULARY, has_part, write_part
from xtts_lab.training.gpt.vocabulary import phoneme_vocabulary, write_vocabulary
from xtts_lab.training.stage import Context


class TokeniseTask:
    """Turn all items of `corpora` into codes of a DVAE's run `dvae`.

    `part` of `parts` (from 0): several runs with one `into` share the work; `into` is the folder
    of the codes, a name beside this run (its own by default).
    """

    def __init__(
        self,
        context: Context,
        /,
        *,
        corpora: tuple[str, ...],
        dvae: str,
        part: int = 0,
        parts: int = 1,
        into: str | None = None,
    ) -> None:
        if not 0 <= part < parts:
            raise UsageError(f"part: {part} of {parts} parts there is none; count from 0")
        self._folder = context.folder if into is None else context.out / into
        self._corpora = [Corpus.open(context.path(name, "corpora")) for name in corpora]
        self._dvae = context.path(dvae, "dvae") / codec.DVAE
        self._part, self._parts = part, parts

    def run(self, device: str) -> Mapping[str, float]:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._part == 0:
            self._write_vocabulary()
            shutil.copyfile(self._dvae, self._folder / codec.DVAE)
        if has_part(self._folder, self._part, self._parts):
            return {}
        dvae = codec.load_dvae(self._dvae).to(device)
        rows, made, start = [], [], 0
        for place, corpus in enumerate(self._corpora):
            resample = Resampler(corpus.sample_rate, dvae.sample_rate).to(device)
            names = [str(name) for name in corpus.items["id"]]
            for number in (n for n, name in enumerate(names) if self._is_mine(name)):
                samples = torch.from_numpy(corpus.samples(number).astype(np.float32))
                with torch.inference_mode():
                    codes = dvae(resample(samples.to(device) / 32768.0).unsqueeze(0))[0]
                made.append(codes.to(torch.int32))
                rows.append((place, names[number], start, len(codes)))
                start += len(codes)
        values = torch.cat(made).cpu().numpy().astype(np.uint16)
        items = pd.DataFrame(rows, columns=["corpus", "id", "start", "count"])
        write_part(self._folder, self._part, self._parts, items, values)
        used = len(np.unique(values)) / dvae.config.codes
        return {"items": float(len(items)), "codes": float(len(values)), "usage": used}

    def _is_mine(self, name: str) -> bool:
        # By name: more of the corpus may be rendered by the time that another part looks at it.
        return zlib.crc32(name.encode()) % self._parts == self._part

    def _write_vocabulary(self) -> None:
        tables = [corpus.items for corpus in self._corpora]
        characters = {one for table in tables for ipa in table["phonemes"] for one in ipa}
        languages = {str(name) for table in tables for name in table["language"].unique()}
        vocabulary = phoneme_vocabulary(characters, languages)
        write_vocabulary(self._folder / VOCABULARY, vocabulary)
