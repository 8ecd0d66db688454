"""What people come to the console for, in as few clicks as it may take: a real hub, the real API."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, StorageState, expect

from tests.console.conftest import sign_in
from tests.console.hub import Hub
from tests.console.walk import DRAFT, seek

pytestmark = pytest.mark.xdist_group("console")


class Clicks:
    """Counts what a person clicks; typing is free."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0

    def on(self, what: Locator) -> None:
        what.click()
        self.count += 1


def test_an_escalation_is_approved_in_two_clicks(page: Page, hub: Hub) -> None:
    run = hub.settle("C-2001", 9100, "hansa", "storm")
    hub.until(lambda: any(one["run_id"] == run for one in hub.client.approvals("")))
    page.goto("/")
    clicks = Clicks(page)
    clicks.on(page.get_by_role("region", name="Needs somebody").get_by_text("claim C-2001"))
    article = page.get_by_role("article")
    expect(article).to_contain_text('"amount": 9100')
    expect(article).to_contain_text("house/large-payment")
    expect(article).to_contain_text("it is done once, exactly as shown")
    clicks.on(article.get_by_role("button", name="Approve", exact=True))
    assert clicks.count == 2
    assert hub.client.wait(run, timeout_ms=10_000).status == "completed"
    words = [one for one in hub.client.events(run) if one["type"] == "ApprovalDecided"]
    assert [one["verdict"] for one in words] == ["approve"]
    assert words[0]["principal"].startswith("user:")


def test_why_a_customer_got_a_wrong_outcome_last_tuesday_takes_three_clicks(page: Page) -> None:
    page.goto("/")
    seek(page, "customer acme last tuesday")
    clicks = Clicks(page)
    clicks.on(page.get_by_role("option", name=re.compile("Runs of customer=acme")))
    rows = page.get_by_role("table", name="Runs").locator("tbody tr")
    expect(rows).to_have_count(2)
    clicks.on(rows.filter(has_text="C-0994").get_by_role("link"))
    expect(page.get_by_text("Here it went another way")).to_be_visible()
    clicks.on(page.locator("[data-key=w]"))
    expect(page.locator("aside")).to_contain_text("refused, as it is the third in a month")
    expect(page.locator("aside")).to_contain_text("letters@1.2.0")
    assert clicks.count == 3
    # Whoever asks on is told what decided it.
    page.get_by_role("tab", name="Data").click()
    expect(page.get_by_text(".[1].score > 80")).to_be_visible()


def test_a_link_to_a_day_says_the_same_later(page: Page) -> None:
    page.goto("/")
    seek(page, "last tuesday")
    page.get_by_role("option", name=re.compile("Runs that match")).click()
    expect(page).to_have_url(re.compile(r"since=\d{13}&until=\d{13}"))
    expect(page.get_by_role("table", name="Runs").locator("tbody tr")).to_have_count(5)


def test_what_nears_a_ceiling_takes_one_click(page: Page) -> None:
    page.goto("/runs")
    clicks = Clicks(page)
    clicks.on(page.locator("header a.meter"))
    first = page.get_by_role("table", name="Budgets").locator("tbody tr").first
    expect(first).to_contain_text("agent-in-a-day")
    expect(first).to_contain_text("cashier")
    expect(first).to_contain_text(re.compile("over 80 %|over 95 %|used up"))
    assert clicks.count == 1


def test_everything_is_paused_in_two_clicks_and_goes_on(page: Page, hub: Hub) -> None:
    page.goto("/")
    clicks = Clicks(page)
    clicks.on(page.get_by_role("button", name="Pause all…"))
    dialog = page.get_by_role("dialog", name="Pause everything")
    dialog.get_by_label("Reason").fill("the bank called")
    expect(dialog).to_contain_text("podium suspend --all --why 'the bank called'")
    clicks.on(dialog.get_by_role("button", name="Pause everything"))
    assert clicks.count == 2
    banner = page.get_by_role("status").filter(has_text="Everything is paused")
    expect(banner).to_contain_text("the bank called")
    # It holds for what begins meanwhile, too, and says so on every page.
    run = hub.submit("claims/scan", {"pages": 3}, customer="ulme")
    page.goto("/runs")
    expect(banner).to_be_visible()
    assert not [one for one in hub.client.events(run) if one["type"] == "AttemptStarted"]
    banner.get_by_role("button", name="Resume…").click()
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(banner).to_have_count(0)
    assert hub.client.wait(run, timeout_ms=10_000).status == "completed"


def test_what_is_under_way_is_stopped_only_by_whoever_types_what_it_is(page: Page, hub: Hub) -> None:
    page.goto("/agents/letters")
    page.get_by_role("button", name="Pause…").click()
    dialog = page.get_by_role("dialog", name="Pause letters")
    dialog.get_by_label("Stop what is under way").check()
    dialog.get_by_label("Type").fill("lettres")
    dialog.get_by_role("button", name="Pause it").click()
    expect(dialog.get_by_role("alert")).to_contain_text("type “letters”")
    dialog.get_by_label("Type").fill("letters")
    dialog.get_by_role("button", name="Pause it").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("status").filter(has_text="letters is paused")).to_be_visible()
    page.locator(".head").get_by_role("button", name="Resume…").click()
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(page.get_by_role("status").filter(has_text="is paused")).to_have_count(0)


def test_a_form_is_filled_in_and_the_hub_says_what_is_wrong(page: Page, hub: Hub) -> None:
    run = hub.submit("claims/visit", {"customer": "forms"}, customer="forms")
    hub.until(lambda: any(one["run_id"] == run for one in hub.client.approvals("")))
    page.goto(f"/approvals/{run}/1")
    article = page.get_by_role("article")
    article.get_by_label("Amount").fill("99999")
    article.get_by_role("button", name="pay").click()
    expect(article.get_by_label("Cause")).to_have_attribute("aria-invalid", "true")
    expect(article).to_contain_text("this is needed")
    expect(article).to_contain_text("99999 is greater than the maximum of 50000")
    article.get_by_label("Cause").select_option("storm")
    article.get_by_label("Amount").fill("900")
    article.get_by_label("It is covered").check()
    article.get_by_label("Seen on").fill("2026-11-02")
    article.get_by_label("Name", exact=True).fill("Eva")
    expect(article).to_contain_text("--data '{")
    article.get_by_role("button", name="pay").click()
    expect(article.get_by_role("heading", name="What did you see at forms?")).to_have_count(0)
    wanted = {
        "cause": "storm", "amount": 900, "covered": True, "seen": "2026-11-02", "contact": {"name": "Eva"},
    }  # fmt: skip
    assert hub.client.wait(run, timeout_ms=10_000).output == {"decision": "pay", "report": wanted}


def test_somebody_else_is_let_in_and_the_glass_is_broken(
    hub: Hub, browser: Browser, context: BrowserContext, page: Page
) -> None:
    run = hub.settle("C-2005", 6600, "hansa", "storm")
    waits = hub.until(lambda: [one for one in hub.client.approvals("") if one["run_id"] == run])[0]
    page.goto(f"/approvals/{waits['id']}")
    said = page.get_by_role("table", name="What was said of it")
    expect(said).to_contain_text("asked people, tier 1")
    expect(page.get_by_role("button", name="Override…")).to_have_count(0)
    page.get_by_role("button", name="Let somebody else decide…").click()
    page.get_by_label("Whom").fill("gina")
    page.get_by_role("dialog").get_by_role("button", name="Let them decide").click()
    expect(said).to_contain_text("let gina decide, too")
    page.goto("/")
    hub.client.add_account("gina", ("approver", "approver:break-glass"))
    link = f"{hub.url}/sign-in?link={hub.client.account_link('gina')['link']}"
    other = browser.new_context(base_url=hub.url, storage_state=sign_in(browser, hub, link))
    try:
        glass = other.new_page()
        glass.goto(f"/approvals/{waits['id']}")
        glass.get_by_role("button", name="Override…").click()
        glass.get_by_role("dialog").get_by_label("Reason").fill("the roof is open")
        glass.get_by_role("dialog").get_by_role("button", name="Override").click()
        assert hub.client.wait(run, timeout_ms=10_000).status == "completed"
        expect(glass.get_by_role("table", name="What was said of it")).to_contain_text("overrode it")
    finally:
        other.close()
    page.goto("/approvals?view=past")
    row = page.get_by_role("table", name="Decided").locator("tbody tr").filter(has_text="the roof is open")
    expect(row).to_contain_text("gina")
    expect(row).to_contain_text("overrode")


def test_an_agent_is_rolled_back_and_the_audit_shows_what_that_changed(page: Page, hub: Hub) -> None:
    page.goto("/agents")
    clicks = Clicks(page)
    clicks.on(page.get_by_role("link", name="assessor"))
    versions = page.get_by_role("table", name="Versions").locator("tbody tr")
    expect(versions.filter(has_text="2.0.0")).to_contain_text("5")
    clicks.on(versions.filter(has_text="2.0.0").get_by_role("button", name="Compare"))
    expect(page.get_by_role("table", name="Differences")).to_contain_text("/cost_nano")
    expect(page.get_by_text("nothing breaks")).to_be_visible()
    clicks.on(page.get_by_role("button", name="Roll back to 2.0.0…"))
    page.get_by_label("Reason").fill("2.1.0 overpays")
    clicks.on(page.get_by_role("dialog").get_by_role("button", name="Roll back"))
    assert clicks.count == 4
    expect(page.locator(".head h1")).to_contain_text("2.0.0")
    assert hub.client.describe("agent", "assessor")["version"] == "2.0.0"
    page.goto("/audit?about=resources")
    page.get_by_role("row").filter(has_text="2.1.0 overpays").get_by_role("button").click()
    expect(page.locator("pre.difference .went")).to_contain_text(['"version": "2.1.0"'])
    expect(page.locator("pre.difference .came")).to_contain_text(['"version": "2.0.0"'])
    expect(page).to_have_url(re.compile("about=resources.*act="))
    page.goto("/agents/assessor?with=2.1.0")
    page.get_by_role("button", name="Roll back to 2.1.0…").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(page.locator(".head h1")).to_contain_text("2.1.0")


def test_a_draft_is_tried_on_what_was_done(page: Page) -> None:
    page.goto("/policies/house")
    page.get_by_role("textbox", name="The policy").fill("kind: Policy\nmetadata: {name: house}")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("alert")).to_contain_text("apiVersion")
    page.get_by_role("textbox", name="The policy").fill(DRAFT)
    page.get_by_role("button", name="Try it").click()
    found = page.get_by_role("table", name="What would have been said otherwise")
    expect(found.locator("tbody tr").filter(has_text="house/over-20000")).to_contain_text("deny")
    found.locator("tbody tr").filter(has_text="house/over-20000").first.get_by_role("link").click()
    expect(page).to_have_url(re.compile("tab=data&effect="))


def test_a_worker_elsewhere_is_drained(page: Page, hub: Hub) -> None:
    page.goto("/fleet")
    row = page.get_by_role("table", name="Workers").locator("tbody tr").filter(has_text="depot")
    expect(row).to_contain_text("live")
    expect(row).to_contain_text("translator@1.1.0")
    row.get_by_role("button", name="Drain…").click()
    page.get_by_label("Reason").fill("patches")
    page.get_by_role("dialog").get_by_role("button", name="Drain").click()
    expect(row).to_contain_text("draining")
    assert hub.standing()["depot"] == "draining"


def test_a_ceiling_is_raised_where_it_stands(page: Page) -> None:
    page.goto("/budgets")
    page.get_by_role("button", name="Raise agent-in-a-day").first.click()
    dialog = page.get_by_role("dialog", name="Raise agent-in-a-day")
    dialog.get_by_label("New ceiling").fill("5")
    expect(dialog).to_contain_text('limit: {usd: "5.00"}')
    expect(dialog).to_contain_text("podium plan house.yaml")
    expect(dialog).to_contain_text("policy-admin")


def test_what_happens_is_seen_as_it_happens(page: Page, hub: Hub) -> None:
    page.goto("/runs")
    rows = page.get_by_role("table", name="Runs").locator("tbody tr")
    expect(rows.first).to_be_visible()
    run = hub.submit("claims/complaint", {"customer": "live", "text": "Too slow."}, customer="live")
    row = rows.filter(has_text=run[:8])
    expect(row).to_contain_text("waiting")
    hub.client.answer(run, decision="apologise")
    expect(row).to_contain_text("completed")
    expect(page.locator("header")).to_contain_text("live")


def test_what_attempts_say_is_seen_while_they_say_it_and_after(page: Page, hub: Hub) -> None:
    page.goto("/fleet")
    expect(page.locator("header")).to_contain_text("live")
    run = hub.submit("claims/keep", {"claim": "C-2006"}, customer="ulme")
    row = page.get_by_role("table", name="Attempts under way").locator("tbody tr").filter(has_text=run[:8])
    expect(row).to_contain_text("looking for a shelf")
    row.get_by_role("link").click()
    expect(page.get_by_role("log", name="What archivist@1.0.0 says")).to_contain_text("the attic is full")
    done = hub.settle("C-2007", 1, "ulme", "sudden")
    hub.client.wait(done, timeout_ms=10_000)
    page.goto(f"/runs/{done}?tab=data&effect=3")
    expect(page.get_by_role("region", name="Log")).to_contain_text("claims like C-2007 of late: 3")


def test_two_tabs_share_one_stream(context: BrowserContext, page: Page, hub: Hub) -> None:
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page.goto("/runs")
    expect(page.locator("header")).to_contain_text("live")
    other = context.new_page()
    other.goto("/runs")
    run = hub.submit("claims/complaint", {"customer": "tabs", "text": "Both."}, customer="tabs")
    for one in (page, other):
        expect(one.get_by_role("table", name="Runs")).to_contain_text(run[:8])
    assert len([url for url in asked if url.endswith("/v1/events")]) <= 1
    other.close()


def test_the_whole_way_is_walked_by_keyboard(page: Page, hub: Hub) -> None:
    run = hub.settle("C-2003", 7300, "birke", "storm")
    hub.until(lambda: any(one["run_id"] == run for one in hub.client.approvals("")))
    page.goto("/")
    expect(page.get_by_text("claim C-2003")).to_be_visible()
    press = page.keyboard.press
    press("g"), press("r")
    expect(page).to_have_url(re.compile("/runs$"))
    expect(page.get_by_role("table", name="Runs")).to_be_visible()
    press("j"), press("j"), press("k")
    press("Enter")
    expect(page).to_have_url(re.compile("/runs/[0-9a-f-]{36}"))
    press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    press("g"), press("a")
    wanted = page.locator(".needs li").filter(has_text="C-2003")
    expect(wanted).to_be_visible()
    _walk_to(page, wanted)
    expect(page.get_by_role("article")).to_contain_text('"C-2003"')
    press("d")
    hub.client.wait(run, timeout_ms=10_000)
    assert hub.status(run) == "faulted"


def test_what_is_newer_is_walked_by_keyboard_too(page: Page, hub: Hub) -> None:
    press = page.keyboard.press
    page.goto("/")
    expect(page.locator("header")).to_contain_text("live")
    press("g"), press("e")
    row = page.get_by_role("row").filter(has_text="assessor")
    expect(row).to_be_visible()
    _walk_to(page, row)
    press("Enter")
    expect(page.get_by_role("table", name="Versions")).to_be_visible()
    _tab_to(page, "Compare")
    press("Enter")
    _tab_to(page, "Roll back to 2.0.0…")
    press("Enter")
    expect(page.get_by_role("dialog", name="Roll assessor back to 2.0.0")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    press("g"), press("u")
    expect(page.get_by_role("table", name="What was done")).to_be_visible()
    press("j"), press("Enter")
    expect(page.get_by_role("complementary", name="In full")).to_be_visible()
    press("g"), press("p")
    expect(page.get_by_role("textbox", name="The policy")).to_be_visible()
    _tab_to(page, "The policy")
    page.keyboard.insert_text(DRAFT)
    _tab_to(page, "Try it")
    press("Enter")
    expect(page.get_by_role("table", name="What would have been said otherwise")).to_be_visible()
    run = hub.submit("claims/visit", {"customer": "keys"}, customer="keys")
    hub.until(lambda: any(one["run_id"] == run for one in hub.client.approvals("")))
    press("g"), press("a")
    wanted = page.locator(".needs li").filter(has_text="at keys?")
    expect(wanted).to_be_visible()
    _walk_to(page, wanted)
    _tab_to(page, "Cause")
    page.keyboard.type("water")
    press("Tab")
    page.keyboard.type("300")
    press("Tab"), press("Space")
    _tab_to(page, "Name")
    page.keyboard.type("Eva")
    _tab_to(page, "pay")
    press("Enter")
    given = hub.client.wait(run, timeout_ms=10_000).output
    report = {"cause": "water", "amount": 300, "covered": True, "contact": {"name": "Eva"}}
    assert given == {"decision": "pay", "report": report}


_FOCUS = """() => {
    const one = document.activeElement;
    return `${one.getAttribute("aria-label") ?? one.labels?.[0]?.innerText ?? one.innerText ?? ""}`.trim();
}"""


def _tab_to(page: Page, name: str) -> None:
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(_FOCUS).startswith(name):
            return
    pytest.fail(f"{name} is not reached by Tab")


def _walk_to(page: Page, row: Locator) -> None:
    for _ in range(40):
        page.keyboard.press("j")
        if row.get_attribute("aria-selected") == "true":
            return
    pytest.fail("the row is not reached by j")


def test_every_control_is_reached_by_tab(page: Page) -> None:
    page.goto("/approvals")
    expect(page.get_by_role("article")).to_be_visible()
    seen: set[str] = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate(
                "document.activeElement.innerText || document.activeElement.ariaLabel || ''"
            ).strip()
        )
    assert {"Skip to what is shown", "Runs", "Pause all…"} <= seen
    assert any("Approve" in one or "apologise" in one for one in seen)


def test_a_link_from_chat_decides_nothing_by_itself_and_takes_no_script(
    hub: Hub, browser: object, signed_in: object, page: Page
) -> None:
    run = hub.settle("C-2004", 6100, "ulme", "storm")
    found = hub.until(lambda: [one for one in hub.client.approvals("") if one["run_id"] == run])[0]
    plain = browser.new_context(base_url=hub.url, storage_state=signed_in, java_script_enabled=False)  # type: ignore[attr-defined]
    try:
        phone = plain.new_page()
        phone.goto(f"/decide/{found['id']}")
        expect(phone.locator("pre")).to_contain_text("6100")
        assert any(one["run_id"] == run for one in hub.client.approvals(""))
        phone.get_by_label("Reason").fill("seen the pictures")
        phone.get_by_role("button", name="Approve").click()
        expect(phone.get_by_role("heading")).to_have_text("It is decided")
    finally:
        plain.close()
    assert hub.client.wait(run, timeout_ms=10_000).status == "completed"


def test_a_form_is_filled_in_without_script(
    hub: Hub, browser: Browser, signed_in: StorageState, page: Page
) -> None:
    run = hub.submit("claims/visit", {"customer": "phone"}, customer="phone")
    hub.until(lambda: any(one["run_id"] == run for one in hub.client.approvals("")))
    plain = browser.new_context(base_url=hub.url, storage_state=signed_in, java_script_enabled=False)
    try:
        phone = plain.new_page()
        phone.goto(f"/decide/{run}/1")
        phone.get_by_role("button", name="Pay").click()
        expect(phone.get_by_role("alert")).to_contain_text('"cause" is a required property')
        phone.get_by_role("link", name="Look again").click()
        phone.get_by_label("Cause").select_option("fire")
        phone.get_by_label("Amount").fill("120")
        phone.get_by_role("button", name="Pay").click()
        expect(phone.get_by_role("heading")).to_have_text("It is decided")
    finally:
        plain.close()
    report = {"cause": "fire", "amount": 120, "covered": False}
    assert hub.client.wait(run, timeout_ms=10_000).output == {"decision": "pay", "report": report}


def test_a_form_from_elsewhere_decides_nothing(hub: Hub, context: BrowserContext) -> None:
    found = next(one for one in hub.client.approvals("") if one["kind"] == "approval")
    form = {"decision": "approve", "action": found["action"], "kind": "approval", "csrf": "guessed"}
    answer = context.request.post(f"{hub.url}/decide/{found['id']}", form=form)
    assert answer.status == 403
    assert any(one["id"] == found["id"] for one in hub.client.approvals(""))
