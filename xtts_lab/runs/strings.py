"""How the strings of tables lie in memory while runs are made, compared and put into words."""

from __future__ import annotations

import pandas as pd

plain_strings = pd.option_context("mode.string_storage", "python")
"""Decorates what reads or makes tables: their strings are Python objects, and not Arrow's.

Statistics and reports cut a table into thousands of small ones by strings. Each cut costs Arrow
some tenths of a millisecond: comparing two runs takes 1.7 times as long, with the same results.
"""
