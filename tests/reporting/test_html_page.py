from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fakes.reports import (
    CART_CODE,
    HOSTILE_CODE,
    HOSTILE_TEXT,
    VIEW,
    a_member,
    a_suggestion,
    failed_report,
    hostile_report,
    sample_report,
)
from testsmith.model import Funnel, Report, Statistics
from testsmith.reporting.escaping import one_line, parse, shown_code, text_of
from testsmith.reporting.html_page import render_html, source_link
from testsmith.reporting.rendering import source

VOID = {"meta", "rect"}


class Page(HTMLParser):
    """What a browser would make of the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.unclosed: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.comments: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.unclosed.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.unclosed.pop() == tag

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        for tag in set(self.unclosed):
            self.texts[tag][-1] += data


def attributes(page: Page) -> set[tuple[str, str]]:
    return {(tag, name) for tag, attrs in page.elements for name in attrs}


@pytest.mark.parametrize("report", [sample_report(), hostile_report(), failed_report(), Report(members=())])
def test_render_html__closes_what_it_opens(report: Report) -> None:
    page = Page(render_html(report, VIEW))

    assert page.unclosed == []


@pytest.mark.parametrize("report", [sample_report(), hostile_report()])
def test_render_html__runs_and_loads_nothing(report: Report) -> None:
    page = Page(render_html(report, replace(VIEW, project=HOSTILE_TEXT)))

    tags = [tag for tag, _ in page.elements]
    assert page.texts["script"] == [source("page.js")]
    assert ("script", {}) in page.elements
    assert set(tags).isdisjoint({"img", "link", "iframe", "object", "form", "base", "b", "i"})
    assert {name for _, name in attributes(page)}.isdisjoint({"src", "style", "onerror", "onclick", "action"})
    links = [attrs["href"] for tag, attrs in page.elements if tag == "a"]
    assert links
    assert all(re.fullmatch(r"#suggestion-\d+", link or "") for link in links)
    assert page.comments == []


@pytest.mark.parametrize("report", [sample_report(), hostile_report()])
def test_render_html__links_lead_to_suggestions(report: Report) -> None:
    page = Page(render_html(report, VIEW))

    ids = {f"#{attrs['id']}" for _, attrs in page.elements if "id" in attrs}
    assert {attrs["href"] for tag, attrs in page.elements if tag == "a"} <= ids
    assert len(ids) == len(report.suggestions)


def test_render_html__links_to_lines_on_github_at_the_head() -> None:
    view = replace(VIEW, root=Path("/srv/my shop"), web_address="https://github.com/octo/shop")
    report = replace(sample_report(), head="a" * 40)
    member = report.members[0]

    links = [attrs["href"] or "" for tag, attrs in Page(render_html(report, view)).elements if tag == "a"]

    address = f"https://github.com/octo/shop/blob/{'a' * 40}/{member.path}#L{member.line}-L{member.end_line}"
    assert address in links
    assert all(link.startswith(("#suggestion-", "https://github.com/octo/shop/blob/")) for link in links)


@pytest.mark.parametrize("address", ["", "https://github.com/octo/shop"])
def test_render_html__links_to_local_files_of_the_working_tree(address: str) -> None:
    view = replace(VIEW, root=Path("/srv/my shop"), web_address=address)
    report = replace(sample_report(), head=None)

    html = render_html(report, view)

    assert f'href="file:///srv/my%20shop/{report.members[0].path}"' in html
    assert "github.com" not in html


def test_source_link__leads_nowhere_else_whatever_a_file_is_called() -> None:
    view = replace(VIEW, root=Path("/srv"), web_address="https://github.com/octo/shop")
    hostile = a_member("add", path='a"b/?x#y\u202e .py')

    link = source_link(hostile, Report(members=(hostile,), head="abc"), view)

    assert link == "https://github.com/octo/shop/blob/abc/a%22b/%3Fx%23y%E2%80%AE%20.py#L12-L20"
    assert source_link(hostile, Report(members=(hostile,)), view).startswith("file:///srv/a%22b/")


def test_render_html__has_a_copy_button_for_each_test_and_command() -> None:
    page = Page(render_html(sample_report(), VIEW))

    buttons = [attrs for tag, attrs in page.elements if tag == "button"]
    assert len(buttons) == 2 * len(sample_report().suggestions)
    assert all("hidden" in attrs for attrs in buttons)  # until the script shows them


def test_render_html__allows_its_own_style_sheet_and_nothing_else() -> None:
    page = Page(render_html(sample_report(), VIEW))

    (policy,) = (
        attrs["content"]
        for tag, attrs in page.elements
        if attrs.get("http-equiv") == "Content-Security-Policy" and tag == "meta"
    )
    digest = b64encode(sha256(page.texts["style"][0].encode()).digest()).decode()
    script = b64encode(sha256(page.texts["script"][0].encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; script-src 'sha256-{script}'; base-uri 'none'; "
        "form-action 'none'"
    )
    assert "url(" not in page.texts["style"][0]
    assert "@import" not in page.texts["style"][0]


def test_render_html__shows_hostile_text_as_text() -> None:
    page = Page(render_html(hostile_report(), VIEW))

    assert page.texts["pre"] == [shown_code(HOSTILE_CODE)] * 2
    assert text_of(parse(HOSTILE_TEXT)) in page.texts["p"][1]
    assert page.texts["h3"] == ["evil`<b>|x"] * 2


def test_render_html__puts_the_project_in_the_title() -> None:
    page = Page(render_html(sample_report(), replace(VIEW, project=HOSTILE_TEXT)))

    assert page.texts["title"] == [f"TestSmith · {one_line(HOSTILE_TEXT)}"]


def test_render_html__shows_code_to_the_letter_and_highlighted() -> None:
    html = render_html(sample_report(), VIEW)

    assert CART_CODE.rstrip() in Page(html).texts["pre"]
    assert '<span class="k">def</span> <span class="f">test_adding_an_item_twice_adds_up</span>' in html


def test_render_html__sets_questions_apart_and_folds_their_tests() -> None:
    page = Page(render_html(sample_report(), VIEW))

    assert [text for text in page.texts["h2"] if text in {"Questions", "Suggestions"}] == [
        "Questions",
        "Suggestions",
    ]
    cards = [attrs["class"] for tag, attrs in page.elements if tag == "article"]
    assert cards == ["card asks", "card asks", "card", "card", "card"]
    assert len(page.texts["details"]) == 3  # two questions, and what was left out


def test_render_html__draws_the_funnel_to_scale() -> None:
    statistics = Statistics(funnel=Funnel(asked=100, answered=50, ran=50, stable=25, gains=1, posted=0))

    page = Page(render_html(Report(members=(), statistics=statistics), VIEW))

    widths = [int(attrs["width"] or "") for tag, attrs in page.elements if tag == "rect"]
    assert widths[0] > 0
    assert [round(width / widths[0], 2) for width in widths] == [1, 0.5, 0.5, 0.25, 0.01, 0]
    (label,) = (attrs["aria-label"] for tag, attrs in page.elements if tag == "svg")
    assert label == "tests: 100 asked, 50 answered, 50 ran, 25 stable, 1 useful, 0 proposed"


def test_render_html__draws_no_funnel_of_nothing() -> None:
    assert "<svg" not in render_html(Report(members=()), VIEW)


def test_render_html__shows_the_failure_first() -> None:
    page = Page(render_html(failed_report(), VIEW))

    assert page.texts["p"][1].startswith("The run ended early: the endpoint refused the key")


def test_render_html__names_everything_that_was_left_out() -> None:
    members = tuple(a_member(f"f{number}") for number in range(50))
    report = sample_report()
    skipped = tuple(replace(report.skipped[-1], member=member.id, path=member.path) for member in members[1:])
    whole = Report(members=members, suggestions=(a_suggestion(members[0]),), skipped=skipped, base="0")

    html = render_html(whole, VIEW)

    assert all(f"<code>f{number}</code>" in html for number in range(50))
