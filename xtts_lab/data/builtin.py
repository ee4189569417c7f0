"""The built-in sentences as a test set."""

from __future__ import annotations

from typing import Literal

from xtts_lab import registry
from xtts_lab.data.sentences import Sentence, builtin
from xtts_lab.errors import UsageError
from xtts_lab.types import LANGUAGES


class BuiltinTexts:
    """The first `per_language` built-in sentences of each language.

    `tags` keeps those that carry one of the tags (`plain`, `hard`, `numbers`, `date`, ...).
    """

    def __init__(
        self,
        *,
        languages: Literal["all"] | tuple[str, ...] = "all",
        per_language: int = 5,
        tags: tuple[str, ...] = (),
    ) -> None:
        for language in () if languages == "all" else languages:
            if language not in LANGUAGES:
                raise UsageError(registry.unknown("language", language, LANGUAGES))
        if per_language < 1:
            raise UsageError(f"per_language: must be at least 1, not {per_language}")
        self._languages = [c for c in LANGUAGES if languages == "all" or c in languages]
        self._per_language = per_language
        self._tags = set(tags)

    def sentences(self) -> tuple[Sentence, ...]:
        """Return the sentences, in the order of `LANGUAGES`, then of the language's file.

        Raises `UsageError` where a language has fewer than asked for.
        """
        return tuple(s for language in self._languages for s in self._of(language))

    def _of(self, language: str) -> tuple[Sentence, ...]:
        known = builtin(language)
        tags = {tag for sentence in known for tag in sentence.tags}
        for tag in self._tags - tags:
            raise UsageError(registry.unknown("tag", tag, tags))
        chosen = [s for s in known if not self._tags or self._tags & set(s.tags)]
        if len(chosen) < self._per_language:
            raise UsageError(
                f"per_language: {self._per_language} asked for, but '{language}' has {len(chosen)} "
                "such sentences; ask for fewer"
            )
        return tuple(chosen[: self._per_language])
