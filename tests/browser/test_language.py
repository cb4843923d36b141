"""The language is the browser's until the switch says another; the form, the stage and the link keep up."""

from playwright.sync_api import expect

from tests.browser.conftest import READY


def test_the_switch_changes_every_word_and_no_choice(server, chromium) -> None:
    context = chromium.new_context(locale="zh-CN", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(f"{server.url}/?norm=group")
    page.wait_for_selector(READY)
    page.get_by_role("button", name="训练两者").wait_for()
    page.get_by_role("tab", name="工程视图").wait_for()
    assert page.evaluate("document.documentElement.lang") == "zh"
    expect(page.locator(".st-key-norm input")).to_have_value("组归一化", timeout=20_000)
    page.locator(".st-key-language input").click()
    page.get_by_role("option", name="EN").click()
    page.get_by_role("button", name="Train both").wait_for()
    page.get_by_role("tab", name="Engineer").wait_for()
    expect(page.locator(".st-key-norm input")).to_have_value("GroupNorm", timeout=20_000)
    assert "lang=en" in page.url
    page.locator(".st-key-nets input").click()
    page.get_by_role("option", name="Plain").click()
    page.get_by_role("button", name="Train the plain net").wait_for()
    assert "norm=group" in page.url
    assert "nets=plain" in page.url
    assert "lang=en" in page.url
    context.close()
