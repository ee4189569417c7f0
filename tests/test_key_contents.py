"""Every field of what determines a result enters its key."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from xtts_lab.runs import keys
from xtts_lab.types import Streaming

PART = keys.PartContent({"a": 1}, {"weights": "w"}, "float32", "cpu")
REFERENCE = keys.ReferenceContent("s", "text", "en")
FILE = keys.FileContent("a.wav", "s")
ITEM = keys.ItemContent(
    utterance_id="u", text="t", spoken=None, language="en", speaker="s", references=[FILE],
    reference_texts=[None], reference_text_source=None, reference_language="en",
    enrolment=[FILE], impostors=[FILE], impostor_speakers=["x"], target=None,
)  # fmt: skip
METRIC = keys.MetricContent("wer", {}, 0, {"normaliser": "1"})
OTHER_FILES = {"name": "b.wav", "sha256": "z"}


def _work(**changes: Any) -> str:
    work = keys.WorkContent(
        experiment={"name": "x"}, arms={"a": (PART, {"untrained": []})}, instruments={"i": PART},
        metrics=[METRIC], trials=[keys.TrialContent("t", "k", ITEM)],
    )  # fmt: skip
    return keys.work_key(dataclasses.replace(work, **changes))


def _of_item(item: keys.ItemContent) -> str:
    return _work(trials=[keys.TrialContent("t", "k", item)])


def _of_part(part: keys.PartContent) -> str:
    return "".join(
        [
            keys.audio_key(keys.AudioContent(part, "t", "en", [], 0)),
            keys.evidence_key(keys.EvidenceContent("s", part, None)),
            keys.cost_key(part),
        ]
    )


OTHER_PART = dataclasses.replace(PART, settings={"a": 2})
AUDIO = keys.AudioContent(PART, "t", "en", [REFERENCE], 0)
CASES: list[tuple[Any, Callable[[Any], str], Mapping[str, Any]]] = [
    (PART, _of_part, {"settings": {"a": 2}, "identity": {"weights": "v"}, "dtype": "bfloat16",
                      "device": "cuda"}),
    (AUDIO, keys.audio_key, {"system": OTHER_PART, "text": "u", "language": "de",
                             "references": [], "seed": 1, "target": "s", "made": "s"}),
    (REFERENCE, lambda r: keys.audio_key(dataclasses.replace(AUDIO, references=[r])),
     {"sha256": "z", "text": None, "language": "de"}),
    (keys.EvidenceContent("s", PART, "en"), keys.evidence_key,
     {"clip_sha256": "z", "instrument": OTHER_PART, "language": None}),
    (FILE, lambda f: _of_item(dataclasses.replace(ITEM, target=f)), OTHER_FILES),
    (ITEM, _of_item, {
        "utterance_id": "v", "text": "u", "spoken": "u", "language": "de", "speaker": "r",
        "references": [], "reference_texts": ["x"], "reference_text_source": "manifest",
        "reference_language": None, "enrolment": [], "impostors": [], "impostor_speakers": ["y"],
        "target": FILE,
    }),
    (METRIC, lambda m: _work(metrics=[m]), {"prefix": "cer", "settings": {"a": 1}, "version": 1,
                                            "identity": {"normaliser": "2"}}),
    (keys.TrialContent("t", "k", ITEM), lambda t: _work(trials=[t]),
     {"id": "u", "key": "l", "item": dataclasses.replace(ITEM, text="u")}),
    (keys.WorkContent({}, {}, {}, [], []), keys.work_key, {
        "experiment": {"name": "y"}, "arms": {"b": (PART, {})}, "instruments": {"j": PART},
        "metrics": [METRIC], "trials": [keys.TrialContent("t", "k", ITEM)],
    }),
]  # fmt: skip


@pytest.mark.parametrize(("content", "key", "others"), CASES, ids=lambda c: type(c).__name__)
def test_every_field_of_every_content_enters_its_key(
    content: Any, key: Callable[[Any], str], others: Mapping[str, Any]
) -> None:
    assert set(others) == {field.name for field in dataclasses.fields(content)}
    found = {key(dataclasses.replace(content, **{name: value})) for name, value in others.items()}
    assert key(content) not in found
    assert len(found) == len(others)
    assert key(dataclasses.replace(content)) == key(content)


def test_what_a_stream_is_timed_of() -> None:
    asked = Streaming(warmups=2, trials=None, silence_dbfs=-40.0)
    known = keys.stream_key("k", "s", asked)
    others = [
        keys.stream_key("l", "s", asked),
        keys.stream_key("k", "z", asked),
        keys.stream_key("k", "s", dataclasses.replace(asked, warmups=3)),
        keys.stream_key("k", "s", dataclasses.replace(asked, silence_dbfs=-50.0)),
    ]
    assert len({known, *others}) == 5
    assert keys.stream_key("k", "s", dataclasses.replace(asked, trials=3)) == known
