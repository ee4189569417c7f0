"""Test sets from a synthetic world: who says what, from which clips, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import soundfile

from xtts_lab.errors import UsageError
from xtts_lab.experiment.plan import make_plan
from xtts_lab.experiment.spec import load
from xtts_lab.registry import lookup
from xtts_lab.training.corpora.world_clips import Recorder
from xtts_lab.training.corpora.world_texts import WorldTexts
from xtts_lab.training.corpora.worlds import world

ASKED: dict[str, Any] = {"world": "formant16", "per_language": 2, "speakers": 2, "enrolment": 1}


def clips(sentence: Any) -> list[Path]:
    return [*(r.audio for r in sentence.voice.references), *sentence.voice.enrolment]


def test_sentences_have_speakers_clips_and_recordings() -> None:
    made = WorldTexts(**ASKED, languages=("en", "de")).sentences()
    assert [s.language for s in made] == ["en", "en", "de", "de"]
    assert [s.speaker for s in made] == [f"formant16-bench-0-00{i}" for i in (0, 1, 0, 1)]
    for one in made:
        assert one.voice.references[0].language == one.language
        assert one.target is not None
        files = [one.target, *clips(one)]
        assert len(set(files)) == len(files)
        assert all(soundfile.info(file).frames > 0 for file in files)
    assert made[0].target != made[1].target
    assert WorldTexts(**ASKED, languages=("en", "de")).sentences() == made
    other = WorldTexts(**ASKED, languages=("en",), seed=1).sentences()
    assert not {f for s in other for f in clips(s)} & {f for s in made for f in clips(s)}


def test_many_references_say_different_things() -> None:
    pytest.importorskip("wordfreq")
    made = WorldTexts(**{**ASKED, "per_language": 1}, references=7).sentences()
    said = [reference.text for reference in made[0].voice.references]
    assert len(set(said)) == 7
    fewer = WorldTexts(**{**ASKED, "per_language": 1}, references=6).sentences()
    assert fewer[0].voice.references == made[0].voice.references[:6]


def test_any_number_of_processes_records_the_same(tmp_path: Path) -> None:
    made = []
    for processes in (1, 2):
        recorder = Recorder(world("formant16"), 0, tmp_path / str(processes))
        said = recorder.sayable(["Good morning, my friend.", "It will rain on Friday."], "en")
        paths = [recorder.clip(speaker, one) for one in said if one for speaker in (0, 1)]
        recorder.record(processes)
        made.append([path.read_bytes() for path in paths])
    assert len(made[0]) == 4
    assert made[0] == made[1]


def test_cross_lingual_items_say_the_same_from_the_next_language() -> None:
    made = WorldTexts(**ASKED, languages=("en", "de"), cross_lingual=True).sentences()
    assert [s.voice.reference_language for s in made[:4]] == ["en", "de", "en", "de"]
    assert made[0].text == made[1].text
    assert made[0].id != made[1].id
    assert made[0].speaker == made[1].speaker


def test_a_sentence_is_said_by_several_speakers() -> None:
    made = WorldTexts(**{**ASKED, "speakers": 3}, speakers_each=2).sentences()
    assert [s.speaker[-1] for s in made] == ["0", "1", "2", "0"]
    assert [s.text == made[0].text for s in made] == [True, True, False, False]
    assert len({s.id for s in made}) == 4
    assert made[0].target != made[1].target


def test_passages_are_long_and_nobody_recorded_them() -> None:
    one, two = WorldTexts(**ASKED, sentences_each=4).sentences()
    assert len(one.text.split()) > 20
    assert one.text != two.text
    assert one.target is None
    assert two.text.startswith("My neighbour")


def test_couples_have_a_reference_of_each() -> None:
    pair, other = WorldTexts(**ASKED, couples=True).sentences()
    single = WorldTexts(**ASKED).sentences()
    assert pair.speaker == f"{single[0].speaker}+{single[1].speaker}"
    assert other.speaker == f"{single[1].speaker}+{single[0].speaker}"
    of_each = [s.voice.references[0] for s in single]
    assert list(pair.voice.references) == of_each
    assert list(pair.voice.enrolment) == [s.voice.enrolment[0] for s in single]
    assert pair.voice.impostor_group is None
    assert pair.target is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"world": "formant"}, "did you mean 'formant16'"),
        ({"languages": ("xx",)}, "unknown language of formant16"),
        ({"per_language": 0}, "per_language must be 1"),
        ({"enrolment": 4}, "enrolment must be 1 to 3"),
        ({"couples": True, "speakers": 1}, "speakers must be 2"),
        ({"couples": True, "references": 2}, "one reference of each"),
        ({"cross_lingual": True}, "two languages at least"),
    ],
)
def test_mistakes_are_named(settings: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        WorldTexts(**{**ASKED, **settings})


def test_more_sentences_than_there_are_is_an_error() -> None:
    with pytest.raises(UsageError, match="99 sentences of 'en' asked for"):
        WorldTexts(**{**ASKED, "per_language": 99}).sentences()


def test_an_experiment_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(
        "name: world\n"
        'systems: {natural: {name: recordings}, none: {name: "null"}}\n'
        "texts: {name: world, world: formant16, per_language: 2, speakers: 2, enrolment: 1}\n"
        "metrics: [{name: duration}]\n"
    )
    plan = make_plan(load(path))
    assert plan.experiment.spec.pairing == "own"
    assert len(plan.trials) == 4
    said = plan.trials[0].item.utterance
    assert said.target is not None
    assert plan.trials[0].item.impostor_speakers == ("formant16-bench-0-001",)
    assert lookup("texts", "world").own_references
