"""Text in the cells of CSV files: harmless in a spreadsheet, and the same when it is read back.

A spreadsheet takes a cell that begins with = + - @, a tab or a carriage return for a formula. Such
text (an arm called `-x`, the words of an error) gets an apostrophe before it, and so does text that
looks as if it had one already, so that `restore` undoes exactly what `neutralise` did. Numbers stay
numbers: only text is touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pandas as pd

_RISKY = re.compile(r"'*[=+\-@\t\r]")
_MARKED = re.compile(r"'+[=+\-@\t\r]")


def neutralise(data: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose text a spreadsheet takes for text."""
    return _changed(data, lambda text: f"'{text}" if _RISKY.match(text) else text)


def restore(data: pd.DataFrame) -> pd.DataFrame:
    """Return the text of a table as it was before `neutralise`."""
    return _changed(data, lambda text: text[1:] if _MARKED.match(text) else text)


def _changed(data: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    def one(value: Any) -> Any:
        return change(value) if isinstance(value, str) else value

    texts = [name for name in data if pd.api.types.is_string_dtype(data[name].dtype)]
    texts += [name for name in data if data[name].dtype == object and name not in texts]
    return data.assign(**{str(name): data[name].map(one, na_action="ignore") for name in texts})
