"""Small real repositories to review."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SECRET = "hK8!s9Qz3vLw2Td"

SHOP = f"""\
import json

DATABASE_PASSWORD = "{SECRET}"


def price(rule):
    return eval(rule)


def total(order, customer):
    result = 0
    for line in order:
        if line["count"]:
            for discount in customer["discounts"]:
                if discount["kind"] == "percent":
                    if line["price"] > discount["from"]:
                        if customer["new"] or discount["always"]:
                            for rule in discount["rules"]:
                                if rule["on"] and rule["value"]:
                                    while rule["left"]:
                                        if rule["value"] > line["price"]:
                                            result -= rule["value"]
                                        else:
                                            result += rule["value"]
                elif discount["kind"] == "fixed":
                    if discount["value"] > 0 and line["price"]:
                        result -= discount["value"]
    return result


def label(order):
    return undefined_name + order
"""

FILES = {
    "README.md": "# Shop\n",
    "shop/__init__.py": "",
    "shop/prices.py": SHOP,
    "shop/broken.py": "def begin(:\n    pass\n",
    "shop/stock.py": "def left(stock, name):\n    return stock.get(name, 0)\n" * 4,
    "tests/test_stock.py": "from shop.stock import left\n\n\ndef test():\n    assert left({}, 1) == 0\n",
    "requirements.txt": "requests\nflask>=2\nclick==8.1.7\n",
    "node_modules/left/index.js": "debugger;\n",
}

JAVASCRIPT = {
    "package.json": '{"name": "clock", "dependencies": {"left": "*"}}\n',
    "LICENSE": "Permission is hereby granted, free of charge, to any person\n",
    "src/clock.js": "export function tick(text) {\n  debugger;\n  return eval(text) ? 1 : 2;\n}\n",
    "src/shell.js": "import { exec } from 'child_process';\nexport const list = (x) => exec(`ls ${x}`);\n",
}


def lay(root: Path, files: dict[str, str]) -> Path:
    """Write files into a folder; gives the folder."""
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def git(root: Path, *arguments: str) -> None:
    """Run git as nobody in particular, with no settings of the machine's."""
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    people = {f"GIT_{who}_{what}": text for who in ("AUTHOR", "COMMITTER") for what, text in _ADA.items()}
    subprocess.run(
        ["git", "-C", str(root), *arguments],
        check=True,
        capture_output=True,
        env={**os.environ, **settings, **people},
    )


_ADA = {"NAME": "Ada", "EMAIL": "ada@example.org", "DATE": "2026-03-01T12:00:00Z"}


def committed(root: Path, times: int = 6) -> Path:
    """Make a folder a repository in which `shop/prices.py` keeps changing."""
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "Begin")
    for number in range(times):
        with (root / "shop" / "prices.py").open("a") as file:
            file.write(f"\nRATE_{number} = {number}\n")
        git(root, "commit", "-q", "-a", "-m", f"Fix rate {number}")
    return root
