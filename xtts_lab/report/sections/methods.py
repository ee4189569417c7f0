"""The methods section, written from the resolved experiment and the environment of the run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from xtts_lab.report.numbers import count, listed, named
from xtts_lab.report.sections.citations import OF_INSTRUMENT, OF_METRIC, WORKS
from xtts_lab.report.sections.methods_systems import in_words, mapping, systems
from xtts_lab.runs.reading import Run

_CITED = re.compile(r"\[@([a-z0-9]+)\]")
_UNRECORDED = {
    "interval": "speakers and sentences were resampled, crossed, with languages fixed [@owen2007].",
    "test": "p-values swap the arms speaker by speaker (sign-flip test) [@ernst2004].",
    "adjustment": "they are adjusted by Holm's procedure within a metric [@holm1979].",
}
"""Runs of before these sentences were recorded."""
_TOLD = ("name", "model", "weights_sha256", "library", "version")


@dataclass(frozen=True)
class Methods:
    """Paragraphs as (heading, text) with numbered citations, and the works cited in order."""

    paragraphs: list[tuple[str, str]]
    references: list[str]


def methods(run: Run) -> Methods:
    """Return the methods of a run: every system, text, judge, normaliser, seed and test used."""
    written = [
        ("Systems", _sentences(systems(run))),
        ("Material", _sentences(_material(run))),
        ("References", _sentences(_reference_texts(run))),
        ("Judges", _sentences(_judges(run))),
        ("Metrics", _sentences(_metrics(run))),
        ("Statistics", _sentences(_statistics(run))),
        ("Software", _sentences(_software(run))),
    ]
    order: dict[str, int] = {}
    paragraphs = [(title, _numbered(text, order)) for title, text in written if text]
    return Methods(paragraphs, [WORKS[key] for key in order])


def _numbered(text: str, order: dict[str, int]) -> str:
    def number(found: re.Match[str]) -> str:
        key = found[1]
        return f"[{order.setdefault(key, len(order) + 1)}]" if key in WORKS else ""

    return _CITED.sub(number, text)


def _sentences(parts: Iterator[str]) -> str:
    return " ".join(f"{part[0].upper()}{part[1:]}" for part in parts)


def _material(run: Run) -> Iterator[str]:
    experiment = run.experiment
    trials = run.trials
    for what in ("texts", "speakers"):
        spec = mapping(experiment, what)
        if spec:
            settings = in_words({k: v for k, v in spec.items() if k != "name"})
            yield f"{what}: `{spec.get('name')}`" + (f" ({settings})" if settings else "") + "."
    yield (
        f"{count(trials['text'].nunique(), 'distinct text')} and "
        f"{count(trials['speaker'].nunique(), 'speaker')} in {listed(run.languages)}, paired by "
        f"`{experiment.get('pairing', 'rotate')}`, make "
        f"{count(trials['utterance_id'].nunique(), 'utterance')}, spoken "
        f"{count(int(experiment.get('repeats', 1)), 'time')} by each arm: "
        f"{count(len(trials), 'trial')}."
    )
    yield (
        f"the experiment's seed is {experiment.get('seed', 0)}; a trial's seed derives from it, "
        "the utterance and the repeat alone."
    )


def _reference_texts(run: Run) -> Iterator[str]:
    """Say where arms that need the texts of their references have them from."""
    if "reference_text_source" not in run.trials:
        return
    told = run.trials[run.trials["reference_text_source"].notna()]
    for source, part in told.groupby("reference_text_source", sort=True):
        arms = [arm for arm in run.arms if arm in set(part["arm"])]
        sources = [
            "the test set" if name == "manifest" else f"the transcriber `{name}`"
            for name in str(source).split("+")
        ]
        yield (
            f"the texts of the references in {count(len(part), 'trial')} of "
            f"{named(arms, len(run.arms), 'arm')}, which needs them, are from {listed(sources)}."
        )
    if run.transcriber and run.transcriber not in run.judges and len(told):
        yield _instrument(run, run.transcriber)


def _judges(run: Run) -> Iterator[str]:
    yield from (_instrument(run, key) for key in run.judges)


def _instrument(run: Run, key: str) -> str:
    stored = mapping(mapping(run.environment, "instruments"), key)
    configured = mapping(mapping(run.experiment, "instruments"), key)
    spec = {**configured, **mapping(stored, "identity")}
    name = str(spec.get("name", key))
    shown, work = OF_INSTRUMENT.get(name, (f"the instrument `{name}`", ""))
    model = f" {spec['model']}" if spec.get("model") else ""
    cited = f" [@{work}]" if work else ""
    told = ", ".join(_identity(spec, stored))
    return f"`{key}` is {shown}{model}{cited}" + (f": {told}." if told else ".")


def _identity(spec: Mapping[str, Any], stored: Mapping[str, Any]) -> Iterator[str]:
    if spec.get("weights_sha256"):
        yield f"weights SHA-256 {str(spec['weights_sha256'])[:16]}…"
    if spec.get("library"):
        yield str(spec["library"])
    if spec.get("version") is not None:
        yield f"instrument version {spec['version']}"
    rest = {k: v for k, v in spec.items() if k not in _TOLD and k != "device"}
    rest |= {k: stored[k] for k in ("dtype", "device") if stored.get(k)}
    if rest:
        yield in_words(rest)


def _metrics(run: Run) -> Iterator[str]:
    known = mapping(run.environment, "metrics")
    cited: dict[str, None] = {}
    used: list[str] = []
    for spec in run.experiment.get("metrics") or []:
        name = str(spec.get("name"))
        work = OF_METRIC.get(name)
        cite = f" [@{work}]" if work and work not in cited else ""
        cited |= {work: None} if work else {}
        settings = in_words({k: v for k, v in spec.items() if k != "name"})
        used.append(f"`{name}`{cite}" + (f" ({settings})" if settings else ""))
    if used:
        yield f"measured were {'; '.join(used)}."
    normalisers = {str(v["normaliser"]) for v in known.values() if "normaliser" in (v or {})}
    if normalisers:
        yield (
            "texts are compared after xtts_lab's scoring normaliser, version "
            f"{listed(sorted(normalisers))}, applied to both sides alike."
        )
    elif {"wer", "cer"} & {str(m.get("name")) for m in run.experiment.get("metrics") or []}:
        yield "texts are compared after xtts_lab's scoring normaliser; its version is not recorded."


def _statistics(run: Run) -> Iterator[str]:
    notes = mapping(run.environment, "statistics")
    settings = mapping(run.experiment, "statistics")
    yield (
        f"{run.confidence:.0%} intervals from {int(settings.get('resamples', 2000)):,} resamples, "
        f"seeded by {notes.get('seed', run.experiment.get('seed', 0))} and the name of the figure."
    )
    wanted = ["summary", "interval", "events"]
    if len(run.comparisons) or len(run.claims):
        wanted += ["test", "adjustment", "verdict"]
    for key in wanted:
        if notes.get(key) or key in _UNRECORDED:
            yield str(notes.get(key) or _UNRECORDED[key])
    if settings.get("baseline"):
        yield f"the baseline is {settings['baseline']}."
    if len(run.claims):
        yield (
            "a claim holds where its interval lies wholly beyond its margin, is refuted where it "
            "lies wholly on the other side, and is undecided otherwise; with a baseline, the "
            "sign-flip test at the margin must agree."
        )


def _software(run: Run) -> Iterator[str]:
    packages = {k: v for k, v in mapping(run.environment, "packages").items() if v}
    if packages:
        yield f"Packages: {listed([f'{name} {version}' for name, version in packages.items()])}."
    where = [run.environment.get("platform"), run.environment.get("device")]
    python = run.environment.get("python")
    told = [f"Python {python}" if python else "", *(str(part) for part in where if part)]
    if any(told):
        yield f"{', '.join(part for part in told if part)}."
    if run.environment.get("revision"):
        yield f"source revision {run.environment['revision']}."
