"""Fetch what the console uses of others, as `npm pack` gives it, into src/podium/server/console/vendor.

    python tools/vendor_console.py                   # those of VERSIONS.json
    python tools/vendor_console.py preact@10.29.8    # another version of one

The modules are taken as they are built, but for the names that they import each other by: a browser without
an import map needs paths. VERSIONS.json says what came from where, with the digests of archives and files.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "src/podium/server/console/vendor"
VERSIONS = VENDOR / "VERSIONS.json"

FILES = {
    "preact": {"dist/preact.module.js": "preact.js", "hooks/dist/hooks.module.js": "hooks.js"},
    "@preact/signals-core": {"dist/signals-core.module.js": "signals-core.js"},
    "@preact/signals": {"dist/signals.module.js": "signals.js"},
    "htm": {"dist/htm.module.js": "htm.js"},
}
PATHS = {
    "preact/hooks": "./hooks.js", "@preact/signals-core": "./signals-core.js", "preact": "./preact.js",
}  # fmt: skip
_MAPS = re.compile(rb"\n?//# sourceMappingURL=.*\n?")


def main(wanted: list[str]) -> None:
    known = json.loads(VERSIONS.read_text()) if VERSIONS.exists() else {}
    given = dict(one.rpartition("@")[::2] for one in wanted)
    VENDOR.mkdir(parents=True, exist_ok=True)
    packages = {
        name: fetch(name, given.get(name) or known.get(name, {}).get("version", "latest")) for name in FILES
    }
    VERSIONS.write_text(json.dumps(packages, indent=2) + "\n")


def fetch(name: str, version: str) -> dict[str, object]:
    """Take the files of a package; gives what VERSIONS says of it."""
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["npm", "pack", "--json", f"{name}@{version}"], cwd=folder, check=True, capture_output=True
        )
        found = json.loads(packed.stdout)[0]
        archive = next(Path(folder).glob("*.tgz"))
        files = {}
        with tarfile.open(archive) as tar:
            for path, target in FILES[name].items():
                content = resolved(member(tar, path))
                (VENDOR / target).write_bytes(content)
                files[target] = digest(content)
            licence = f"LICENSE.{name.replace('@', '').replace('/', '-')}"
            (VENDOR / licence).write_bytes(member(tar, "LICENSE"))
            terms = json.loads(member(tar, "package.json"))["license"]
        return {
            "version": found["version"], "license": terms, "archive": digest(archive.read_bytes()),
            "files": files,
        }  # fmt: skip


def member(tar: tarfile.TarFile, path: str) -> bytes:
    content = tar.extractfile(f"package/{path}")
    assert content is not None, f"the package has no {path}"
    return content.read()


def resolved(content: bytes) -> bytes:
    """A module that names others by where they are."""
    for name, path in PATHS.items():
        content = re.sub(
            rb'from ?(["\'])' + re.escape(name.encode()) + rb"\1", f'from"{path}"'.encode(), content
        )
    return _MAPS.sub(b"\n", content).rstrip() + b"\n"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


if __name__ == "__main__":
    main(sys.argv[1:])
