"""The command line's door: which commands there are, the options of all of them, and how errors end.

Nothing heavy is imported before a command runs: asking for help must be quick.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Group, Parameter

from podium import __version__
from podium.cli.exits import Exit, Stop, exit_of
from podium.cli.options import Options
from podium.cli.output import Format, say

_RUNS = Group("Running", sort_key=1)
_LOOKS = Group("Looking", sort_key=2)
_ACTS = Group("Stepping in", sort_key=3)
_FILES = Group("Declaring", sort_key=4)
_HUB = Group("The hub", sort_key=5)

_OPTIONS = Group("Options", sort_key=50)

app = App(
    name="podium", help="The orchestration layer for multi-agent systems: durable, governed, observable.",
    version=__version__, version_flags=["--version"], print_error=False, exit_on_error=False,
    result_action="return_value", group_parameters=_OPTIONS, help_format="markdown",
    default_parameter=Parameter(negative="", show_default=False),
)  # fmt: skip

_COMMANDS = {
    "run": ("running:run", _RUNS, "Run a workflow and show its output."),
    "follow": ("running:follow", _RUNS, "Watch a run to its end and show its output, as `run` does."),
    "batch": (
        "batching:batch",
        _RUNS,
        "Run each line of stdin, `{id, workflow, input}`, durably; a line of results for each.",
    ),
    "describe": ("looking:describe", _LOOKS, "Show all that is known of one run, agent or workflow."),
    "story": ("looking:story", _LOOKS, "Tell what happened in a run, and why."),
    "graph": ("drawing:graph", _LOOKS, "Draw a workflow, or a run with how each of its tasks does."),
    "events": ("looking:events", _LOOKS, "Show the records of a run as the log has them."),
    "answer": ("acting:answer", _ACTS, "Answer a question that a run asks a person."),
    "send": ("acting:send", _ACTS, "Send an event to a run, or to every run that listens."),
    "cancel": ("acting:cancel", _ACTS, "End a run now."),
    "suspend": ("acting:suspend", _ACTS, "Start nothing more in a run."),
    "resume": ("acting:resume", _ACTS, "Let a suspended run go on."),
    "resolve": ("acting:resolve", _ACTS, "Say what became of an effect in doubt."),
    "new": (
        "creating:new",
        _FILES,
        "Write the first files of a project, an agent, a workflow or a test.",
    ),
    "apply": ("declaring:apply", _FILES, "Declare agents and workflows."),
    "validate": ("declaring:validate", _FILES, "Check agents and workflows without declaring them."),
    "schema": ("declaring:schema", _FILES, "Print the JSON Schema of a kind of manifest."),
    "up": ("serving:up", _HUB, "Serve the state folder until interrupted."),
    "doctor": ("doctoring:doctor", _HUB, "Check this machine and the state folder."),
}
"""Where each command is, and what it does in a line: nothing is imported to list them."""


def _register(into: App, name: str, where: str, help: str, **more: Any) -> None:
    into.command(f"podium.cli.{where}", name=name, help=help, group_parameters=_OPTIONS, **more)


for _number, (_name, (_where, _group, _help)) in enumerate(_COMMANDS.items()):
    _register(app, _name, _where, _help, group=_group, sort_key=_number)

_get = App(name="get", help="List runs, agents or workflows.", group=_LOOKS, sort_key=-1)
for _name in ("runs", "agents", "workflows"):
    _register(_get, _name, f"looking:{_name}", f"List {_name}.")
app.command(_get)

_views = App(name="views", help="Look after the tables for queries.", group=_HUB)
_register(_views, "rebuild", "looking:rebuild", "Make the tables for queries again from the log.")
app.command(_views)

_audit = App(name="audit", help="Check the log.", group=_HUB)
_register(_audit, "verify", "looking:verify", "Check every link of the log.")
app.command(_audit)


@app.command(group=_HUB)
def version() -> int:
    """Print the version."""
    print(__version__)
    return Exit.OK


app.meta.group_parameters = Group("Options of every command", sort_key=100)


@app.meta.default
def _launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    state: Annotated[Path, Parameter(env_var="PODIUM_STATE", show_default=True)] = Path(".podium"),
    output: Annotated[Format | None, Parameter(name=("--output", "-o"))] = None,
    no_input: bool = False,
    debug: bool = False,
    secrets: Annotated[Path | None, Parameter(env_var="PODIUM_SECRETS")] = None,
) -> int:
    """Run one command.

    Parameters
    ----------
    state
        The state folder.
    output
        How data is shown on stdout.
    no_input
        Never ask, and draw no progress.
    debug
        Show tracebacks of defects.
    secrets
        File of secrets for a hub that this command starts, instead of secrets.yaml in the state folder.
    """
    if secrets is not None:
        os.environ["PODIUM_SECRETS"] = str(secrets.absolute())
    options = Options(state, output, no_input, debug)
    command, bound, ignored = app.parse_args(tokens)
    given = dict.fromkeys(ignored, options)
    return command(*bound.args, **bound.kwargs, **given) or Exit.OK


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code. Whatever happens, nobody sees a traceback unasked."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Imports make much and drop little: collecting meanwhile costs a tenth of the start.
    gc.disable()
    try:
        code = app.meta(given)
        sys.stdout.flush()
        return int(code or Exit.OK)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else Exit.USAGE
    except CycloptsError as error:
        say(f"podium: {error}")
        say("see `podium --help`")
        return Exit.USAGE
    except Stop as stop:
        _tell(str(stop), stop.hint)
        return stop.code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has had enough; what is buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except Exception as error:
        return _unexpected(error, given)
    finally:
        gc.enable()


def _tell(message: str, hint: str = "") -> None:
    say(f"podium: {message}")
    if hint:
        say(hint)


def _unexpected(error: Exception, given: list[str]) -> int:
    """An error that has an exit code is a sentence; any other is a defect, and goes to the log."""
    code = exit_of(error)
    if "--debug" in given:
        import traceback

        traceback.print_exception(error)
    if code is not None:
        _tell(str(error))
        return code
    place = _log_defect(error, given)
    _tell(
        f"a defect: {type(error).__name__}: {error}",
        f"the traceback is in {place}" if place else "`--debug` shows the traceback",
    )
    return Exit.DEFECT


def _log_defect(error: Exception, given: list[str]) -> Path | None:
    """Keep a traceback in the state folder's log, if there is one."""
    import traceback

    state = os.environ.get("PODIUM_STATE", ".podium")
    for option, value in zip(given, [*given[1:], ""], strict=True):
        if option.startswith("--state"):
            state = option.partition("=")[2] or value
    log = Path(state) / "hub.log"
    try:
        if not log.parent.is_dir():
            return None
        with log.open("a", encoding="utf-8") as file:
            file.writelines(traceback.format_exception(error))
    except OSError:
        return None
    return log
