"""Text for synthetic speech: templates with names and numbers, and words by their frequency.

What a text says is drawn from `random.Random.random()` alone, which is promised to stay the same
from one Python to the next. Whether a text is for training, validation or test follows from its
own hash, so that no text is in two splits of any corpus, however it was drawn.
"""

from __future__ import annotations

import hashlib
import random
import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from xtts_lab import yaml_loader
from xtts_lab.training.corpora.folder import Split
from xtts_lab.training.corpora.vocabulary import vocabulary

TEMPLATES = 0.5
"""The share of texts that come from a template; the others are words in a row."""

_IDEOGRAPHIC = frozenset({"zh-cn", "ja"})
_SYLLABIC = frozenset({"ko"})
_MARKS = {"zh-cn": list("，。？！"), "ja": list("、。？！"), "ar": list("،.؟!")}
_T = TypeVar("_T")


def split_of(text: str) -> Split:
    """Return the split that a text belongs to: 5 % test, 5 % validation, the rest train."""
    place = hashlib.sha256(f"xtts_lab text {folded(text)}".encode()).digest()[0]
    return "test" if place < 13 else "validation" if place < 26 else "train"


def folded(text: str) -> str:
    """Return a text as it is compared: letters and digits of any case, nothing else."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def draw_text(source: random.Random, language: str, split: Split, *, avoid: frozenset[str]) -> str:
    """Return a text of a split, 2 to 8 s when spoken, whose `folded` form is not in `avoid`."""
    while True:
        make = _from_template if source.random() < TEMPLATES else _words_in_a_row
        text = make(source, language)
        if split_of(text) == split and folded(text) not in avoid:
            return text


def _from_template(source: random.Random, language: str) -> str:
    content = _templates(language)
    words = vocabulary(language)
    text: str = choose(source, content["templates"])
    for slot in ("word", "word2", "word3"):
        text = text.replace("{" + slot + "}", words.draw(source))
    fields = {
        "name": choose(source, content["names"]),
        "name2": choose(source, content["names"]),
        "place": choose(source, content["places"]),
        "number": str(int(10 ** (1 + 2.5 * source.random()))),
        "small": str(2 + int(29 * source.random())),
        "year": str(1800 + int(230 * source.random())),
        "hour": str(2 + int(10 * source.random())),
        "hour2": str(2 + int(10 * source.random())),
        "ordinal": choose(source, content.get("ordinals", [""])),
    }
    for slot, value in fields.items():
        text = text.replace("{" + slot + "}", value)
    return text[0].upper() + text[1:]


def _words_in_a_row(source: random.Random, language: str) -> str:
    """Return words with a comma here and there, and a mark at the end."""
    words = vocabulary(language)
    low, high = (
        (8, 28) if language in _IDEOGRAPHIC else (12, 40) if language in _SYLLABIC else (28, 80)
    )
    wanted = low + (high - low) * source.random()
    comma, *ends = _MARKS.get(language, list(",.?!"))
    gap = "" if language in _IDEOGRAPHIC else " "
    text = words.draw(source)
    while len(text) < wanted:
        text += (comma if source.random() < 0.12 else "") + gap + words.draw(source)
    end = ends[0] if (draw := source.random()) < 0.7 else ends[1] if draw < 0.9 else ends[2]
    return text[0].upper() + text[1:] + end


def choose(source: random.Random, options: Sequence[_T]) -> _T:
    """Return one of the options, each as likely."""
    return options[int(source.random() * len(options))]


@cache
def _templates(language: str) -> dict[str, Any]:
    path = files("xtts_lab.training.corpora").joinpath("templates", f"{language}.yaml")
    content: dict[str, Any] = yaml_loader.load(path.read_text(encoding="utf-8"))
    return content
