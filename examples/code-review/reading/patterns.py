"""Forms that give something away: secrets in any file, weaknesses in languages other than Python."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reading.sources import CODE

_SECRETS = {
    "private-key": re.compile(
        r"-----BEGIN (?:RSA |EC |DSA |OPENSSH |PGP )?PRIVATE KEY(?: BLOCK)?-----\s*\n[A-Za-z0-9+/=\s:,-]{100}"
    ),
    "access-token": re.compile(
        r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bgithub_pat_[A-Za-z0-9_]{60,}\b"
        r"|\bglpat-[\w-]{20}\b|\bxox[baprs]-[0-9]{8,}-[\w-]{20,}\b|\bsk_live_[A-Za-z0-9]{24,}\b"
        r"|\bnpm_[A-Za-z0-9]{36}\b|\bpypi-AgEI[\w-]{50,}|\bAIza[\w-]{35}\b|\bhf_[A-Za-z]{34}\b"
    ),
}
_PLACEHOLDER = re.compile(r"EXAMPLE|XXXX|0000000|1234567|abcdef|test|fake|dummy", re.IGNORECASE)
_SCRIPTS = frozenset({"JavaScript", "TypeScript", "Vue", "Svelte"})
_SHELLS = frozenset({"Shell", "Docker", "Make", "YAML"})
_WEAKNESSES = {
    "merge-conflict": (
        frozenset(CODE),
        re.compile(r"^<<<<<<< [^\n]*\n(?:[^\n]*\n)*?=======\n(?:[^\n]*\n)*?>>>>>>> ", re.MULTILINE),
    ),
    "hidden-text": (frozenset(CODE), re.compile("[\u202a-\u202e\u2066-\u2069]")),
    "js-eval": (_SCRIPTS, re.compile(r"(?<![\w.$'\"`])(?:eval\(\s*[\w$.]|new Function\()")),
    "js-shell": (
        _SCRIPTS,
        re.compile(r"\bexec(?:Sync)?\(\s*(?:`[^`\n]*\$\{|\"[^\"\n]*\"\s*\+|'[^'\n]*'\s*\+)"),
    ),
    "js-breakpoint": (_SCRIPTS, re.compile(r"^[ \t]*debugger[ \t]*;?[ \t]*$", re.MULTILINE)),
    "tls-off": (
        _SCRIPTS | {"Go", "PHP", "Shell", "YAML", "Docker"},
        re.compile(
            r"\brejectUnauthorized\s*:\s*false\b|\bNODE_TLS_REJECT_UNAUTHORIZED\b['\"\]]*\s*=\s*['\"]?0"
            r"|\bInsecureSkipVerify\s*:\s*true\b|\bCURLOPT_SSL_VERIFYPEER\s*(?:,|=>)\s*(?:0|false)\b"
        ),
    ),
    "piped-shell": (
        _SHELLS,
        re.compile(r"\b(?:curl|wget)\s[^|\n#]*https?://[^|\n]*\|\s*(?:sudo\s+(?:-\w+\s+)*)?(?:ba|z|da)?sh\b"),
    ),
}
_COMMENT = re.compile(r"/\*.*?\*/|(?<![:\w'\"`/\\])//[^\n]*", re.DOTALL)
_HASH_COMMENT = re.compile(r"^[ \t]*#[^\n]*", re.MULTILINE)


def secrets_in(text: str) -> Iterator[tuple[str, int, str]]:
    """The secrets in a text, as (rule, line, message); the message never holds the secret itself."""
    for rule, form in _SECRETS.items():
        for match in form.finditer(text):
            if not _PLACEHOLDER.search(match[0]):
                yield rule, _line(text, match.start()), f"begins with `{match[0][:4]}`"


def weaknesses_in(text: str, language: str) -> Iterator[tuple[str, int, str]]:
    """What looks weak in a text of a language, as (rule, line, message)."""
    forms = {rule: form for rule, (languages, form) in _WEAKNESSES.items() if language in languages}
    if language in _SHELLS | _SCRIPTS:
        comment = _HASH_COMMENT if language in _SHELLS else _COMMENT
        text = comment.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    for rule, form in forms.items():
        for match in form.finditer(text):
            yield rule, _line(text, match.start()), match[0].splitlines()[0].strip()[:60]


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
