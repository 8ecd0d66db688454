"""A page to answer what waits for people, for links from chat and mail: it takes no script.

To open it decides nothing: scanners of messages open every link. What is shown is answered under the digest
of exactly that; of another action by then, nothing is decided.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html import escape
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Path, Request
from starlette.responses import RedirectResponse, Response

from podium.server import answer_form
from podium.server.api.signing import bounce
from podium.server.forms import shown, trouble
from podium.server.gate import Visitor, fits_csrf, from_elsewhere
from podium.server.problems import Trouble
from podium.server.routing import noun
from podium.server.served import Served

_FIELDS_BYTES_MAX = 64 * 1024
Effect = Annotated[int, Path(ge=1, le=2**31)]


def router(served: Served) -> APIRouter:
    routes = noun("deciding", "/decide")

    async def found(run_id: str, effect: int, visitor: Visitor) -> dict[str, Any] | None:
        """What waits there. Raises Trouble where there is no such run."""
        waiting = await served.ask("approvals", {"run_id": run_id}, visitor.caller)
        return next((one for one in waiting if one["effect"] == effect), None)

    @routes.get("/{run_id}/{effect}", include_in_schema=False)
    async def page(run_id: str, effect: Effect, request: Request) -> Response:
        """What is asked, why, and what each answer does."""
        visitor: Visitor | None = request.scope.get("podium.visitor")
        if visitor is None or not visitor.cookie:
            return bounce(request)
        try:
            one = await found(run_id, effect, visitor)
        except Trouble as problem:
            return shown("Nothing is there", trouble(problem.detail), problem.status)
        return shown(*_asked(one, visitor)) if one else shown("Nothing waits here any more", _over(run_id))

    @routes.post("/{run_id}/{effect}", include_in_schema=False)
    async def decide(run_id: str, effect: Effect, request: Request) -> Response:
        """The answer that was chosen."""
        visitor: Visitor | None = request.scope.get("podium.visitor")
        if visitor is None or not visitor.cookie:
            return RedirectResponse("/sign-in", 303)
        fields = _fields(await request.body())
        if from_elsewhere(request.headers) or not fits_csrf(visitor, fields.get("csrf", "")):
            return shown("Not from here", trouble("That came from another site."), 403)
        if "approve" not in visitor.scopes:
            return shown("Not yours", trouble("You may look at this, but not decide it."), 403)
        try:
            await _decide(served, visitor, run_id, effect, fields)
        except Trouble as problem:
            again = f'<p><a href="/decide/{escape(run_id)}/{effect}">Look again</a></p>'
            return shown("Nothing was decided", trouble(problem.detail) + again, problem.status)
        said = escape(fields.get("decision", ""))
        return shown(
            "It is decided", f"<p>You said <b>{said}</b>.</p><p><a href='/approvals'>What else waits</a></p>"
        )

    return routes


async def _decide(served: Served, visitor: Visitor, run_id: str, effect: int, fields: dict[str, str]) -> None:
    decision, why = fields.get("decision", ""), fields.get("why", "")
    if fields.get("kind") == "human":
        answer: dict[str, Any] = {"run_id": run_id, "task": str(effect), "decision": decision, "why": why}
        waiting = await served.ask("approvals", {"run_id": run_id}, visitor.caller)
        form = next((one["form"] for one in waiting if one["effect"] == effect), None)
        if isinstance(form, dict) and decision != "deny":
            answer["data"] = answer_form.filled(form, fields)
        await served.ask("answer", answer, visitor.caller)
        return
    action = fields.get("action", "")
    verdict = {"run_id": run_id, "effect": effect, "verdict": decision, "why": why, "action": action}
    await served.ask("decide", verdict, visitor.caller)


def _asked(one: dict[str, Any], visitor: Visitor) -> tuple[str, str]:
    """Title and body of the page."""
    human = one["kind"] == "human"
    given = one["input"] if isinstance(one["input"], dict) else {}
    title = one["target"] if human else f"Do {one['target']}?"
    parts = [f"<p>{escape(str(given.get('description', '')) if human else one['message'])}</p>"]
    if one["rules"]:
        parts.append(f"<p>Asked by <code>{escape(', '.join(one['rules']))}</code>.</p>")
    if not human:
        exact = json.dumps(one["input"], indent=2, ensure_ascii=False)
        parts.append(f"<p>Exactly this is done, once:</p><pre>{escape(exact)}</pre>")
    silence = one["if_silent"]
    if one["deadline_at"]:
        until = datetime.fromtimestamp(one["deadline_at"] / 1000, UTC)
        silence += f" at {until:%Y-%m-%d %H:%M} UTC"
    told = [("an answer" if human else "yes", one["if_yes"]), ("silence", silence)]
    if "deny" in one["decisions"]:
        told.insert(1, ("deny" if human else "no", one["if_no"]))
    parts += [f"<p><b>{name}</b>: {escape(text)}</p>" for name, text in told]
    may = " or ".join(one["roles"]) or "anybody"
    parts.append(f"<p>May decide: {escape(may)}. <a href='/runs/{one['run_id']}'>The run</a></p>")
    parts.append(_form(one, visitor) if "approve" in visitor.scopes else "<p>You may not decide it.</p>")
    return title, "\n".join(parts)


def _form(one: dict[str, Any], visitor: Visitor) -> str:
    hidden = {"csrf": visitor.csrf, "kind": one["kind"], "action": one["action"]}
    fields = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value, quote=True)}">'
        for name, value in hidden.items()
    )
    buttons = " ".join(
        f'<button name="decision" value="{escape(word, quote=True)}">{escape(word.capitalize())}</button>'
        for word in one["decisions"]
    )
    return (
        f'<form method="post" action="/decide/{one["run_id"]}/{one["effect"]}">{fields}'
        f"{answer_form.fields(one['form']) if isinstance(one['form'], dict) else ''}"
        f'<label>Reason <input name="why" maxlength="10000"></label><p>{buttons}</p></form>'
    )


def _over(run_id: str) -> str:
    see = f'<a href="/runs/{escape(run_id)}">See the run</a>'
    return f"<p>It was decided, it expired, or its run ended. {see}</p>"


def _fields(body: bytes) -> dict[str, str]:
    """The fields of a form."""
    if len(body) > _FIELDS_BYTES_MAX:
        return {}
    given = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=500)
    return {name: values[0] for name, values in given.items()}
