"""The table in docs/statistics.md, out of a simulation's counts.

python benchmarks/statistics_simulation.py --out reports/statistics/simulation.json
python reports/simulation.py
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

from xtts_lab.files import write_text

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "statistics.md"
COUNTS = HERE / "statistics" / "simulation.json"
BEGIN, END = "<!-- simulation: python reports/simulation.py -->\n", "<!-- /simulation -->\n"
HEAD = "| worlds | outcome | demanded | the worst | in | worlds beyond it |"


def block() -> str:
    """Return what stands in the page between the marks."""
    sys.path.insert(0, str(HERE.parent / "benchmarks"))  # its scripts import each other
    try:
        from statistics_simulation import LIMITS
    finally:
        sys.path.pop(0)
    found = json.loads(COUNTS.read_text(encoding="utf-8"))
    lines = [HEAD, "| --- | --- | --- | --- | --- | ---: |"]
    for limit in LIMITS:
        asked = (limit.section, limit.outcome)
        own = [c for c in found["counts"] if (c["section"], c["outcome"]) == asked and c["number"]]
        if not own:
            continue
        worst = min(own, key=lambda count: _room(count, limit))
        beyond = [count for count in own if _room(count, limit) < 0.0]
        where = ", ".join(filter(None, [worst["row"], worst["column"]]))
        lines.append(
            f"| {limit.section} | {limit.outcome} | {_demand(limit)} | {_share(worst)} | {where} "
            f"| {len(beyond)} of {len(own)} |"
        )
    least = min(count["number"] for count in found["counts"])
    code = f", code of {found['revision']}" if "revision" in found else ""
    told = (
        f"{found['done']:,} experiments, seed {found['seed']}{code}; of each outcome {least:,} at "
        "least; ± is the standard error of the figure."
    )
    return "\n".join([*lines, "", told])


def _room(count: dict[str, Any], limit: Any) -> float:
    share = count["hits"] / count["number"]
    above = share - limit.least if limit.least > 0.0 else 1.0
    return min(above, limit.most - share if limit.most < 1.0 else 1.0)


def _share(count: dict[str, Any]) -> str:
    share = count["hits"] / count["number"]
    return f"{share:.1%} ± {math.sqrt(share * (1 - share) / count['number']):.1%}"


def _demand(limit: Any) -> str:
    if limit.least > 0.0 and limit.most < 1.0:
        return f"{limit.least:.0%} to {limit.most:.0%}"
    return f"at least {limit.least:.0%}" if limit.least > 0.0 else f"at most {limit.most:.1%}"


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    write_text(PAGE, f"{before}{BEGIN}\n{block()}\n\n{END}{after}")


if __name__ == "__main__":
    main()
