"""Loss curves at equal data: what is compared, what is refused, and when a claim holds."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def curves() -> Any:
    path = ROOT / "benchmarks" / "loss_curves.py"
    spec = importlib.util.spec_from_file_location("loss_curves", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["loss_curves"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def run(folder: Path, name: str, losses: list[float], **stage: Any) -> Path:
    made = folder / name
    made.mkdir()
    rows = "".join(f"{1000 * (i + 1)},{loss},2.0\n" for i, loss in enumerate(losses))
    (made / "validation.csv").write_text(f"step,audio,text\n{rows}")
    conditioner = {"name": name.split("-")[0], "width": len(name)}
    config = {"name": name, "seed": 1, "stage": {"lr": 0.1, "conditioner": conditioner, **stage}}
    (made / "config.yaml").write_text(yaml.safe_dump(config))
    return made


def said(capsys: pytest.CaptureFixture[str], curves: Any, *arguments: str) -> tuple[int, str]:
    code = curves.main(arguments)
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def families(folder: Path, a: list[float], b: list[float]) -> list[str]:
    own = [run(folder, f"a-{i}", [4.0, loss, 9.0]) for i, loss in enumerate(a)]
    # The last validation of the others is missing: step 2000 is the last that all have.
    other = [run(folder, f"b-{i}", [4.0, loss]) for i, loss in enumerate(b)]
    return [f"{n}={','.join(map(str, runs))}" for n, runs in (("a", own), ("b", other))]


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        ([3.00, 3.01, 2.99, 3.0, 3.0], [3.20, 3.21, 3.19, 3.2, 3.2], "holds"),
        ([3.20, 3.21, 3.19, 3.2, 3.2], [3.00, 3.01, 2.99, 3.0, 3.0], "refuted"),
        ([3.0, 3.3, 2.8, 3.1, 2.9], [3.1, 3.4, 2.9, 3.0, 3.2], "undecided"),
    ],
)
def test_verdicts_at_the_last_common_step(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    curves: Any,
    a: list[float],
    b: list[float],
    verdict: str,
) -> None:
    code, text = said(capsys, curves, *families(tmp_path, a, b))
    assert code == 0
    assert f"a < b by 0.02 nats at step 2000: {verdict}\n" in text
    assert "| 1000 | 4.0000 | 4.0000 | +0.0000 | [+0.0000, +0.0000] |" in text


def test_what_is_published_makes_itself_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], curves: Any
) -> None:
    out = tmp_path / "published"
    asked = families(tmp_path, [3.0, 3.1], [3.2, 3.3])
    assert said(capsys, curves, *asked, "--out", str(out))[0] == 0
    text, table = (out / "report.md").read_text(), (out / "claims.csv").read_text()
    (again,) = (line for line in text.splitlines() if "loss_curves.py" in line)
    assert "a < b by 0.02 nats at step 2000" in table
    assert said(capsys, curves, *again.split()[2:])[0] == 0
    assert (out / "report.md").read_text() == text
    assert (out / "claims.csv").read_text() == table


def test_few_seeds_are_about_these_runs_and_one_has_no_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], curves: Any
) -> None:
    code, text = said(capsys, curves, *families(tmp_path, [3.0], [3.2]))
    assert code == 0
    assert "undecided (about these runs: 1 seeds a side)" in text
    assert "| 2000 | 3.0000 | 3.2000 | -0.2000 | - |" in text
    assert math.isnan(curves.difference(1, [1.0], [2.0, 3.0], 0.95).low)


def test_runs_that_differ_otherwise_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], curves: Any
) -> None:
    a, b = run(tmp_path, "a-0", [3.0]), run(tmp_path, "b-0", [3.1], lr=0.2)
    code, text = said(capsys, curves, f"a={a}", f"b={b}")
    assert code == 2
    assert "stage.lr is 0.2, and 0.1" in text
    code, text = said(capsys, curves, f"a={a}", f"b={b}", "--may-differ", "stage.lr")
    assert code == 0


def test_mistakes_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], curves: Any
) -> None:
    a = run(tmp_path, "a-0", [3.0])
    for arguments, message in (
        ([f"a={a}"], "two families"),
        (["a", f"b={a}"], "write NAME=RUN"),
        ([f"a={a}", f"b={tmp_path / 'none'}"], "none"),
        ([f"a={a}", f"b={a}", "--loss", "codes"], "no loss 'codes'; it has audio, text"),
    ):
        code, text = said(capsys, curves, *arguments)
        assert code == 2
        assert message in text
        assert text.count("\n") == 1
