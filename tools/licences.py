"""The licences of all that Podium is made of and tested with: `python tools/licences.py` lists them.

It fails where one is not known, or not allowed. What counts is what the installed packages say of themselves:
the SPDX expression, else classifier and text. What the console has of others is listed by its own files.

Source: Core Metadata 2.4, `License-Expression`; SPDX 3, "License expressions".
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "src/podium/server/console/vendor"

ALLOWED = frozenset((
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0",
    "Unlicense", "Zlib",
))  # fmt: skip
"""MPL-2.0 binds whoever changes its files; none are changed here."""

ONLY_FOR_WORK: dict[str, str] = {}
"""Development tools under a licence that is not allowed otherwise, each with the reason; never GPL."""

STATED = {"apsw": "Zlib", "axe-playwright-python": "MIT"}
"""Packages whose metadata do not say it, by the text of the licence that they bring along."""

_NAMES = {
    "mit": "MIT", "mit license": "MIT", "the mit license": "MIT", "apache-2.0": "Apache-2.0",
    "apache 2": "Apache-2.0", "apache 2.0": "Apache-2.0", "apache software license": "Apache-2.0",
    "bsd-2-clause": "BSD-2-Clause", "bsd 2-clause license": "BSD-2-Clause", "bsd-3-clause": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause", "mpl-2.0": "MPL-2.0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0", "isc license (iscl)": "ISC",
    "python software foundation license": "PSF-2.0", "the unlicense (unlicense)": "Unlicense",
}  # fmt: skip
_WORD = re.compile(r"\(|\)|[^\s()]+")


class Used(NamedTuple):
    """Something of others that is used here. `licence` is an SPDX expression, or "" where nobody knows."""

    name: str
    version: str
    licence: str
    shipped: bool


def used() -> list[Used]:
    """All packages that the project's requirements lead to, and what the console has in it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    shipped = dict(_reached(project["dependencies"]))
    extras = project.get("optional-dependencies", {})
    tools = dict(_reached([one for extra in extras.values() for one in extra]))
    found = [
        Used(name, one.version, licence_of(one), name in shipped)
        for name, one in sorted({**tools, **shipped}.items())
    ]
    return [*found, *_vendored()]


def licence_of(package: Distribution) -> str:
    """What a package says of its licence, as an SPDX expression; "" where that cannot be told."""
    metadata = package.metadata
    name = canonicalize_name(str(metadata["Name"]))
    if name in STATED:
        return STATED[name]
    if expression := metadata.get("License-Expression"):
        return str(expression)
    words = [
        str(one).rpartition(" :: ")[2] for one in metadata.get_all("Classifier") or () if "License ::" in one
    ]
    for word in (str(metadata.get("License") or "").strip(), *words):
        if known := _NAMES.get(word.lower()):
            return known
    return ""


def is_allowed(expression: str, allowed: Iterable[str] = ALLOWED) -> bool:
    """Whether one may use what is under these licences: of those joined by OR one, of those by AND all."""
    words = _WORD.findall(expression)
    if not words:
        return False
    known = frozenset(allowed)

    def any_of() -> bool:
        found = all_of()
        while words and words[0].upper() == "OR":
            words.pop(0)
            found = all_of() or found
        return found

    def all_of() -> bool:
        found = one()
        while words and words[0].upper() == "AND":
            words.pop(0)
            found = one() and found
        return found

    def one() -> bool:
        if not words:
            return False
        word = words.pop(0)
        if word == "(":
            found = any_of()
            return bool(words) and words.pop(0) == ")" and found
        if words and words[0].upper() == "WITH":
            del words[:2]
        return word in known

    return any_of() and not words


def troubles(found: Iterable[Used]) -> list[str]:
    """What is not as it must be, a sentence each."""
    told = []
    for one in found:
        if not one.licence:
            told.append(f"{one.name} {one.version} does not say its licence; read it, and state it in STATED")
        elif not is_allowed(one.licence) and (
            one.shipped or one.name not in ONLY_FOR_WORK or _is_gpl(one.licence)
        ):
            told.append(f"{one.name} {one.version} is under {one.licence}, which is not allowed here")
    return told


def _is_gpl(licence: str) -> bool:
    return any(word.startswith(("GPL", "AGPL")) for word in _WORD.findall(licence))


def _reached(requirements: Iterable[str]) -> Iterator[tuple[str, Distribution]]:
    """Packages that are installed for requirements, and for what these require."""
    waiting = [(Requirement(one), "") for one in requirements]
    seen: set[tuple[str, str]] = set()
    while waiting:
        wanted, extra = waiting.pop()
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(wanted.name)
        try:
            package = distribution(name)
        except PackageNotFoundError:
            raise SystemExit(f"{name} is not installed; `make test` installs it") from None
        yield name, package
        for asked in ("", *wanted.extras):
            if (name, asked) not in seen:
                seen.add((name, asked))
                waiting += [(Requirement(one), asked) for one in package.requires or ()]


def _vendored() -> Iterator[Used]:
    """What the console has of others, whose licences lie beside it."""
    for name, about in json.loads((VENDOR / "VERSIONS.json").read_text()).items():
        file = VENDOR / f"LICENSE.{name.lstrip('@').replace('/', '-')}"
        yield Used(f"{name} (console)", about["version"], about["license"] if file.exists() else "", True)


def main() -> int:
    found = used()
    wide = max(len(one.name) for one in found)
    for kind, shipped in (("comes with Podium", True), ("only to work on it", False)):
        print(f"{kind}:")
        for one in found:
            if one.shipped == shipped:
                print(f"  {one.name:{wide}}  {one.version:14} {one.licence or '?'}")
    told = troubles(found)
    for trouble in told:
        print(trouble, file=sys.stderr)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
