"""The command line's door: which commands there are, the options of all of them, and how errors end.

Nothing heavy is imported before a command runs: asking for help must be quick.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

from cyclopts import App, CycloptsError, Group, Parameter

from podium import __version__
from podium.cli import far
from podium.cli.exits import Exit, Stop, exit_of
from podium.cli.options import Options
from podium.cli.output import Format, say

_RUNS = Group("Running", sort_key=1)
_LOOKS = Group("Looking", sort_key=2)
_ACTS = Group("Stepping in", sort_key=3)
_FILES = Group("Declaring", sort_key=4)
_HUB = Group("The hub", sort_key=5)
_AGENTS = Group("For agents", sort_key=6)

_OPTIONS = Group("Options", sort_key=50)

app = App(
    name="podium", help="The orchestration layer for multi-agent systems: durable, governed, observable.",
    version=__version__, version_flags=["--version"], print_error=False, exit_on_error=False,
    result_action="return_value", group_parameters=_OPTIONS, help_format="markdown",
    default_parameter=Parameter(negative="", show_default=False),
    help_epilogue="Begin with `podium run examples/hello --input name=Ada`; see `podium COMMAND --help`.",
)  # fmt: skip


_NO_OUTPUT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Command(NamedTuple):
    """A command: where its function is, what it does in a line, and how it is typed."""

    where: str
    group: Group
    summary: str
    example: str


COMMANDS = {
    "run": Command(
        "running:run", _RUNS, "Run a workflow and show its output.",
        "podium run examples/hello --input name=Ada",
    ),
    "follow": Command(
        "running:follow", _RUNS, "Watch a run to its end and show its output, as `run` does.",
        "podium follow 3f2a",
    ),
    "batch": Command(
        "batching:batch", _RUNS,
        "Run each line of stdin, `{id, workflow, input}`, durably; a line of results for each.",
        "podium batch examples/hello < lines.jsonl > results.jsonl",
    ),
    "get runs": Command(
        "looking:runs", _LOOKS, "List runs.", "podium get runs --status waiting",
    ),
    "get agents": Command("looking:agents", _LOOKS, "List agents.", "podium get agents -o json"),
    "get tools": Command("looking:tools", _LOOKS, "List tools.", "podium get tools"),
    "get budgets": Command(
        "spending:budgets", _LOOKS, "List budgets, those nearest to their ceiling first.",
        "podium get budgets -o json",
    ),
    "get workers": Command(
        "working:workers", _LOOKS, "List workers and what they host.", "podium get workers",
    ),
    "get policies": Command("looking:policies", _LOOKS, "List policies.", "podium get policies"),
    "get schedules": Command(
        "scheduling:schedules", _LOOKS, "List schedules, the next one due first.", "podium get schedules",
    ),
    "get subscriptions": Command(
        "subscribing:subscriptions", _LOOKS, "List subscriptions, and how far each is.",
        "podium get subscriptions",
    ),
    "get workflows": Command("looking:workflows", _LOOKS, "List workflows.", "podium get workflows"),
    "get agent": Command(
        "revising:agent", _LOOKS, "Show one agent, or what became of it.",
        "podium get agent greeter --history",
    ),
    "get tool": Command(
        "revising:tool", _LOOKS, "Show one tool, or what became of it.",
        "podium get tool payments.refund --history",
    ),
    "get policy": Command(
        "revising:policy", _LOOKS, "Show one policy, or what became of it.",
        "podium get policy finance --history",
    ),
    "get schedule": Command(
        "revising:schedule", _LOOKS, "Show one schedule, or what became of it.",
        "podium get schedule nightly --history",
    ),
    "get subscription": Command(
        "revising:subscription", _LOOKS, "Show one subscription, or what became of it.",
        "podium get subscription crm --history",
    ),
    "get workflow": Command(
        "revising:workflow", _LOOKS, "Show one workflow, or what became of it.",
        "podium get workflow hello/greet --history",
    ),
    "describe": Command(
        "looking:describe", _LOOKS, "Show all that is known of one run or resource.",
        "podium describe run 3f2a",
    ),
    "top": Command(
        "top:top", _LOOKS,
        "Show a hub on one screen: what it does, what waits for people, what nears a ceiling.", "podium top",
    ),
    "story": Command("looking:story", _LOOKS, "Tell what happened in a run, and why.", "podium story 3f2a"),
    "explain": Command(
        "explaining:explain", _LOOKS, "Tell what a result rests on, and what that cost.",
        "podium explain 3f2a:/output/total",
    ),
    "graph": Command(
        "drawing:graph", _LOOKS, "Draw a workflow, or a run with how each of its tasks does.",
        "podium graph 3f2a --to run.svg",
    ),
    "events": Command(
        "looking:events", _LOOKS, "Show the records of a run as the log has them.",
        "podium events 3f2a --follow -o jsonl",
    ),
    "answer": Command(
        "acting:answer", _ACTS, "Answer a question that a run asks a person.",
        "podium answer 3f2a --decision approve --why 'read it twice'",
    ),
    "approvals": Command(
        "approving:approvals", _ACTS,
        "List what waits for people: actions that policy holds back, and questions.", "podium approvals",
    ),
    "approve": Command(
        "approving:approve", _ACTS, "Say yes to an action that waits for people.",
        "podium approve 3f2a91c0/4 --reason 'the invoice is right'",
    ),
    "deny": Command(
        "approving:deny", _ACTS, "Say no to an action that waits for people.",
        "podium deny 3f2a91c0/4 --reason 'that is the wrong account'",
    ),
    "approval show": Command(
        "approving:show", _ACTS, "Show all that is known of something that waits for people.",
        "podium approval show 3f2a91c0/4",
    ),
    "approval delegate": Command(
        "approving:delegate", _ACTS, "Let another person decide, too.",
        "podium approval delegate 3f2a91c0/4 --to bob",
    ),
    "approval edit": Command(
        "approving:edit", _ACTS, "Make another action of one that waits; it is decided afresh.",
        "podium approval edit 3f2a91c0/4 --input @action.json",
    ),
    "override": Command(
        "approving:override", _ACTS,
        "Break the glass: let one action through once, whatever policy says of it.",
        "podium override 3f2a91c0/4 --reason 'the customer waits at the desk'",
    ),
    "declassify": Command(
        "approving:declassify", _ACTS, "Take labels from the data of a run.",
        "podium declassify 3f2a91c0 pii --reason 'the names were taken out'",
    ),
    "whoami": Command(
        "approving:whoami", _ACTS, "Show who you are to the hub, and which roles you have.", "podium whoami",
    ),
    "send": Command(
        "acting:send", _ACTS, "Send an event to a run, or to every run that listens.",
        """podium send 3f2a --type order.paid --data '{"amount": 50}'""",
    ),
    "cancel": Command(
        "acting:cancel", _ACTS, "End a run now.", "podium cancel 3f2a --why 'started by mistake'",
    ),
    "suspend": Command(
        "acting:suspend", _ACTS, "Start nothing more in a run, at an agent, or at all.",
        "podium suspend --all --why 'the payments look wrong'",
    ),
    "resume": Command(
        "acting:resume", _ACTS, "Let a run, an agent, or everything go on that was suspended.",
        "podium resume --all",
    ),
    "erase": Command(
        "erasing:erase", _ACTS,
        "Cancel the runs that are about somebody, and make all that is kept of them unreadable for good.",
        "podium erase --subject ada@example.org --reason 'asked for it on 3 May'",
    ),
    "resolve": Command(
        "acting:resolve", _ACTS, "Say what became of an effect in doubt.",
        """podium resolve 3f2a --verdict succeeded --output '{"sent": true}'""",
    ),
    "escalations": Command(
        "recovering:escalations", _ACTS,
        "List all that waits for an operator, with the command that settles each.", "podium escalations",
    ),
    "dlq list": Command(
        "recovering:listed", _ACTS, "List effects that failed for good and were kept.",
        "podium dlq list --agent mailer",
    ),
    "dlq retry": Command(
        "recovering:retry", _ACTS, "Try effects that failed for good again, each in its place.",
        "podium dlq retry --agent mailer --why 'the mail server is back'",
    ),
    "dlq drop": Command(
        "recovering:drop", _ACTS,
        "Give up effects that failed for good: their tasks fault with the error that they had.",
        "podium dlq drop 3f2a --why 'the customer cancelled'",
    ),
    "breaker reset": Command(
        "recovering:reset", _ACTS, "Close the open breaker of an agent, because it works again.",
        "podium breaker reset mailer --why 'the mail server is back'",
    ),
    "schedule pause": Command(
        "scheduling:pause", _ACTS, "Let a schedule begin nothing until it is resumed.",
        "podium schedule pause nightly --why 'the source is being moved'",
    ),
    "schedule resume": Command(
        "scheduling:resume", _ACTS, "Let a schedule that is paused go on.", "podium schedule resume nightly",
    ),
    "schedule trigger": Command(
        "scheduling:trigger", _ACTS, "Begin a run of a schedule now.", "podium schedule trigger nightly",
    ),
    "new": Command(
        "creating:new", _FILES, "Write the first files of a project, an agent, a workflow or a test.",
        "podium new project order-desk",
    ),
    "plan": Command(
        "planning:plan", _FILES, "Show what applying files would change and break, without doing it.",
        "podium plan examples/hello",
    ),
    "apply": Command(
        "declaring:apply", _FILES, "Declare agents, tools, policies and workflows.",
        "podium apply examples/hello",
    ),
    "diff": Command(
        "planning:diff", _FILES, "Show what changed between two revisions of a resource.",
        "podium diff greeter 1.0.0 1.1.0",
    ),
    "delete": Command(
        "revising:delete", _FILES,
        "Delete an agent, tool, policy, schedule, subscription or workflow that nothing uses.",
        "podium delete agent greeter",
    ),
    "policy test": Command(
        "policing:test", _FILES, "Run the tests that policies hold.", "podium policy test policies",
    ),
    "policy explain": Command(
        "policing:explain", _FILES, "Decide an action that is written down, and tell why; nothing is done.",
        "podium policy explain policy.yaml --value tool=mail.send --value args.to=ada",
    ),
    "policy coverage": Command(
        "policing:coverage", _FILES,
        "Tell which parts of policies no test reaches, and which can never match.",
        "podium policy coverage policies",
    ),
    "policy replay": Command(
        "policy_replay:replay", _FILES,
        "Decide what was done again under other policies; nothing is changed.",
        "podium policy replay new.yaml --since 7d",
    ),
    "policy show": Command(
        "policing:show", _FILES,
        "Show a policy in force as the hub decides by it; `development` is the built-in one.",
        "podium policy show development",
    ),
    "validate": Command(
        "declaring:validate", _FILES, "Check agents, tools, policies and workflows without declaring them.",
        "podium validate examples",
    ),
    "schema": Command(
        "declaring:schema", _FILES, "Print the JSON Schema of a kind of manifest.",
        "podium schema workflow > workflow.schema.json",
    ),
    "tool": Command(
        "asking:tool", _AGENTS, "Call a tool, from inside a process agent.",
        "podium tool payments.refund amount=5",
    ),
    "call": Command(
        "asking:call", _AGENTS, "Ask another agent, from inside a process agent.",
        "podium call text.summarise text=@report.txt",
    ),
    "up": Command(
        "serving:up", _HUB, "Serve the state folder, API and console until interrupted.",
        "podium up examples/hello --dev",
    ),
    "worker": Command(
        "working:worker", _HUB, "Host agents for a hub elsewhere until interrupted.",
        "podium worker mypackage.agents --hub https://hub.example.org",
    ),
    "account list": Command("people:accounts", _HUB, "List accounts.", "podium account list"),
    "account add": Command(
        "people:add", _HUB, "Make an account, and a link that signs its owner in once.",
        "podium account add ada --role operator",
    ),
    "account change": Command(
        "people:change", _HUB, "Give an account other roles, or suspend it.",
        "podium account change ada --suspend --why 'she left'",
    ),
    "account link": Command(
        "people:link", _HUB, "Make a link that signs an account's owner in, once, within the hour.",
        "podium account link ada",
    ),
    "token create": Command(
        "people:create", _HUB, "Make an API token; its secret goes to stdout, this once.",
        "podium token create ci --scope run --scope read",
    ),
    "token list": Command(
        "people:tokens", _HUB, "List API tokens, without their secrets.", "podium token list",
    ),
    "token revoke": Command(
        "people:revoke", _HUB, "Let nobody in with an API token any more.", "podium token revoke 1f0c2a9b",
    ),
    "doctor": Command("doctoring:doctor", _HUB, "Check this machine and the state folder.", "podium doctor"),
    "audit verify": Command(
        "auditing:verify", _HUB, "Check the whole log: links, trees, writers, and checkpoints.",
        "podium audit verify --against /mnt/elsewhere/podium",
    ),
    "audit checkpoint": Command(
        "auditing:checkpoint", _HUB, "State how far the log has come, and sign it.",
        "podium audit checkpoint --to /mnt/elsewhere/podium",
    ),
    "audit prove": Command(
        "auditing:prove", _HUB, "Prove that a record is in the log.", "podium audit prove 1:17 > proof.json",
    ),
    "audit export": Command(
        "auditing:export", _HUB, "Write the log out for people who have no Podium.",
        "podium audit export /tmp/audit",
    ),
    "views rebuild": Command(
        "looking:rebuild", _HUB, "Make the tables for queries again from the log.", "podium views rebuild",
    ),
    "version": Command("looking:version", _HUB, "Print the version.", "podium version"),
}  # fmt: skip
"""Every command by its name. Nothing is imported to list them."""

_FAMILIES = {
    "get": App(
        name="get", help="List runs and resources.", group=_LOOKS, sort_key=-1,
        help_epilogue="Example: `podium get runs`",
    ),
    "dlq": App(
        name="dlq", help="See to effects that failed for good.", group=_ACTS,
        help_epilogue="Example: `podium dlq list`",
    ),
    "schedule": App(
        name="schedule", help="See to what begins by itself.", group=_ACTS,
        help_epilogue="Example: `podium schedule trigger nightly`",
    ),
    "breaker": App(
        name="breaker", help="See to agents that are not asked, as they keep failing.", group=_ACTS,
        help_epilogue="Example: `podium breaker reset mailer --why 'the mail server is back'`",
    ),
    "approval": App(
        name="approval", help="Look at one thing that waits for people, or change it.", group=_ACTS,
        help_epilogue="Example: `podium approval show 3f2a91c0/4`",
    ),
    "audit": App(
        name="audit", help="Check the log, and let others check it.", group=_HUB,
        help_epilogue="Example: `podium audit verify`",
    ),
    "account": App(
        name="account", help="See to who may use the hub over the network.", group=_HUB,
        help_epilogue="Example: `podium account add ada --role operator`",
    ),
    "token": App(
        name="token", help="See to API tokens.", group=_HUB,
        help_epilogue="Example: `podium token create ci`",
    ),
    "policy": App(
        name="policy", help="Try policies without acting on them.", group=_FILES,
        help_epilogue="Example: `podium policy test policies`",
    ),
    "views": App(
        name="views", help="Look after the tables for queries.", group=_HUB,
        help_epilogue="Example: `podium views rebuild`",
    ),
}  # fmt: skip

for _number, (_name, _command) in enumerate(COMMANDS.items()):
    _family, _, _last = _name.rpartition(" ")
    (_FAMILIES[_family] if _family else app).command(
        f"podium.cli.{_command.where}", name=_last, help=_command.summary, group_parameters=_OPTIONS,
        help_epilogue=f"Example: `{_command.example}`", group=None if _family else _command.group,
        sort_key=_number,
    )  # fmt: skip
for _family_app in _FAMILIES.values():
    app.command(_family_app)


app.meta.group_parameters = Group("Options of every command", sort_key=100)


@app.meta.default
def _launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    state: Annotated[Path, Parameter(env_var="PODIUM_STATE", show_default=True)] = Path(".podium"),
    output: Annotated[Format | None, Parameter(name=("--output", "-o"))] = None,
    no_input: bool = False,
    debug: bool = False,
    secrets: Annotated[Path | None, Parameter(env_var="PODIUM_SECRETS")] = None,
    hub: Annotated[str, Parameter(env_var="PODIUM_HUB")] = "",
    token: Annotated[str, Parameter(env_var="PODIUM_TOKEN")] = "",
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
    hub
        Address of a hub elsewhere, `https://hub.example.org`, instead of that of the state folder.
    token
        API token for that hub; better given as PODIUM_TOKEN, where nobody else on this machine sees it.
    """
    far.choose(hub, token)
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
        _refuse_unreadable(given)
        _give_streams()
        code = app.meta(given)
        sys.stdout.flush()
        return int(code or Exit.OK)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else Exit.USAGE
    except CycloptsError as error:
        named = " ".join(("podium", *(error.command_chain or ())))
        _tell(str(error), f"see `{named} --help`")
        return Exit.USAGE
    except Stop as stop:
        _tell(str(stop), stop.hint)
        return stop.code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return Exit.OK
    except Exception as error:
        return _unexpected(error, given)
    finally:
        gc.enable()


def _refuse_unreadable(given: list[str]) -> None:
    """Nothing that is not UTF-8 could be kept or sent. Raises Stop."""
    for number, argument in enumerate(given, 1):
        if not _is_text(argument):
            message = f"argument {number} is not UTF-8: {argument[:60]!r}"
            raise Stop(Exit.USAGE, message, "write it in UTF-8; of a file or folder, give it another name")
    try:
        here = os.getcwd()
    except OSError as error:
        message = f"the present folder cannot be used: {error.strerror}"
        raise Stop(Exit.UNREACHABLE, message, "change to a folder that is there") from None
    if not _is_text(here):
        message = f"the name of the present folder is not UTF-8: {here!r}"
        raise Stop(Exit.USAGE, message, "change to another folder, or give it another name")


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _give_streams() -> None:
    """Streams that nobody reads where the caller has closed his, so that saying something is no defect."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Data is UTF-8 whatever the locale; what a terminal cannot show must not end a command.
            stream.reconfigure(encoding="utf-8" if stream is sys.stdout else None, errors="backslashreplace")


def _forget_stdout() -> None:
    """Whoever read our output has had enough; what is buffered must not fail again at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _tell(message: str, hint: str = "") -> None:
    say(f"podium: {message}")
    if hint:
        say(hint)


def _unexpected(error: Exception, given: list[str]) -> int:
    """An error that has an exit code is a sentence; any other is a defect, and goes to the log."""
    code = exit_of(error)
    if isinstance(error, OSError) and error.errno in _NO_OUTPUT and error.filename is None:
        _forget_stdout()
        _tell(f"the output cannot be written: {error.strerror}")
        return Exit.UNREACHABLE
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
