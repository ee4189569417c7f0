"""Years as English and German speakers say them: nineteen ninety-six, neunzehnhundert…"""

from __future__ import annotations

from xtts_lab.text.numbers.numerals import cardinal


def is_year(digits: str) -> bool:
    """Return whether four digits are a year that is said in two halves in English."""
    return len(digits) == 4 and ("1100" <= digits <= "1999" or "2010" <= digits <= "2099")


def year(digits: str, base: str) -> str:
    """Read a year: 1905 is nineteen oh five, 1996 neunzehnhundertsechsundneunzig."""
    halves = len(digits) == 4 and digits[1:3] != "00" and (base == "en" or digits < "2000")
    if not halves:
        return cardinal(digits, base)
    first, last = cardinal(digits[:2], base), cardinal(str(int(digits[2:])), base)
    if base == "de":
        return f"{first}hundert" + ("" if digits[2:] == "00" else last)
    if digits[2:] == "00":
        return f"{first} hundred"
    return f"{first} oh {last}" if digits[2] == "0" else f"{first} {last}"
