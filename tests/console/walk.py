"""The places of the console, one by one, for whoever looks at all of them: tests and pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from playwright.sync_api import Page, expect

from tests.console.hub import Hub


class Place(NamedTuple):
    """A view: where it is, what shows that it is there, and what is done before it is looked at."""

    name: str
    path: str
    shows: str
    then: Callable[[Page], Any] | None = None

    def show(self, page: Page) -> None:
        visit(page, self.path)
        expect(page.locator(self.shows).first).to_be_visible()
        if self.then is not None:
            self.then(page)
        settled(page)


def visit(page: Page, path: str) -> None:
    """Go somewhere in the console: within it, where it is open already, as a click on a link would."""
    if not page.locator("main#main").count():
        page.goto(path)
        return
    if page.locator("dialog").count():
        page.keyboard.press("Escape")
    page.evaluate(_GO, path)
    page.wait_for_selector(f'main[data-path="{path.partition("?")[0]}"]')


_GO = "(path) => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')); }"


def settled(page: Page) -> None:
    """Wait until nothing is asked for any more, and what came is drawn."""
    page.wait_for_function("document.fonts.status === 'loaded'")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def places(hub: Hub) -> list[Place]:
    """All of them."""
    runs = hub.client.get("runs", limit=200)
    odd = next(one["id"] for one in runs if one["labels"].get("claim") == "C-1018")
    visit_run = next(
        one["id"]
        for one in runs
        if one["workflow"].startswith("claims/visit") and one["labels"]["customer"] == "hansa"
    )
    usual = next(one["id"] for one in runs if one["labels"].get("claim") == "C-1000")
    return [
        Place("now", "/", ".graph a.node"),
        Place("approvals", "/approvals", "article pre"),
        Place("approvals-form", f"/approvals/{visit_run}/1", ".form fieldset"),
        Place("approvals-past", "/approvals?view=past", ".tabs [aria-current]"),
        Place("runs", "/runs", "table tbody tr"),
        Place("run-story", f"/runs/{odd}", ".story li", lambda page: page.locator("[data-key=w]").click()),
        Place("run-timeline", f"/runs/{usual}?tab=timeline", ".lanes canvas"),
        Place("run-graph", f"/runs/{odd}?tab=graph", ".graph g.node"),
        Place("run-events", f"/runs/{odd}?tab=events", ".log summary", _unfold),
        Place("run-data", f"/runs/{odd}?tab=data&effect=3", "section pre"),
        Place("run-cost", f"/runs/{odd}?tab=cost", ".bars"),
        Place("run-compare", f"/runs/{odd}?tab=compare", "th[scope=row]"),
        Place("budgets", "/budgets", ".bars"),
        Place("raise", "/budgets", ".bars", _raise),
        Place("audit", "/audit", "table tbody tr", _check),
        Place("audit-change", "/audit?about=resources", "table tbody tr", _change),
        Place("audit-hub", "/audit?by=hub", "table tbody tr"),
        Place("agents", "/agents", "table tbody tr"),
        Place("agent", "/agents/cashier", "pre"),
        Place("agent-versions", "/agents/assessor?with=2.0.0", "table[aria-label=Differences]"),
        Place("policies", "/policies/house", "table[aria-label=Rules] tbody tr"),
        Place("policies-try", "/policies/house", "textarea", _try),
        Place("fleet", "/fleet", "table[aria-label=Workers] tbody tr"),
        Place("schedules", "/schedules", "table tbody tr"),
        Place("search", "/runs", "table tbody tr", _seek),
        Place("pause", "/", ".graph a.node", _pause),
    ]


def _unfold(page: Page) -> None:
    page.locator(".log summary").nth(2).click()


def _check(page: Page) -> None:
    page.get_by_role("button", name="Check the whole log").click()
    expect(page.get_by_text("sound")).to_be_visible()


def seek(page: Page, words: str) -> None:
    """Type words into the search."""
    expect(page.get_by_role("button", name="Search runs")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Search")).to_be_focused()
    page.keyboard.type(words)


def _raise(page: Page) -> None:
    page.get_by_role("button", name="Raise agent-in-a-day").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("podium apply house.yaml")


def _change(page: Page) -> None:
    page.get_by_role("row").filter(has_text="agent/assessor@2.1.0").get_by_role("button").last.click()
    expect(page.locator("pre.difference")).to_be_visible()


DRAFT = """\
apiVersion: podium.dev/v1
kind: Policy
metadata: {name: house}
spec:
  version: 3.0.0
  tiers: {1: {approvers: {roles: [lead]}}}
  rules:
    - {id: anything, effect: allow}
    - {id: over-950, effect: approve, tier: 1, match: {tools: [bank.transfer]}, when: args.amount > 950}
    - {id: over-20000, effect: deny, match: {tools: [bank.transfer]}, when: args.amount > 20000}
"""


def _try(page: Page) -> None:
    page.get_by_role("textbox", name="The policy").fill(DRAFT)
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("table", name="What would have been said otherwise")).to_be_visible()
    page.get_by_role("region", name="Try a draft").scroll_into_view_if_needed()


def _seek(page: Page) -> None:
    seek(page, "customer acme last tuesday")
    expect(page.get_by_role("dialog").get_by_role("option").first).to_contain_text("acme")


def _pause(page: Page) -> None:
    page.get_by_role("button", name="Pause all…").click()
    expect(page.get_by_role("dialog")).to_contain_text("attempts under way")
