"""Remarks on how to read a run, each drawn from what the run holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from xtts_lab.conditions import ALL
from xtts_lab.report.numbers import count, listed, named
from xtts_lab.report.sections.limits import failed_for_content, few_events, pooled_intervals
from xtts_lab.report.sections.parts import untrained_reasons
from xtts_lab.runs.comparability import mixed_within
from xtts_lab.runs.reading import Run
from xtts_lab.statistics.rules import ENOUGH_FOR_PERCENTILE, ENOUGH_SENTENCES, ENOUGH_SPEAKERS


def caveats(run: Run) -> list[str]:
    """Return the remarks that apply, most important first."""
    checks: tuple[Callable[[Run], Iterator[str]], ...] = (
        _mixed, _untrained, failed_for_content, _floor, _worlds_own_judge, _espeak_judged_by_base,
        _size, _intervals, few_events, pooled_intervals, _coverage, _blank_rates, _pooling,
        _similarity, _conditions, _timings, _limits, _repeats, _nothing,
    )  # fmt: skip
    return [remark for check in checks for remark in check(run)]


def families(run: Run) -> set[str]:
    """Return the families of the run's metrics (`wer`, `secs`)."""
    return {metric.partition(".")[0] for metric in run.metrics}


def _systems(run: Run) -> Mapping[str, Any]:
    systems = run.experiment.get("systems") or {}
    return {key: (spec or {}).get("name") for key, spec in systems.items()}


def _mixed(run: Run) -> Iterator[str]:
    for metric, what in mixed_within(run).items():
        yield f"{metric}: {what}. Its figures stand side by side; no difference is taken of them."


def _untrained(run: Run) -> Iterator[str]:
    if run.untrained_arms:
        who = named(run.untrained_arms, len(run.arms), "arm")
        reasons = list(untrained_reasons(run))
        why = f" ({listed(reasons)})" if 0 < len(reasons) <= 3 else ""
        yield (
            f"The parts of {who} were not trained together{why}. Such an arm shows that a swap "
            "runs and what it costs; what it sounds like says nothing of the part."
        )


def _floor(run: Run) -> Iterator[str]:
    if families(run) & {"wer", "cer"}:
        natural = [key for key, name in _systems(run).items() if name == "recordings"]
        says = "An error rate holds the recogniser's mistakes as well as the system's. "
        if natural:
            yield (
                says + f"Quote it beside natural speech through the same judge ({listed(natural)})."
            )
        else:
            yield says + (
                "This run holds no natural recordings, so no rate here should be quoted by itself."
            )


def _worlds_own_judge(run: Run) -> Iterator[str]:
    for key in run.judges:
        stored = (run.environment.get("instruments") or {}).get(key) or {}
        judge = stored.get("identity") or {}
        if judge.get("name") != "world_ctc":
            continue
        floors = {str(k): float(v) for k, v in (judge.get("floor") or {}).items()}
        told = listed([f"{code} {rate:.1%}" for code, rate in sorted(floors.items())])
        yield (
            f"`{key}` judges speech of the synthetic worlds that it was trained on, by its sounds; "
            "its rates are not comparable with another recogniser's. On their natural speech, of "
            f"speakers that it never heard, it errs by {told or 'a share that is not recorded'}."
        )


def _espeak_judged_by_base(run: Run) -> Iterator[str]:
    formant = [key for key, name in _systems(run).items() if name == "espeak"]
    whispers = [spec for spec in run.judges.values() if spec.get("name") == "whisper"]
    small = [spec for spec in whispers if str(spec.get("model", "")) in ("base", "tiny")]
    if formant and small:
        yield (
            f"Whisper {small[0]['model']} judges formant synthesis ({listed(formant)}) poorly: "
            "usable in English, Spanish and Italian, elsewhere it often loops or hears nonsense, "
            "and rates far above 100 % say more about it than about the speech."
        )


def _size(run: Run) -> Iterator[str]:
    overall = run.summary[(run.summary["language"] == ALL) & (run.summary["n"] > 0)]
    few = overall[
        (overall["speakers"] < ENOUGH_SPEAKERS) | (overall["sentences"] < ENOUGH_SENTENCES)
    ]
    if len(few):
        yield (
            f"With fewer than {ENOUGH_SPEAKERS} speakers or {ENOUGH_SENTENCES} sentences figures "
            "describe this material; they carry no verdict."
        )
    apart = run.summary[(run.summary["language"] != ALL) & (run.summary["n"] > 0)]
    if apart.empty:
        return
    speakers, sentences = apart["speakers"], apart["sentences"]
    if speakers.min() < ENOUGH_SPEAKERS or sentences.min() < ENOUGH_SENTENCES:
        yield (
            f"Per language there are {_range(speakers, 'speaker')} and "
            f"{_range(sentences, 'sentence')}: too few for conclusions about any one language, "
            "and intervals from so few tend to be too narrow."
        )


def _range(values: Any, what: str) -> str:
    low, high = int(values.min()), int(values.max())
    return count(low, what) if low == high else f"{low} to {count(high, what)}"


def _intervals(run: Run) -> Iterator[str]:
    settings = run.experiment.get("statistics") or {}
    yield (
        f"Intervals are {run.confidence:.0%} bootstrap intervals of "
        f"{int(settings.get('resamples', 2000)):,} resamples of speakers and sentences, with the "
        "languages fixed: they speak about other speakers and texts, not about other languages."
    )
    blank = run.summary[run.summary["ci_low"].isna() & (run.summary["n"] > 0)]
    if len(blank):
        yield (
            "An interval is blank where a language has one speaker with one sentence, and for all "
            "languages where any has no more: nothing tells how far its figure would move."
        )


def _coverage(run: Run) -> Iterator[str]:
    apart = run.summary[(run.summary["language"] != ALL) & (run.summary["n"] > 0)]
    spoken = {arm: set(part["language"]) for arm, part in apart.groupby("arm")}
    for arm in run.arms:
        out = [code for code in run.languages if code not in run.asked[arm]]
        if out:
            yield (
                f"{arm} was not asked for {listed(out)}: its means are over its own languages, and "
                "differences and claims over those that both sides speak."
            )
        heard = spoken.get(arm, set())
        lacking = [code for code in run.languages if code not in {*heard, *out}]
        if lacking:
            yield f"{arm} has no score in {listed(lacking)}: its means are over fewer languages."


def _blank_rates(run: Run) -> Iterator[str]:
    found = {
        family: set(run.summary.loc[run.summary["metric"].str.startswith(f"{family}."), "language"])
        for family in ("wer", "cer")
    }
    missing = [c for c in run.languages if c in found["cer"] and c not in found["wer"]]
    if found["wer"] and missing:
        yield f"No word error rate for {listed(missing)}: read the character error rate there."


def _pooling(run: Run) -> Iterator[str]:
    ends = {metric.rpartition(".")[2] for metric in run.metrics}
    if {"micro", "macro"} <= ends:
        yield "Rates called micro pool edits and lengths in a language; macro averages utterances."


def _similarity(run: Run) -> Iterator[str]:
    ids = [metric for metric in run.metrics if metric.startswith("secs.")]
    encoders = sorted({metric.split(".")[1] for metric in ids})
    if ids:
        yield (
            f"A similarity means something only on its encoder's own scale ({listed(encoders)}), "
            "between what it gives for one speaker and for two different ones; an average voice "
            "also scores high."
        )
    if any(metric.endswith(".prompt") for metric in ids):
        yield "Similarity to the prompt is to the very audio that was cloned: copying it pays."


def _conditions(run: Run) -> Iterator[str]:
    if "cross-lingual" in run.conditions:
        yield (
            "Items whose reference is in another language are cross-lingual; similarity is lower "
            "there by nature, and they share no row with monolingual ones."
        )


def _timings(run: Run) -> Iterator[str]:
    if "latency" in families(run):
        yield (
            "Timings were taken on this machine in this run, arm after arm and one utterance at a "
            "time: another run gives others, and what else the machine did counts. Percentiles are "
            f"of the trials of a language, averaged over languages: the 95th from "
            f"{ENOUGH_FOR_PERCENTILE[95]:,} trials, the 99th from {ENOUGH_FOR_PERCENTILE[99]:,}. "
            "They cannot be added up."
        )


def _limits(run: Run) -> Iterator[str]:
    cut = run.trials[run.trials["stop"] == "limit"]
    for arm, part in cut.groupby("arm", sort=True):
        yield f"{arm}: {count(len(part), 'utterance')} ended at the length cap, not by itself."


def _repeats(run: Run) -> Iterator[str]:
    if int(run.trials["repeat"].max()) == 0:
        yield "Each item was spoken once: the spread between repeated runs is not measured."


def _nothing(run: Run) -> Iterator[str]:
    asked = [str(spec.get("name")) for spec in run.experiment.get("metrics") or []]
    empty = [name for name in dict.fromkeys(asked) if name not in families(run)]
    if empty:
        yield (
            f"Asked for, but without any figure: {listed(empty)}. It applied to no trial, as the "
            "spread of a system that always says the same."
        )
