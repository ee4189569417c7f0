"""The claims of an experiment file: read, typed and checked against what it measures.

An experiment declares them before it runs, as typed fields or in one line (`claim_text`).
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from xtts_lab import config
from xtts_lab.conditions import ALL, IN_CLAIMS
from xtts_lab.errors import UsageError
from xtts_lab.registry import unknown
from xtts_lab.statistics.claim import Claim
from xtts_lab.statistics.claim_text import read_claim
from xtts_lab.types import LANGUAGES
from xtts_lab.yaml_file import Where


def resolve_claims(
    written: Sequence[Any],
    arms: Collection[str],
    where: Where,
    families: Mapping[str, Sequence[str]] | None = None,
) -> list[Claim]:
    """Return typed claims; the name of one of the `families` stands for its arms.

    Raises `UsageError`, with file and line, for the first mistake.
    """
    claims: list[Claim] = []
    for i, item in enumerate(written):
        place = where / "claims" / i
        claim = _spelt_out(_typed(item, place), families or {})
        _check_arms(claim, arms, place)
        if claim.language not in (ALL, *LANGUAGES):
            known = (ALL, *LANGUAGES, *IN_CLAIMS)
            raise UsageError(f"{place}: {unknown('language', claim.language, known)}")
        if claim in claims:
            raise UsageError(f"{place}: the same claim stands twice; keep one")
        claims.append(claim)
    return claims


def check_claims(
    claims: Sequence[Claim],
    metrics: Iterable[str],
    asked: Mapping[str, Mapping[str, Collection[str]]],
    where: Where,
) -> None:
    """Refuse claims about what the experiment does not measure.

    `asked` maps each arm, and each language that it is asked for, to those of `IN_CLAIMS` that its
    items have.
    """
    known = list(metrics)
    for i, claim in enumerate(claims):
        place = where / "claims" / i
        if claim.metric not in known:
            raise UsageError(f"{place}: {unknown('metric', claim.metric, known)}")
        conditions = _in_common(claim, asked, place)
        languages = conditions if claim.language == ALL else [claim.language]
        found = sorted({c for language in languages for c in conditions[language]})
        if claim.condition is None and len(found) > 1:
            raise UsageError(
                f"{place}: {' and '.join(found)} items are never mixed: say which, as in "
                f"'in {found[0]}'"
            )
        if claim.condition is not None and claim.condition not in found:
            raise UsageError(f"{place}: no item is {claim.condition}; there is {', '.join(found)}")


def _in_common(
    claim: Claim, asked: Mapping[str, Mapping[str, Collection[str]]], place: Where
) -> Mapping[str, Collection[str]]:
    """Return the languages, and their conditions, that all arms of a claim are asked for."""
    everywhere = {language for own in asked.values() for language in own}
    if claim.language not in (ALL, *everywhere):
        raise UsageError(f"{place}: {unknown('language of the texts', claim.language, everywhere)}")
    arms = [*claim.arm, *(claim.baseline or ())]
    for arm in arms:
        if claim.language != ALL and claim.language not in asked[arm]:
            raise UsageError(f"{place}: arm '{arm}' is not asked for {claim.language}")
    shared = {
        language: conditions
        for language, conditions in asked[arms[0]].items()
        if all(language in asked[arm] for arm in arms)
    }
    if not shared:
        raise UsageError(f"{place}: its arms are asked for no language together")
    return shared


def _typed(item: Any, place: Where) -> Claim:
    if isinstance(item, str):
        try:
            fields = read_claim(item.strip())
        except UsageError as error:
            raise UsageError(f"{place}: {error}") from error
    elif isinstance(item, Mapping):
        fields = {**item}
        for name in ("arm", "baseline"):
            if isinstance(fields.get(name), str):
                fields[name] = [fields[name]]
        _hint_at_quotes(fields, place)
    else:
        raise UsageError(f"{place}: write a claim as a line of text, or as a mapping")
    claim = config.validate(Claim, fields, place)
    if claim.margin is None and claim.baseline is None:
        raise UsageError(f"{place}: name a baseline, or the margin that the value must pass")
    return claim.model_copy(update={"margin": claim.margin or 0.0})


def _spelt_out(claim: Claim, families: Mapping[str, Sequence[str]]) -> Claim:
    """Return a claim with the arms of the families that it names, its words as they were."""
    arms = [arm for name in claim.arm for arm in families.get(name, [name])]
    others = [arm for name in claim.baseline or () for arm in families.get(name, [name])]
    if arms == claim.arm and others == (claim.baseline or []):
        return claim
    changes = {"arm": arms, "baseline": others or None, "text": claim.sentence}
    return claim.model_copy(update=changes)


def _hint_at_quotes(fields: Mapping[str, Any], place: Where) -> None:
    """YAML reads a line with ': ' as a mapping: say so, rather than that a key is unknown."""
    alone = next(iter(fields)) if len(fields) == 1 else None
    if alone is not None and not difflib.get_close_matches(alone, Claim.model_fields, n=1):
        raise UsageError(f"{place}: put a claim that holds a colon in quotes")


def _check_arms(claim: Claim, arms: Collection[str], place: Where) -> None:
    mentioned = [*claim.arm, *(claim.baseline or ())]
    for arm in mentioned:
        if arm not in arms:
            raise UsageError(f"{place}: {unknown('arm', arm, arms)}")
    if len(set(mentioned)) < len(mentioned):
        raise UsageError(f"{place}: an arm stands twice; a claim compares different ones")
