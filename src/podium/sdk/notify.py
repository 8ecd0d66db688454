"""Telling people: functions for tools that send a notice by a webhook, to a chat, or by mail.

A tool of `kind: Tool` names one of them, `callable: "podium.sdk.notify:chat"`; a workflow with
`document.metadata.notify` calls it with the notice. Each sends the idempotency key of its call along, the
same with every attempt, so that whoever receives a notice twice can tell.
"""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from typing import Any

import httpx2

from podium.agents.calling import Context
from podium.agents.interface import AttemptFailed

_TIMEOUT_S = 15.0
_RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})

_MARKS = {"critical": "🔴", "warning": "🟠", "info": "🔵"}


def webhook(url: str, notice: dict[str, Any], context: Context, headers: dict[str, str] | None = None) -> Any:
    """Post a notice as it is. Gives the `status` that came back."""
    return _post(url, notice, context, headers or {})


def chat(url: str, notice: dict[str, Any], context: Context) -> Any:
    """Post a notice as chats take it by an incoming webhook: `{text, blocks}`."""
    body = {"text": f"{_MARKS.get(notice.get('severity', ''), '')} {notice['title']}".strip()}
    lines = [f"*{_plain(notice['title'])}*"]
    if notice.get("text"):
        lines.append(_plain(notice["text"]))
    if notice.get("command"):
        lines.append(f"`{_plain(notice['command'])}`")
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(lines)}}]
    if notice.get("link"):
        blocks.append(
            {"type": "section", "text": {"type": "mrkdwn", "text": f"<{notice['link']}|Look at it>"}}
        )
    return _post(url, {**body, "blocks": blocks}, context, {})


def mail(
    host: str, to: list[str], sender: str, notice: dict[str, Any], context: Context, port: int = 587,
    user: str = "", password: str = "", security: str = "starttls",
) -> Any:  # fmt: skip
    """Send a notice by SMTP.

    Args:
        security: `starttls`, `tls` from the first byte, or `none`.
    """
    message = EmailMessage()
    message["Subject"] = f"[podium] {notice['title']}".replace("\n", " ").replace("\r", " ")
    message["From"], message["To"] = sender, ", ".join(to)
    message["Message-ID"] = f"<{context.key.replace('/', '.')}@podium>"
    message["Auto-Submitted"] = "auto-generated"
    parts = [notice["title"], notice.get("text", ""), notice.get("command", ""), notice.get("link", "")]
    message.set_content("\n\n".join(part for part in parts if part) + "\n")
    try:
        with _connection(host, port, security) as server:
            if user:
                server.login(user, password)
            server.send_message(message)
    except smtplib.SMTPResponseException as error:
        again = 400 <= error.smtp_code < 500
        raise AttemptFailed(f"{host} answers {error.smtp_code}", retryable=again) from error
    except (OSError, smtplib.SMTPException) as error:
        raise AttemptFailed(f"{host} cannot be reached", str(error), kind="communication") from error
    return {"sent": len(to)}


def _connection(host: str, port: int, security: str) -> smtplib.SMTP:
    if security == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT_S, context=ssl.create_default_context())
    server = smtplib.SMTP(host, port, timeout=_TIMEOUT_S)
    if security == "starttls":
        server.starttls(context=ssl.create_default_context())
    elif security != "none":
        raise AttemptFailed(f"`security` is {security!r}; it must be starttls, tls or none", retryable=False)
    return server


def _post(url: str, body: Any, context: Context, headers: dict[str, str]) -> Any:
    given = {"idempotency-key": context.key, "traceparent": context.trace, **headers}
    try:
        answer = httpx2.post(
            url, json=body, headers={k: v for k, v in given.items() if v}, timeout=_TIMEOUT_S
        )
    except httpx2.HTTPError as error:
        raise AttemptFailed(
            "the receiver cannot be reached", type(error).__name__, kind="communication"
        ) from error
    if answer.is_error:
        again = answer.status_code in _RETRYABLE
        raise AttemptFailed(
            f"the receiver answers {answer.status_code}", retryable=again, kind="communication"
        )
    return {"status": answer.status_code}


def _plain(text: str) -> str:
    """A text in which a chat finds nothing to format, and nobody to call."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
