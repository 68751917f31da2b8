"""What people get: a page without script that works by keyboard and shows text as text."""

from __future__ import annotations

import re

import pytest

from browser import CHROMIUM, Browser
from serve.conftest import STATIC
from tokir.run import Hit, Run

MARKUP = '<b id="bold">bold</b> <script>document.title = "run"</script> &amp; <img src=x onerror=alert(1)>'


@pytest.fixture
def marked(monkeypatch):
    """A run whose passages hold markup, in every field."""
    hit = Hit(f"a/{MARKUP}", 1.0, MARKUP, f"{MARKUP} {'long ' * 100}")
    monkeypatch.setattr(Run, "find", lambda self, queries, system, top=10: [(hit,) * 2 for _ in queries])


def test_the_page_shows_what_each_system_finds_and_how_the_query_is_cut(client):
    page = client.get("/", params={"query": "history of anarchism", "top": "2"})
    assert page.status_code == 200 and "default-src 'none'" in page.headers["content-security-policy"]
    assert re.findall(r'class="piece">(.*?)<', page.text)[0].startswith("h")
    assert page.text.count('class="found"') == 8 and page.text.count("<ol>") == 7  # one is not on this machine
    assert "its weights are not on this machine" in page.text and STATIC in page.text
    assert "canine" in client.get("/").text and "Loaded when it is first asked" not in client.get("/").text


def test_pages_fetch_nothing_from_elsewhere_and_hold_no_script(client):
    for path in ("/", "/?query=history", "/docs"):
        page = client.get(path).text
        assert "<script" not in page and "style=" not in page and "javascript:" not in page
        linked = set(re.findall(r'(?:href|src|action)="([^"#?]*)', page))
        assert all(link == "" or link.startswith("/") for link in linked), linked
        assert all(client.get(link).status_code == 200 for link in linked if link)


def test_markup_is_shown_as_text(client, marked):
    page = client.get("/", params={"query": MARKUP}).text
    assert "<b id" not in page and "<script" not in page and "<img" not in page and "&lt;b id" in page


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "The query is empty"),
        (" \t", "The query is empty"),
        ("a" * 4_097, "4,097 characters, and at most 4,096"),
    ],
)
def test_an_empty_or_very_long_query_gets_a_clear_answer(client, query, said):
    page = client.get("/", params={"query": query})
    assert page.status_code == 400 and said in page.text and 'role="alert"' in page.text and "</html>" in page.text


def test_a_number_of_passages_that_is_none_does_no_harm(client):
    for top in ("", "0", "-1", "x", "²", "9" * 5_000):
        page = client.get("/", params={"query": "history", "top": top})
        assert page.status_code == 200 and 'value="' in page.text


FOCUSED = (
    "document.activeElement.tagName === 'INPUT'"  # a browser gives the focus a moment after the page has loaded
)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_a_browser_searches_by_keyboard_alone(address, marked, tmp_path):
    browser = Browser(str(tmp_path))
    try:
        browser.open(f"{address}/")
        browser.wait_for(FOCUSED)
        browser.type("anarchism <i>of</i> old")
        browser.press("Enter")
        browser.loaded()
        text = browser.value("document.body.innerText")
        assert '<b id="bold">bold</b> <script>' in text and "<|>" not in text and "How the query is cut" in text
        assert browser.value("document.querySelectorAll('script, #bold, img').length") == 0
        assert browser.value("document.querySelector('.waiting').checkVisibility()") is False
        assert browser.value("getComputedStyle(document.querySelector('.found')).display") == "grid"  # styled
        focused = []
        for _ in range(6):
            browser.press("Tab")
            focused.append(browser.value("document.activeElement.tagName"))
        assert focused[:2] == ["INPUT", "BUTTON"] and {"A", "SUMMARY"} <= set(focused)
        while browser.value("document.activeElement.tagName") != "SUMMARY":
            browser.press("Tab")
        browser.press("Enter")
        assert browser.value("document.querySelectorAll('details[open]').length") == 1
        for query, said in ((" ", "The query is empty"), ("a" * 9_000, "at most 4,096 are taken")):
            browser.open(f"{address}/")
            browser.wait_for(FOCUSED)
            browser.type(query)
            browser.press("Enter")
            browser.loaded()
            assert said in browser.value("document.querySelector('[role=alert]').innerText")
        browser.open(f"{address}/docs")
        assert "POST /v1/embeddings" in browser.value("document.body.innerText")
        assert (
            all(url.startswith(address) for url in browser.requests)
            and browser.complaints
            == ["Failed to load resource: the server responded with a status of 400 (Bad Request)"] * 2
        )
    finally:
        browser.close()
