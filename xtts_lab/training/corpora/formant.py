"""The world `formant16`: espeak-ng with random formant voices, all 16 languages, known phonemes."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from xtts_lab.espeak.engine import RATE_WPM, SAMPLE_RATE, Engine
from xtts_lab.espeak.ipa import to_ipa_each
from xtts_lab.espeak.variants import draw
from xtts_lab.training.corpora import folder
from xtts_lab.training.corpora.nuisance import resampled
from xtts_lab.types import LANGUAGES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Formant16:
    """Speakers are `espeak.variants.draw` of a seed, apart from those of an experiment."""

    name = "formant16"
    version = 1
    languages = LANGUAGES
    seconds = 3.6

    def __init__(self) -> None:
        self._engine = Engine()

    def speaker(self, source: random.Random) -> dict[str, Any]:
        # Synthetic speakers of experiments have seeds below 2^40 * 10^5.
        return {"variant": 2**60 + int(source.random() * 2**40)}

    def prepare(self, texts: Sequence[str], language: str) -> list[dict[str, str] | None]:
        spoken = to_ipa_each(self._engine, texts, language)
        return [{"phonemes": ipa} if ipa else None for ipa in spoken]

    def ready(self) -> None:
        """Nothing to make: espeak-ng is a wheel."""

    def renderer(self, _device: str, _recipe: Mapping[str, Any]) -> FormantRenderer:
        return FormantRenderer(self._engine)


class FormantRenderer:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def render(self, item: Mapping[str, Any], speaker: Mapping[str, Any]) -> NDArray[np.float32]:
        import numpy as np

        variant = draw(int(speaker["variant"]))
        rate = round(RATE_WPM * float(item["rate"]))
        pcm = self._engine.speak(item["text"], item["language"], variant, rate_wpm=rate)
        speech = pcm.astype(np.float32) / np.float32(32768)
        return resampled(speech, SAMPLE_RATE / folder.SAMPLE_RATE)
