"""Pages for signing in: plain HTML, no script, nothing from elsewhere."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from starlette.responses import Response

from podium.runtime import passwords
from podium.server.gate import Visitor

_PAGE = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{title} · Podium</title>
<meta name="viewport" content="width=device-width, initial-scale=1">{head}
<link rel="stylesheet" href="/sign-in.css"></head>
<body><main><h1>{title}</h1>
{body}
</main></body>
</html>
"""

STYLE = """\
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { background: light-dark(#f7f7f5, #16171a); color: light-dark(#1c1d20, #e8e8e6); margin: 0; }
main { box-sizing: border-box; margin: 12vh auto 0; max-width: 23rem; padding: 0 1rem; }
h1 { font-size: 1.25rem; font-weight: 600; }
label { display: block; margin-top: .75rem; }
input, select, textarea {
  background: light-dark(#fff, #1f2125); border: 1px solid light-dark(#8a8d94, #787c85);
  border-radius: 4px; box-sizing: border-box; color: inherit; font: inherit; padding: .45rem .6rem;
  width: 100%; }
label.check input { width: auto; }
button, a.button { background: light-dark(#1f5fbf, #2f6fd0); border: 0; border-radius: 4px; color: #fff;
  cursor: pointer; display: inline-block; font: inherit; margin-top: 1rem; padding: .5rem 1rem;
  text-decoration: none; }
a { color: light-dark(#1a53a8, #8db8ff); }
p.trouble { border-left: 3px solid light-dark(#b3261e, #ff8a80); padding-left: .6rem; }
:focus-visible { outline: 2px solid light-dark(#1f5fbf, #8db8ff); outline-offset: 2px; }
"""


def shown(title: str, body: str, status: int = 200, head: str = "") -> Response:
    page = _PAGE.format(title=escape(title), body=body, head=head)
    return Response(page, status, {"cache-control": "no-store"}, "text/html")


def trouble(text: str) -> str:
    return f'<p class="trouble" role="alert">{escape(text)}</p>' if text else ""


def _hidden(**fields: str) -> str:
    return "".join(
        f'<input type="hidden" name="{name}" value="{escape(value, quote=True)}">'
        for name, value in fields.items()
    )


def link_form(link: str, goal: str) -> str:
    return (
        f'<p>This link signs you in once.</p><form method="post" action="/sign-in">'
        f"{_hidden(link=link, next=goal)}"
        "<button autofocus>Sign in</button></form>"
    )


def password_form(goal: str, why: str, provider: str) -> str:
    elsewhere = (
        f'<p><a class="button" href="/sign-in/oidc?next={quote(goal, safe="")}">Sign in with '
        f"{escape(provider)}</a></p>"
        if provider
        else ""
    )
    return (
        f'{trouble(why)}{elsewhere}<form method="post" action="/sign-in">{_hidden(next=goal)}'
        '<label>Name <input name="name" autocomplete="username" autofocus required></label>'
        '<label>Password <input name="password" type="password" autocomplete="current-password" required>'
        "</label>"
        "<button>Sign in</button></form>"
        "<p>No password yet? Whoever runs the hub makes you a link: "
        "<code>podium account link NAME</code>.</p>"
    )


def account_form(visitor: Visitor, goal: str, why: str) -> str:
    current = (
        '<label>Present password <input name="current" type="password" autocomplete="current-password" '
        "required></label>"
        if visitor.account.password
        else "<p>Set a password, so that you can sign in again without a link.</p>"
    )
    return (
        f'{trouble(why)}<form method="post" action="/account">{_hidden(csrf=visitor.csrf, next=goal)}'
        f'{current}<label>New password <input name="password" type="password" autocomplete="new-password" '
        f'minlength="{passwords.LENGTH_MIN}" required></label><button>Set password</button></form>'
        f'<p><a href="{escape(goal, quote=True)}">Not now</a></p>'
    )
