"""Recompute a run's error rates with jiwer alone, from the stored texts, and compare exactly.

    python benchmarks/check_error_rates.py RUN

Reads the normalised reference and hypothesis of every scored trial from `scores.parquet`, pools
them per arm and language with one call of jiwer, and compares with `summary.csv`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jiwer
import pandas as pd


def main(run: Path) -> int:
    scores = pd.read_parquet(run / "scores.parquet")
    summary = pd.read_csv(run / "summary.csv", keep_default_na=False, na_values=[""])
    worst, rows = 0.0, 0
    for metric, rate in (("wer.micro", jiwer.wer), ("cer.micro", jiwer.cer)):
        scored = scores[(scores["metric"] == metric) & scores["value"].notna()]
        for (arm, language), group in scored.groupby(["arm", "language"]):
            texts = [json.loads(detail) for detail in group["detail"]]
            expected = rate([t["reference"] for t in texts], [t["hypothesis"] for t in texts])
            chosen = (summary["arm"] == arm) & (summary["language"] == language)
            (found,) = summary[chosen & (summary["metric"] == metric)]["mean"]
            worst, rows = max(worst, abs(found - expected)), rows + 1
            print(f"{arm:20} {language:6} {metric}  ours {found:.6f}  jiwer {expected:.6f}")
    for metric in ("secs.resemblyzer.enrolment", "secs.resemblyzer.impostor"):
        of = scores[scores["metric"] == metric]["value"].dropna()
        if len(of):
            print(f"{metric}: mean over trials {of.mean():.4f} (n = {len(of)})")
    print(f"{rows} rates compared, largest difference {worst:.1e}")
    return 0 if worst == 0.0 else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
