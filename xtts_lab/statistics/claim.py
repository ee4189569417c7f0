"""A claim: a sentence that an experiment can prove or refute, and the margin that decides it."""

from __future__ import annotations

from typing import Literal

import pydantic

from xtts_lab.conditions import ALL
from xtts_lab.statistics.claim_text import write_claim


class Claim(pydantic.BaseModel):
    """One claim.

    With a `baseline`: `arm` is `direction` than it by more than `margin`, in the metric's unit; a
    margin below 0 says "not worse by as much". Without: `arm` is `direction` than the number
    `margin`. Several arms of one method, trained with seeds of their own, stand for the method.
    `text` is how the report words it.
    """

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)
    metric: str
    arm: list[str] = pydantic.Field(min_length=1)
    baseline: list[str] | None = pydantic.Field(default=None, min_length=1)
    direction: Literal["higher", "lower"]
    margin: float | None = pydantic.Field(default=None, ge=-1e9, le=1e9)
    language: str = ALL
    condition: Literal["same-language", "cross-lingual", "no-reference"] | None = None
    text: str | None = None

    @property
    def bound(self) -> float:
        """What the value, or the difference to the baseline, must lie beyond."""
        margin = self.margin or 0.0
        return -margin if self.baseline and self.direction == "lower" else margin

    @property
    def sentence(self) -> str:
        """The claim in words, or in its one-line form."""
        return self.text or write_claim(self.model_dump())
