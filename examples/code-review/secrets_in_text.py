"""Secrets that have a form of their own, in files of any language."""

from __future__ import annotations

import re
from collections.abc import Iterator

_FORMS = {
    "private-key": re.compile(
        r"-----BEGIN (?:RSA |EC |DSA |OPENSSH |PGP )?PRIVATE KEY(?: BLOCK)?-----\s*\n[A-Za-z0-9+/=\s:,-]{100}"
    ),
    "access-token": re.compile(
        r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bgithub_pat_[A-Za-z0-9_]{60,}\b"
        r"|\bglpat-[\w-]{20}\b|\bxox[baprs]-[0-9]{8,}-[\w-]{20,}\b|\bsk_live_[A-Za-z0-9]{24,}\b"
        r"|\bnpm_[A-Za-z0-9]{36}\b|\bpypi-AgEI[\w-]{50,}|\bAIza[\w-]{35}\b|\bhf_[A-Za-z]{34}\b"
    ),
    "hidden-text": re.compile("[\u202a-\u202e\u2066-\u2069]"),
}
_PLACEHOLDER = re.compile(r"EXAMPLE|XXXX|0000000|1234567|abcdef|test|fake|dummy", re.IGNORECASE)


def secrets_in(text: str, *, is_code: bool) -> Iterator[tuple[str, int, str]]:
    """The secrets in a text, as (rule, line, message); the message never holds the secret itself."""
    for rule, form in _FORMS.items():
        if rule == "hidden-text" and not is_code:
            continue
        for match in form.finditer(text):
            if rule == "access-token" and _PLACEHOLDER.search(match[0]):
                continue
            yield rule, text.count("\n", 0, match.start()) + 1, _shown(rule, match[0])


def _shown(rule: str, found: str) -> str:
    if rule == "access-token":
        return f"begins with `{found[:4]}`"
    return "begins here" if rule == "private-key" else "a character that no editor shows"
