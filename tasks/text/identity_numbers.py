"""National numbers of persons: social security, tax and identity numbers, judged by python-stdnum.

A number that only its digits speak for needs a word beside it that says what it is, since one in ten or one
in a hundred of any digits has a right checksum. One whose form is unmistakable does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module

from freshet.tasks.text.findings import Finding

_NEAR = 60
_FORMS: tuple[tuple[str, str, str, str], ...] = (
    # (kind, module of stdnum, form, words one of which must stand before it)
    ("US social security number", "us.ssn", r"\d{3}-\d{2}-\d{4}|\d{3} \d{2} \d{4}", "ssn|social security"),
    ("US taxpayer number", "us.itin", r"9\d{2}-\d{2}-\d{4}", "itin|taxpayer"),
    ("Canadian social insurance number", "ca.sin", r"\d{3}[ -]?\d{3}[ -]?\d{3}", "sin|nas|social insurance"),
    ("British NHS number", "gb.nhs", r"\d{3}[ -]?\d{3}[ -]?\d{4}", "nhs"),
    ("German tax number", "de.idnr", r"\d{2} ?\d{3} ?\d{3} ?\d{3}", "steuer\\w*|idnr|steuer-id\\w*|tax id\\w*|tin"),
    ("French social security number", "fr.nir", r"[1278] \d{2} \d{2} \d[\dAB] \d{3} \d{3} \d{2}", ""),
    ("French social security number", "fr.nir", r"[1278]\d{5}[AB\d]\d{8}", "nir|s[ée]curit[ée] sociale|insee"),
    ("Italian tax code", "it.codicefiscale", r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", ""),
    ("Spanish identity number", "es.dni", r"\d{8}-?[A-Z]", "dni|nif|documento"),
    ("Spanish identity number", "es.nie", r"[XYZ]-?\d{7}-?[A-Z]", "nie|nif|extranjero"),
    ("Dutch citizen number", "nl.bsn", r"\d{9}|\d{4}\.\d{2}\.\d{3}", "bsn|burgerservice\\w*|sofi\\w*"),
    ("Belgian national number", "be.nn", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", ""),
    ("Polish national number", "pl.pesel", r"\d{11}", "pesel"),
    ("Swedish identity number", "se.personnummer", r"(?:\d{2})?\d{6}[-+]\d{4}", ""),
    ("Finnish identity code", "fi.hetu", r"\d{6}[-+A]\d{3}[0-9A-FHJ-NPR-Y]", ""),
    ("Norwegian identity number", "no.fodselsnummer", r"\d{6} ?\d{5}", "f[øo]dsels\\w*|personn\\w*|fnr"),
    ("Danish person number", "dk.cpr", r"\d{6}-?\d{4}", "cpr\\w*|personn\\w*"),
    ("Swiss social security number", "ch.ssn", r"756\.\d{4}\.\d{4}\.\d{2}", ""),
    ("Austrian insurance number", "at.vnr", r"\d{4} ?\d{6}", "svnr|sv-nr|sozialversicherung\\w*|versicherungsnummer"),
    ("Brazilian taxpayer number", "br.cpf", r"\d{3}\.\d{3}\.\d{3}-\d{2}", ""),
    ("Indian Aadhaar number", "in_.aadhaar", r"\d{4}[ -]?\d{4}[ -]?\d{4}", "aadhaar|uidai"),
    ("Australian tax file number", "au.tfn", r"\d{3} ?\d{3} ?\d{3}", "tfn|tax file"),
    ("South African identity number", "za.idnr", r"\d{6} ?\d{4} ?\d{3}", "identity|id n\\w*"),
    ("Korean resident number", "kr.rrn", r"\d{6}-[1-8]\d{6}", ""),
    ("Chinese identity number", "cn.ric", r"\d{17}[\dX]", ""),
    ("Turkish identity number", "tr.tckimlik", r"[1-9]\d{10}", "kimlik|tckn|t\\.?c\\.? no"),
    ("Mexican population code", "mx.curp", r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d", ""),
    ("Romanian personal code", "ro.cnp", r"[1-8]\d{12}", "cnp"),
    ("Czech birth number", "cz.rc", r"\d{6}/\d{4}", ""),
)
_EXAMPLES = frozenset({"123456789", "987654321", "078051120", "219099999", "457555462", "111111111", "12345678909"})
"""What documentation writes where a number would stand."""


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[str, str, re.Pattern[str], re.Pattern[str] | None]]:
    return [
        (
            kind,
            module,
            re.compile(rf"(?<![\w.,/+\-])(?:{form})(?![\w/+]|[.,\-]\d)"),
            re.compile(rf"\b(?:{words})\b", re.I) if words else None,
        )
        for kind, module, form, words in _FORMS
    ]


def find_identity_numbers(text: str, start: int = 0, end: int | None = None) -> Iterator[Finding]:
    """Yields national numbers of persons between two places of a text, with right checksums where a kind has one.

    The word that a number needs may stand in the line above it.
    """
    stop = len(text) if end is None else end
    for kind, module, form, words in _patterns():
        for match in form.finditer(text, start, stop):
            if words is not None and not words.search(text, max(0, match.start() - _NEAR), match.start()):
                continue
            if re.sub(r"\D", "", match[0]) not in _EXAMPLES and _is_valid(module, match[0]):
                yield Finding(*match.span(), kind)


def _is_valid(module: str, number: str) -> bool:
    return bool(import_module(f"stdnum.{module}").is_valid(number))
