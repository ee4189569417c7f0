"""`xtts-lab corpus`: plan speech, then render it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xtts_lab.errors import UsageError
from xtts_lab.registry import unknown


@dataclass(frozen=True)
class Asked:
    """What the command line says of a corpus; None where it says nothing."""

    name: str
    out: Path
    hours: float | None
    seed: int
    languages: str | None
    utterances: int
    held_out: int | None
    source: Path | None = None
    layout: str | None = None


@dataclass(frozen=True)
class Rendering:
    devices: tuple[str, ...]
    workers: int
    minutes: float | None


def make(asked: Asked, rendering: Rendering, *, plan_only: bool) -> int:
    """Plan unless the folder holds a plan already, and render what is missing. Resumes."""
    from xtts_lab.experiment.progress import track
    from xtts_lab.training.corpora import rendering as renders

    _plan(asked)
    if plan_only:
        print(f"planned in {asked.out}; the same command without --plan-only renders it")
        return 0
    whole = renders.render(
        asked.out,
        devices=rendering.devices,
        workers=rendering.workers,
        minutes=rendering.minutes,
        track=track,
    )
    print(_summary(asked.out, whole))
    return 0


@dataclass(frozen=True)
class TestSet:
    """What is to stand in a test set; None: all there is."""

    folder: Path
    speakers: int | None
    items: int
    languages: int | None


def write_test_set(corpus: Path, asked: TestSet) -> int:
    """Write the test speakers of a corpus as manifests that experiments read."""
    from xtts_lab.training.corpora import test_set
    from xtts_lab.training.corpora.reader import Corpus

    counts = test_set.write_test_set(
        Corpus.open(corpus),
        asked.folder,
        speakers=asked.speakers,
        per_speaker=asked.items,
        languages=asked.languages,
    )
    print(f"{asked.folder}: {counts['items']} items of {counts['speakers']} speakers")
    return 0


def _plan(asked: Asked) -> None:
    from xtts_lab.experiment.progress import track
    from xtts_lab.training.corpora import folder, planning
    from xtts_lab.training.corpora.worlds import RECORDINGS, world

    if folder.card_path(asked.out).is_file():
        _same_corpus(asked, folder.read_card(asked.out))
        return
    if asked.name == RECORDINGS:
        _plan_recordings(asked)
        return
    made_of = world(asked.name)
    if asked.source is not None or asked.layout is not None:
        raise UsageError("--from and --layout are for the corpus `recordings`")
    if asked.hours is None:
        raise UsageError("--hours says how much speech to make, as in --hours 10")
    wanted = None if asked.languages is None else tuple(asked.languages.split(","))
    languages = planning.check_languages(made_of, wanted)
    recipe = planning.Recipe(
        hours=asked.hours,
        seed=asked.seed,
        languages=languages,
        utterances=asked.utterances,
        held_out=asked.held_out,
    )
    planning.plan(
        made_of,
        recipe,
        asked.out,
        readings=_plain_sentences(languages),
        avoid=_test_sentences(),
        track=track,
    )


def _plan_recordings(asked: Asked) -> None:
    from xtts_lab.training.corpora import layouts, recordings
    from xtts_lab.types import LANGUAGES

    if asked.source is None or asked.layout is None:
        raise UsageError(
            "recordings need --from DIR and --layout, one of " + ", ".join(layouts.LAYOUTS)
        )
    if asked.hours is not None:
        raise UsageError("--hours is for synthetic speech; recordings are read whole")
    wanted = (asked.languages or "").split(",")
    if asked.languages is not None and not set(wanted) <= set(LANGUAGES):
        unlike = sorted(set(wanted) - set(LANGUAGES))[0]
        raise UsageError(unknown("language", unlike, LANGUAGES))
    if len(wanted) != 1 and asked.layout != "manifest":
        raise UsageError(f"a folder in the layout of {asked.layout} is of one language")
    if wanted == [""] and asked.layout != "manifest":
        raise UsageError("--languages says in which language the recordings are, as in de")
    found = layouts.recordings(asked.layout, asked.source, wanted[0])
    kept = [r for r in found if r.language in (LANGUAGES if wanted == [""] else wanted)]
    if not kept:
        raise UsageError(
            f"{asked.source} holds no recordings in {asked.languages or 'our languages'}"
        )
    recordings.plan(kept, asked.out, recordings.Filters(), asked.seed)


def _same_corpus(asked: Asked, card: dict[str, object]) -> None:
    """Refuse to go on with a corpus that is not the one asked for."""
    recipe = card["recipe"]
    assert isinstance(recipe, dict)
    if card["name"] != asked.name:
        raise UsageError(f"{asked.out} holds a corpus {card['name']}; choose another --out")
    if asked.hours is not None and (asked.hours, asked.seed) != (recipe["hours"], card["seed"]):
        raise UsageError(
            f"{asked.out} holds {recipe['hours']} hours of seed {card['seed']}; choose another "
            "--out, or leave --hours away to go on with these"
        )


def _plain_sentences(languages: tuple[str, ...]) -> dict[str, list[str]]:
    from xtts_lab.data.sentences import builtin

    return {x: [s.text for s in builtin(x) if "plain" in s.tags] for x in languages}


def _test_sentences() -> frozenset[str]:
    from xtts_lab.data.sentences import builtin, prompts
    from xtts_lab.training.corpora.texts import folded
    from xtts_lab.types import LANGUAGES

    said = [s.text for language in LANGUAGES for s in builtin(language)]
    said += [text for language in LANGUAGES for text in prompts(language)]
    return frozenset(folded(text) for text in said)


def _summary(out: Path, whole: bool) -> str:
    from xtts_lab.training.corpora import folder

    card = folder.read_card(out)
    hours = card.get("hours", {})
    total = sum(hours.values())
    state = "whole" if whole else "not whole yet: the same command goes on"
    parts = ", ".join(f"{split} {hours[split]:.2f}" for split in folder.SPLITS if split in hours)
    refused = f", {card['refused']} clips refused" if card.get("refused") else ""
    return f"{out}: {total:.2f} hours ({parts}){refused}, {state}"
