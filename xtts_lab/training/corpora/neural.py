"""The world `neural16`: Kokoro in mixtures of its voices, in the languages that it speaks well.

Planning needs espeak-ng; rendering needs the weights alone.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from xtts_lab.kokoro import styles
from xtts_lab.kokoro.front_end import written
from xtts_lab.training.corpora import colour
from xtts_lab.training.corpora.nuisance import resampled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from xtts_lab.espeak.engine import Engine

LANGUAGES = ("en", "es", "de", "it", "pt")
"""Those whose sounds espeak-ng's IPA gives whole, so that phonemes and speech agree."""

FEWEST_SYMBOLS, MOST_SYMBOLS = 22, 115
"""2 to 8 seconds at an ordinary rate."""


class Neural16:
    """Speakers are mixtures of Kokoro's voices (`kokoro.styles`) in a `colour` of their own."""

    name = "neural16"
    version = 2
    languages = LANGUAGES
    seconds = 4.2

    def __init__(self) -> None:
        self._engine: Engine | None = None

    def speaker(self, source: random.Random) -> dict[str, Any]:
        return {"voice": asdict(styles.drawn(source)), "colour": asdict(colour.drawn(source))}

    def prepare(self, texts: Sequence[str], language: str) -> list[dict[str, str] | None]:
        from xtts_lab.espeak.engine import Engine
        from xtts_lab.espeak.ipa import to_ipa_each

        self._engine = self._engine or Engine()
        spoken = zip(texts, to_ipa_each(self._engine, texts, language), strict=True)
        return [_columns(text, ipa, language) for text, ipa in spoken]

    def ready(self) -> None:
        from xtts_lab.kokoro.float_graph import float_graph

        float_graph()

    def renderer(self, device: str, _recipe: Mapping[str, Any]) -> NeuralRenderer:
        return NeuralRenderer(device)


def _columns(text: str, ipa: str, language: str) -> dict[str, str] | None:
    symbols = written(text, ipa, language)
    fits = FEWEST_SYMBOLS <= len(symbols) <= MOST_SYMBOLS
    return {"phonemes": ipa, "symbols": symbols} if fits else None


class NeuralRenderer:
    def __init__(self, device: str) -> None:
        from xtts_lab.kokoro.speech import Kokoro

        if device != "cpu":
            import torch

            torch.set_num_threads(1)  # one worker of many, and it only launches kernels
        self._kokoro = Kokoro(device)

    def render(self, item: Mapping[str, Any], speaker: Mapping[str, Any]) -> NDArray[np.float32]:
        voice = styles.from_json(speaker["voice"])
        speech = self._kokoro.speak(item["symbols"], voice, float(item["rate"]) / voice.warp)
        return resampled(colour.coloured(speech, colour.Colour(**speaker["colour"])), voice.warp)
