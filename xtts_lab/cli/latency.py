"""What `latency` does: systems streamed by the clock, as a table, as JSON, as a report."""

from __future__ import annotations

import itertools
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from xtts_lab import audio, config, registry
from xtts_lab.cli import DONE, FAILED_TRIALS
from xtts_lab.errors import UsageError
from xtts_lab.experiment.timing.probe import Asked, Probed, probe
from xtts_lab.experiment.timing.tell import measurements
from xtts_lab.report import build_measured
from xtts_lab.report.formats import sheet
from xtts_lab.report.measured import sheet_of
from xtts_lab.runs import measurements as files
from xtts_lab.runs.environment import environment
from xtts_lab.runs.keys import trial_seed
from xtts_lab.types import Reference, Request
from xtts_lab.yaml_file import Document, Where

RANDOM_CODES = 60
"""How long an utterance of random weights is, which seldom stop by themselves: 2.8 s of XTTS-v2."""


@dataclass(frozen=True)
class Choice:
    """What the command was asked for; lists multiply (checkpoints, dtypes, schedules)."""

    systems: tuple[str, ...]
    checkpoints: tuple[str, ...]
    dtypes: tuple[str, ...]
    chunks: tuple[str, ...]
    language: str
    references: tuple[Path, ...]
    voice: str | None
    trials: int
    warmups: int
    rates: tuple[float, ...]
    load_trials: int | None
    streams: int
    max_codes: int | None
    seed: int
    device: str | None

    @property
    def command(self) -> str:
        """The command line that asks for this."""
        words = ["xtts-lab", "latency", *self.systems]
        words += [word for one in self.checkpoints for word in ("--checkpoint", one)]
        words += [word for one in self.references for word in ("--reference", str(one))]
        flags = {
            "--dtype": ",".join(self.dtypes),
            "--chunks": ",".join(self.chunks),
            "--load": ",".join(f"{rate:g}" for rate in self.rates),
            "--trials": self.trials,
            "--warmups": self.warmups,
            "--load-trials": self.load_trials,
            "--streams": self.streams if self.rates else None,
            "--language": self.language,
            "--voice": self.voice,
            "--max-codes": self.max_codes,
            "--seed": self.seed,
            "--device": self.device,
        }
        for flag, value in flags.items():
            words += [] if value in (None, "") else [flag, str(value)]
        return shlex.join(words)


def latency(choice: Choice, out: Path | None, *, as_json: bool) -> int:
    """Measure, print the table (or its JSON), and write `latency.json` and the report to `out`."""
    if out is not None and out.exists() and not out.is_dir():
        raise UsageError(f"--out: {out}: is a file; name a folder")
    _check(choice)
    specs = dict(_specs(choice))
    with tempfile.TemporaryDirectory() as folder:
        references = _references(choice, folder)
        asked = Asked(
            _requests(choice, references),
            choice.warmups,
            choice.rates,
            choice.load_trials or choice.trials,
            choice.streams,
        )
        found = [probe(name, spec, choice.device, asked, _say) for name, spec in specs.items()]
    return _conclude(found, asked, choice, out, as_json=as_json)


def _check(choice: Choice) -> None:
    """Refuse what cannot be before any system is asked."""
    try:
        for reference in choice.references:
            audio.require_file(reference)
    except audio.AudioError as error:
        raise UsageError(f"--reference: {error}") from error
    if choice.rates:
        spec = {"name": "load", "rates": list(choice.rates), "streams": choice.streams}
        config.build("metrics", spec, Where(Document("--load")))


def _conclude(
    found: Sequence[Probed], asked: Asked, choice: Choice, out: Path | None, *, as_json: bool
) -> int:
    made = measurements(
        found, asked, choice.command, _machine(choice.device), date.today().isoformat()
    )
    print(files.dumps(made) if as_json else sheet.plain(sheet_of([made])), end="\n")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        files.write(out / "latency.json", made)
        build_measured(out)
        print(f"report: {out / 'report.html'}", file=sys.stderr)
    return FAILED_TRIALS if any(one.failures for one in found) else DONE


def _specs(choice: Choice) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every system by the name that its figures stand under, resolved."""
    known = registry.targets("systems")
    checkpoints = [*choice.checkpoints, *(s for s in choice.systems if s not in known)]
    for name in choice.systems:
        if name in known and name != "xtts":
            yield name, _resolved(name, {"name": name})
    if "xtts" in choice.systems and not checkpoints:
        raise UsageError("xtts: needs a checkpoint; add --checkpoint, random-tiny say")
    if not checkpoints and not choice.systems:
        raise UsageError("name a system (espeak, say) or a --checkpoint (random-tiny, say)")
    lists = {"checkpoint": checkpoints, "dtype": choice.dtypes, "chunks": choice.chunks}
    varied = {key: values for key, values in lists.items() if values}
    for values in itertools.product(*varied.values()) if checkpoints else ():
        chosen = dict(zip(varied, values, strict=True))
        told = ",".join(f"{k}={v}" for k, v in chosen.items() if len(varied[k]) > 1)
        name = f"xtts[{told}]" if told else "xtts"
        yield name, _xtts(name, chosen, choice)


def _xtts(name: str, chosen: Mapping[str, str], choice: Choice) -> dict[str, Any]:
    more = {"voice": choice.voice, "max_codes": choice.max_codes}
    spec = {"name": "xtts", **chosen, **{k: v for k, v in more.items() if v is not None}}
    resolved = _resolved(name, spec)
    if choice.max_codes is None and _is_random(resolved):
        resolved["max_codes"] = RANDOM_CODES
    return resolved


def _resolved(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return dict(config.resolve("systems", spec, Where(Document(name))))


def _is_random(spec: Mapping[str, Any]) -> bool:
    system = config.build("systems", spec, Where(Document("xtts")))
    return bool(system.weights_random)


def _references(choice: Choice, folder: str) -> tuple[Reference, ...]:
    """The recordings that were given, or a synthetic speaker's, made here."""
    if choice.references:
        return tuple(Reference(path, language=choice.language) for path in choice.references)
    if choice.voice is not None:
        return ()
    speakers = config.build(
        "speakers", {"name": "synthetic", "count": 1, "references": 1}, Where(Document("speakers"))
    )
    made = speakers.voice(
        speakers.ids(choice.language)[0],
        choice.language,
        prompts=lambda language: [one.text for one in _sentences(language)],
        folder=Path(folder),
    )
    references: tuple[Reference, ...] = made.references
    return references


def _sentences(language: str) -> Sequence[Any]:
    spec = {"name": "builtin", "languages": [language], "per_language": 20}
    texts = config.build("texts", spec, Where(Document("--language")))
    sentences: Sequence[Any] = texts.sentences()
    return sentences


def _requests(choice: Choice, references: tuple[Reference, ...]) -> list[Request]:
    sentences = _sentences(choice.language)
    return [
        Request(
            sentences[i % len(sentences)].text,
            choice.language,
            references,
            trial_seed(choice.seed, str(i), 0),
            id=str(i),
        )
        for i in range(choice.trials)
    ]


def _machine(device: str | None) -> dict[str, str]:
    known = environment(device)
    packages = {name: version for name, version in known.pop("packages").items() if version}
    kept = {key: str(value) for key, value in known.items() if value is not None}
    return {**kept, **{n: packages[n] for n in ("xtts_lab", "torch", "numpy") if n in packages}}


def _say(what: str) -> None:
    print(what, file=sys.stderr)


def parsed_rates(text: str | None) -> tuple[float, ...]:
    """Read `1,10,20`."""
    if text is None:
        return ()
    try:
        return tuple(float(one) for one in text.split(","))
    except ValueError as error:
        raise UsageError(f"--load: {text}: give requests a second, as in 1,10,20") from error


def parsed_list(text: str | None) -> tuple[str, ...]:
    """Read `a,b`."""
    return tuple(one.strip() for one in (text or "").split(",") if one.strip())
