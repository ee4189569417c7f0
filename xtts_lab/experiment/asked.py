"""Which languages each system is asked for: `languages`, a key of a system beside its settings.

It enters no key and reaches no system, but for one that has a setting of that name itself (a
`command`, say), where it is both. `all`, the default, means all of the experiment's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from xtts_lab import registry
from xtts_lab.errors import UsageError
from xtts_lab.experiment.arms import LANGUAGES as KEY
from xtts_lab.experiment.arms import Arm
from xtts_lab.statistics.rules import ENOUGH_SPEAKERS
from xtts_lab.types import LANGUAGES
from xtts_lab.yaml_file import Where

if TYPE_CHECKING:
    from xtts_lab.experiment.pairing import Item
    from xtts_lab.experiment.spec import ExperimentSpec


def share(arm: Arm, items: Sequence[Item], spec: ExperimentSpec) -> list[Item]:
    """Return the items that an arm is asked for, and of those what a limit of trials leaves."""
    own = [item for item in items if arm.asked_for(item.utterance.language)]
    return own if spec.limit is None else own[: -(-spec.limit // spec.repeats)]


def check_asked(arms: Sequence[Arm], items: Sequence[Item], where: Where) -> None:
    """Refuse languages that nobody knows, and arms that are asked for none of the experiment's."""
    present = languages_of(items)
    for arm in arms:
        place = where / "systems" / arm.system / KEY
        for language in arm.languages or ():
            if language not in LANGUAGES and language not in present:
                known = {*LANGUAGES, *present}
                raise UsageError(f"{place}: {registry.unknown('language', language, known)}")
        if not any(arm.asked_for(language) for language in present):
            raise UsageError(
                f"{place}: the experiment has none of {', '.join(arm.languages or ())}; its "
                f"languages are {', '.join(present)}; add one of these, or leave the system out"
            )


def check_spoken(arm: Arm, spoken: Collection[str], present: Sequence[str]) -> None:
    """Refuse an arm that is asked for a `present` language that its system does not speak."""
    asked = [code for code in present if arm.asked_for(code)]
    lacking = sorted(set(asked) - set(spoken))
    if lacking:
        left = [code for code in asked if code in spoken]
        sits_out = f", or let it sit out: languages: [{', '.join(left)}]" if left else ""
        raise UsageError(
            f"systems.{arm.system}: does not speak {', '.join(lacking)}; leave them out of "
            f"texts.languages{sits_out}"
        )


def sitting_out(arms: Sequence[Arm], items: Sequence[Item]) -> Iterator[str]:
    """Yield a line for each system that is not asked for all languages."""
    present = languages_of(items)
    for arm in {arm.system: arm for arm in arms}.values():
        left = [code for code in present if not arm.asked_for(code)]
        if left:
            yield f"{arm.system}: not asked for {', '.join(left)}"


def few_speakers(items: Sequence[Item]) -> Iterator[str]:
    """Yield a warning for a test set of so few speakers that no verdict can be had of it."""
    heard: dict[str, set[str]] = {}
    for item in items:
        heard.setdefault(item.utterance.language, set()).add(item.utterance.speaker)
    most = max(map(len, heard.values()), default=0)
    if most < ENOUGH_SPEAKERS:
        yield (
            f"{most} speaker{'' if most == 1 else 's'} a language: nothing can be concluded about "
            f"other speakers, which takes {ENOUGH_SPEAKERS}"
        )


def languages_of(items: Sequence[Item]) -> list[str]:
    """Return the languages of items, in their order."""
    return list(dict.fromkeys(item.utterance.language for item in items))
