"""What judges make of a corpus's natural speech, in its card: nothing it teaches can do better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xtts_lab import files
from xtts_lab.errors import UsageError
from xtts_lab.runs.reading import Run, read_results


def note_floors(corpus: Path, run_folder: Path) -> int:
    """Write the scores of the natural arm of a run on the corpus's test set into `corpus.json`.

    `floors`: metric id -> language (or `all`) -> mean; `floors_of`: the run's items, speakers and
    judges. Raises `UsageError` for a run without natural recordings, or of other speech.
    """
    from xtts_lab.training.corpora import folder
    from xtts_lab.training.corpora.reader import Corpus

    run, card = read_results(run_folder), folder.read_card(corpus)
    if not run.natural_arms:
        raise UsageError(f"--floors: {run_folder} judged no natural speech (system `recordings`)")
    arm = run.natural_arms[0]
    trials = run.trials[run.trials["arm"] == arm]
    known = set(Corpus.open(corpus).items["id"])
    unknown = [str(name) for name in trials["utterance_id"] if name not in known]
    if unknown:
        raise UsageError(f"--floors: {run_folder} judged '{unknown[0]}', which {corpus} lacks")
    floors = _floors(run, arm)
    files.write_json(
        folder.card_path(corpus),
        {**card, "floors": floors, "floors_of": _circumstances(run, trials)},
    )
    print(f"{corpus}: floors of {', '.join(floors)} noted")
    return 0


def _floors(run: Run, arm: str) -> dict[str, dict[str, float]]:
    rows = run.summary[(run.summary["arm"] == arm) & run.summary["mean"].notna()]
    floors: dict[str, dict[str, float]] = {}
    for metric, language, mean in zip(rows["metric"], rows["language"], rows["mean"], strict=True):
        floors.setdefault(str(metric), {})[str(language)] = round(float(mean), 5)
    return floors


def _circumstances(run: Run, trials: Any) -> dict[str, Any]:
    judges = {key: dict(run.judge(key)) for key in run.experiment.get("instruments") or {}}
    return {
        "items": int(trials["utterance_id"].nunique()),
        "speakers": int(trials["speaker"].nunique()),
        "judges": judges,
    }
