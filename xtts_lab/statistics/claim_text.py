"""The one-line form of a claim, as a reader would say it.

    xtts[conditioner=perceiver] > xtts[conditioner=tortoise] on secs.resemblyzer.enrolment by 0.02
    a1, a2, a3 < b1, b2, b3 on cer.micro in de        the arms of several training seeds
    xtts: latency.first_audio_ms.p50 < 150            one arm against a number
    a > b on secs.ecapa.enrolment in ja, cross-lingual

`by` is 0 where it is left out; `in` takes a language or `all`, a condition, or both.
"""

from __future__ import annotations

import json
import re
from typing import Any

from xtts_lab.conditions import IN_CLAIMS
from xtts_lab.errors import UsageError

USAGE = "write 'ARM > ARM on METRIC [by MARGIN] [in SCOPE]' or 'ARM: METRIC < NUMBER [in SCOPE]'"

_KEY = re.compile(r"[A-Za-z0-9._-]+")
_COMPARISON = re.compile(r"\s+on\s+(?P<metric>\S+)(?:\s+by\s+(?P<margin>\S+))?(?P<scope>\s.*)?")
_THRESHOLD = re.compile(
    r"\s*(?P<metric>[^\s<>]+)\s*(?P<sign>[<>])\s*(?P<margin>\S+)(?P<scope>\s.*)?"
)
_SCOPE = re.compile(r"\s*in\s+(.+?)\s*")


def read_claim(text: str) -> dict[str, Any]:
    """Return the typed fields of a one-line claim; a `UsageError` says what cannot be read."""
    arms, at = _arms(text, 0)
    if text[at : at + 1] == ":":
        return _threshold(text, arms, at + 1)
    _check_sign(text, text[at : at + 2])
    if text[at : at + 1] not in ("<", ">"):
        raise _unreadable(text, at)
    others, end = _arms(text, at + 1)
    match = _COMPARISON.fullmatch(text, end)
    if match is None:
        raise _unreadable(text, end)
    return {
        "metric": match["metric"],
        "arm": arms,
        "baseline": others,
        "direction": "higher" if text[at] == ">" else "lower",
        "margin": _number(text, match["margin"] or "0"),
        **_scope(text, match["scope"]),
    }


def write_claim(fields: dict[str, Any]) -> str:
    """Return the one-line form of typed fields: what `read_claim` reads."""
    sign = ">" if fields["direction"] == "higher" else "<"
    arm, baseline = (", ".join(fields[name] or ()) for name in ("arm", "baseline"))
    margin = json.dumps(fields["margin"])
    if baseline:
        said = f"{arm} {sign} {baseline} on {fields['metric']}"
        said += f" by {margin}" if fields["margin"] else ""
    else:
        said = f"{arm}: {fields['metric']} {sign} {margin}"
    language = None if fields["language"] == "all" else fields["language"]
    scope = ", ".join(part for part in (language, fields["condition"]) if part)
    return f"{said} in {scope}" if scope else said


def _threshold(text: str, arms: list[str], at: int) -> dict[str, Any]:
    match = _THRESHOLD.fullmatch(text, at)
    if match is None:
        raise _unreadable(text, at)
    _check_sign(text, match["sign"])
    return {
        "metric": match["metric"],
        "arm": arms,
        "direction": "higher" if match["sign"] == ">" else "lower",
        "margin": _number(text, match["margin"]),
        **_scope(text, match["scope"]),
    }


def _arms(text: str, at: int) -> tuple[list[str], int]:
    """Read arm ids, separated by commas; return them and the place after them."""
    arms: list[str] = []
    while True:
        at = _blank(text, at)
        match = _KEY.match(text, at)
        if match is None:
            raise _unreadable(text, at)
        end = _bracketed(text, match.end())
        arms.append(text[at:end])
        following = _blank(text, end)
        if text[following : following + 1] != ",":
            return arms, following if text[following : following + 1] in tuple("<>=:") else end
        at = following + 1


def _bracketed(text: str, at: int) -> int:
    """Return the place after an arm's brackets, whose values may be JSON with brackets inside."""
    if text[at : at + 1] != "[":
        return at
    depth, quoted = 0, False
    while at < len(text):
        character = text[at]
        if quoted and character == "\\":
            at += 1
        elif character == '"':
            quoted = not quoted
        elif not quoted:
            depth += (character in "[{") - (character in "]}")
            if depth == 0:
                return at + 1
        at += 1
    raise UsageError(f"claim '{text}': a bracket is not closed")


def _check_sign(text: str, sign: str) -> None:
    if "=" in sign:
        raise UsageError(f"claim '{text}': '{sign}' is no comparison here; write > or <")


def _blank(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _number(text: str, written: str) -> float:
    if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", written) is None:
        hint = "; write a rate as a ratio, 1 % as 0.01" if written.endswith("%") else ""
        raise UsageError(f"claim '{text}': '{written}' is no number{hint}")
    return float(written)


def _scope(text: str, written: str | None) -> dict[str, str]:
    if written is None or not written.strip():
        return {}
    match = _SCOPE.fullmatch(written)
    if match is None:
        raise UsageError(f"claim '{text}': '{written.strip()}' cannot be read; {USAGE}")
    scope: dict[str, str] = {}
    for part in re.split(r"\s*,\s*", match[1]):
        key = "condition" if part in IN_CLAIMS else "language"
        if key in scope or not part:
            raise UsageError(f"claim '{text}': 'in' takes one language and one condition")
        scope[key] = part
    return scope


def _unreadable(text: str, at: int) -> UsageError:
    rest = text[at:].strip()
    return UsageError(f"claim '{text}': cannot be read at '{rest}'; {USAGE}")
