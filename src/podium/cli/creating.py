"""`new`: the first files of a project, an agent, a workflow or a test."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import say

Given = Annotated[Options, Parameter(parse=False)]

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_FILES = {
    "agent": {"{{identifier}}.py": "agent.py"},
    "workflow": {"{{name}}.yaml": "workflow.yaml"},
    "test": {"test_{{identifier}}.py": "test.py"},
}
_PROJECT = {
    "agents.py": "agents.py",
    "workflow.yaml": "workflow.yaml",
    "test_{{identifier}}.py": "test.py",
    "README.md": "readme.md",
}


def new(
    kind: Literal["project", "agent", "workflow", "test"], name: str, /, *, to: Path | None = None,
    python: bool = False, options: Given,
) -> int:  # fmt: skip
    """Write the first files of a project, an agent, a workflow or a test.

    Parameters
    ----------
    kind
        What to begin. A project is a folder of its own with one of each.
    name
        Its name: small letters, digits and hyphens.
    to
        The folder to write into: of a project its name, else the present one.
    python
        Write the workflow in Python instead of YAML.
    """
    if not _NAME.fullmatch(name):
        raise Stop(Exit.USAGE, f"{name} is no name", "use small letters, digits and hyphens: order-desk")
    folder = to or Path(name if kind == "project" else ".")
    templates = dict(_PROJECT if kind == "project" else _FILES[kind])
    if python and kind in ("project", "workflow"):
        templates = {file: of for file, of in templates.items() if of != "workflow.yaml"}
        templates["workflows.py"] = "workflows.py"
    values = {
        "name": name,
        "identifier": re.sub(r"\W", "_", name if name[0].isalpha() else f"_{name}"),
        "namespace": name if kind == "project" else "default",
        "capability": f"{name}.greet",
    }
    wanted = {folder / _filled(file, values): _template(of, values) for file, of in templates.items()}
    taken = [str(path) for path in wanted if path.exists()]
    if taken:
        raise Stop(Exit.CONFLICT, f"{', '.join(taken)}: already there", "nothing was written")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in wanted.items():
            path.write_text(text, encoding="utf-8")
            print(path)
    except OSError as error:
        raise Stop(Exit.USAGE, f"{folder} cannot be written to: {error.strerror}") from error
    if kind == "project":
        say(f"try it: `cd {folder} && podium run . --input name=Ada`")
    return Exit.OK


def _template(name: str, values: dict[str, str]) -> str:
    text = files("podium.cli").joinpath("templates", f"{name}.txt").read_text(encoding="utf-8")
    return _filled(text, values)


def _filled(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], text)
