"""The README's opening: figure, table and verdicts out of published scores.

    python reports/finding.py            # writes reports/finding.svg and the README's block anew

Everything is read from `summary.csv` and `claims.csv` of the published runs, which the tests hold
to their `scores.parquet`. A family's figure is the mean over its training seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from xtts_lab.files import write_text
from xtts_lab.report.formats.look import LIGHT

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
FIGURE = HERE / "finding.svg"
BEGIN, END = "<!-- finding: python reports/finding.py -->\n", "<!-- /finding -->\n"
ALL = "all"


@dataclass(frozen=True)
class Row:
    """A row of the table: a metric of a published run; `percent` for shares."""

    label: str
    run: str
    metric: str
    percent: bool = False
    language: str = ALL


ROWS = (
    Row("similarity to the speaker, Resemblyzer", "conditioners", "secs.resemblyzer.enrolment"),
    Row("the same, a second encoder", "conditioners", "secs.voicefilter.enrolment"),
    Row(
        "English speaker found among 20",
        "conditioners",
        "identification.resemblyzer.top1",
        True,
        "en",
    ),
    Row("errors in sounds, `world_ctc`", "conditioners", "cer.world_ctc.micro", True),
    Row("English word errors, Whisper", "conditioners-words", "wer.micro", True, "en"),
)
CLEARER = "conditioners-delay"
"""The same question asked of models that are understood better."""
CLEARER_WORDS = Row("English word errors", CLEARER, "wer.micro", True, "en")
PANELS = (ROWS[0], ROWS[3])
JUDGED = {panel.metric for panel in PANELS}
FLOORS, CONTROLS = ("natural", "copy"), ("no-reference",)


@dataclass(frozen=True)
class Published:
    """A published run: its figures, and which arms are one recipe."""

    summary: pd.DataFrame
    claims: pd.DataFrame
    families: dict[str, list[str]]

    def rows(self, column: str, row: Row) -> pd.DataFrame:
        """Return the summary's rows of a column, one a training seed."""
        shown = (self.summary["metric"] == row.metric) & (self.summary["language"] == row.language)
        own = self.summary[shown].set_index("arm")
        arms = self.families.get(column) or [a for a in own.index if _base(a) == column]
        return own.loc[[arm for arm in arms if arm in own.index]]


def published(name: str) -> Published:
    """Read a published run."""
    folder = HERE / name
    settings = yaml.safe_load((folder / "experiment.yaml").read_text(encoding="utf-8"))
    summary = pd.read_csv(folder / "summary.csv")
    claims = pd.read_csv(folder / "claims.csv") if (folder / "claims.csv").is_file() else None
    known: dict[str, Any] = settings["statistics"].get("families") or {}
    families = {key: list(arms) for key, arms in known.items()}
    return Published(summary, pd.DataFrame() if claims is None else claims, families)


def columns(run: Published) -> list[str]:
    """The table's columns: natural speech and the codec, the families, the control."""
    there = {_base(str(arm)) for arm in run.summary["arm"]}
    ends = [name for name in (*FLOORS, *CONTROLS) if name in there]
    return [
        *[n for n in ends if n in FLOORS],
        *run.families,
        *[n for n in ends if n in CONTROLS],
    ]


def block() -> str:
    """Return what stands in the README between the marks."""
    main = published("conditioners")
    heads = columns(main)
    seeds = {name: len(arms) for name, arms in main.families.items()}
    titles = [f"{h} ({seeds[h]} seeds)" if h in seeds else h for h in heads]
    lines = ["| | " + " | ".join(titles) + " |", "| --- |" + " ---: |" * len(heads)]
    for row in ROWS:
        run = published(row.run)
        found = [run.rows(head, row)["mean"].mean() for head in heads]
        lines.append(f"| {row.label} | " + " | ".join(_shown(v, row) for v in found) + " |")
    return "\n".join([*lines, "", *_verdicts(main), "", *_clearer(), ""])


def _clearer() -> list[str]:
    """What the run with the clearer decoder says: its errors and its verdicts."""
    run = published(CLEARER)
    copies = _shown(run.rows("copy", CLEARER_WORDS)["mean"].mean(), CLEARER_WORDS)
    errors = [
        f"`{name}` {_shown(run.rows(name, CLEARER_WORDS)['mean'].mean(), CLEARER_WORDS)}"
        for name in run.families
    ]
    said = (
        "With another codec and decoder (`delay`, eight levels of codes), whose English is "
        f"understood better (word errors: {', '.join(errors)}, copies {copies}):"
    )
    return [said, "", *_verdicts(run)]


def _verdicts(run: Published) -> list[str]:
    said = []
    for claim in run.claims.to_dict("records"):
        sides = str(claim["claim"]).replace("<", ">").split(" on ")[0].split(" > ")
        if claim["metric"] not in JUDGED or not all(side in run.families for side in sides):
            continue
        shown = [_signed(claim[k], claim["unit"]) for k in ("difference", "ci_low", "ci_high")]
        effect = f"{shown[0]} [{shown[1]}, {shown[2]}]"
        unit = " percentage points" if claim["unit"] == "ratio" else ""
        said.append(f"- `{claim['claim']}`: **{claim['verdict']}**, {effect}{unit}")
    return said


def drawing() -> str:
    """Return the figure: each trained model with its interval, natural speech as a dashed line."""
    run = published("conditioners")
    rows = columns(run)
    height = 26 * len(rows) + 74
    parts = [_panel(run, rows, panel, 130 + 350 * i) for i, panel in enumerate(PANELS)]
    names = [f'<text class="n" x="118" y="{_y(i) + 4}">{r}</text>' for i, r in enumerate(rows)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 820 {height}" role="img" '
        f'aria-label="Similarity and errors of each trained model">\n<style>{_style()}</style>\n'
        + "\n".join([*names, *parts])
        + "\n</svg>\n"
    )


def _panel(run: Published, rows: list[str], panel: Row, left: int) -> str:
    width, scale = 300, 100.0 if panel.percent else 1.0
    found = {name: run.rows(name, panel) for name in rows}
    ends = pd.concat(list(found.values()))[["ci_low", "ci_high"]].dropna() * scale
    step = 20.0 if panel.percent else 0.1
    low = step * (ends["ci_low"].min() // step)
    high = step * -(-ends["ci_high"].max() // step)

    def x(value: float) -> float:
        return round(left + width * (value - low) / (high - low), 1)

    bottom = _y(len(rows) - 1) + 18
    digits = 1 if panel.percent else 3
    marks = [f'<text class="t" x="{left}" y="20">{panel.label.replace("`", "")}</text>']
    for i in range(round((high - low) / step) + 1):
        at = low + i * step
        marks.append(f'<path class="g" d="M{x(at)} 34V{bottom}"/>')
        shown = f"{at:.0f} %" if panel.percent else f"{at:.1f}"
        marks.append(f'<text class="k" x="{x(at)}" y="{bottom + 16}">{shown}</text>')
    natural = found.get("natural")
    if natural is not None and len(natural):
        marks.append(f'<path class="f" d="M{x(natural["mean"].iloc[0] * scale)} 34V{bottom}"/>')
    for i, name in enumerate(rows):
        apart = min(8.0, 18.0 / len(found[name]))
        for j, (arm, row) in enumerate(found[name].iterrows()):
            y = round(_y(i) + apart * (j - (len(found[name]) - 1) / 2), 1)
            mean, least, most = (row[k] * scale for k in ("mean", "ci_low", "ci_high"))
            marks.append(
                f'<g class="c{i % len(LIGHT)}"><title>{arm}: {mean:.{digits}f} '
                f"[{least:.{digits}f}, {most:.{digits}f}]</title>"
                f'<path d="M{x(least)} {y}H{x(most)}"/>'
                f'<circle cx="{x(mean)}" cy="{y}" r="3.5"/></g>'
            )
    return "\n".join(marks)


def _y(row: int) -> int:
    return 48 + 26 * row


def _style() -> str:
    colours = "".join(f".c{i}{{stroke:{c};fill:{c}}}" for i, c in enumerate(LIGHT))
    return (
        "text{font:12px system-ui,sans-serif;fill:#595f69}.n{text-anchor:end}.t{font-weight:600}"
        ".k{text-anchor:middle;font-size:11px}.g{stroke:#dcdfe4}.f{stroke:#595f69;"
        f"stroke-dasharray:4 3}}path{{fill:none;stroke-width:1.5}}{colours}"
    )


def _base(arm: str) -> str:
    """An arm without its training seed: `no-reference-s0` is `no-reference`."""
    head, mark, seed = arm.rpartition("-s")
    return head if mark and seed.isdigit() else arm


def _shown(value: float, row: Row) -> str:
    if pd.isna(value):
        return "–"
    return f"{100 * value:.1f} %" if row.percent else f"{value:.3f}"


def _signed(value: float, unit: str) -> str:
    shown = f"{100 * value:+.1f}" if unit == "ratio" else f"{value:+.3f}"
    return shown.replace("-", "−")


def main() -> None:
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    write_text(README, f"{before}{BEGIN}\n{block()}\n{END}{after}")
    write_text(FIGURE, drawing())


if __name__ == "__main__":
    main()
