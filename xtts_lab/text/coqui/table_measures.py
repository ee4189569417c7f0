"""Rows of the table of deliberate differences: units, halves, Brazilian numbers."""

from __future__ import annotations

from xtts_lab.text.coqui.differences import Row

ROWS: tuple[Row, ...] = (
    Row(
        "measures",
        "en",
        "a 5 km run at 12 km/h",
        "a five km run at twelve km/h",
        "a five kilometre run at twelve kilometres per hour",
    ),
    Row("measures", "fr", "16 Go", "seize go", "seize gigaoctets"),
    Row("measures", "es", "lluvia de 5 mm", "lluvia de cinco mm", "lluvia de cinco milímetros"),
    Row(
        "measures",
        "it",
        "80 mq, 130 km/h",
        "ottanta mq, centotrenta km/h",
        "ottanta metri quadrati, centotrenta chilometri all'ora",
    ),
    Row(
        "measures",
        "pl",
        "2,5 kg, po 2 godz.",
        "dwa przecinek pięć kg, po dwa godz.",
        "dwa przecinek pięć kilograma, po dwóch godzinach.",
    ),
    Row(
        "measures",
        "ru",
        "22 км, 100 кВт·ч",
        "двадцать два км, сто квт·ч",
        "двадцать два километра, сто киловатт-часов",
    ),
    Row("measures", "tr", "5 km'lik yol", "beş km'lik yol", "beş kilometrelik yol"),
    Row("measures", "hu", "5 km-re", "öt km-re", "öt kilométerre"),
    Row("measures", "ar", "5 كم", "خمسة كم", "خمسة كيلومترات"),
    Row(
        "measures",
        "zh-cn",
        "以60km/h行驶",
        "yi3liu4shi2km,hxing2shi3",
        "yi3mei3xiao3shi2liu4shi2gong1li3xing2shi3",
    ),
    Row("measures", "ko", "20kg을", "isibkgeul", "isibkillogeulaem-eul"),
    Row("brazilian", "pt", "às 17 pessoas", "às dezassete pessoas", "às dezessete pessoas"),
    Row("fractions", "es", "2 1/2 horas", "dos uno/dos horas", "dos horas y media"),
    Row("cases", "ru", "к 1 сентября", "к один сентября", "к первому сентября"),
)
