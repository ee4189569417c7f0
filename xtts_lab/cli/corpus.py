"""`xtts-lab corpus`: plan speech, then render it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xtts_lab.errors import UsageError


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


def _plan(asked: Asked) -> None:
    from xtts_lab.experiment.progress import track
    from xtts_lab.training.corpora import folder, planning
    from xtts_lab.training.corpora.worlds import world

    if folder.card_path(asked.out).is_file():
        _same_corpus(asked, folder.read_card(asked.out))
        return
    made_of = world(asked.name)
    if asked.hours is None:
        raise UsageError("--hours says how much speech to make, as in --hours 10")
    wanted = None if asked.languages is None else tuple(asked.languages.split(","))
    languages = planning.check_languages(made_of, wanted)
    recipe = planning.Recipe(asked.hours, asked.seed, languages, asked.utterances, asked.held_out)
    planning.plan(made_of, recipe, asked.out, avoid=_test_sentences(), track=track)


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
    return f"{out}: {total:.2f} hours ({parts}), {state}"
