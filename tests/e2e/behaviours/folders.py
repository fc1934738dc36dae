# SPDX-License-Identifier: Apache-2.0
"""Folders: their entries as a page and as JSON, and what stands in for what is not there."""

import html.parser
import json
import re

from harness import check
from harness.configuration import configuration
from harness.registry import behaviour
from harness.site import FILES

LISTED = configuration(
    more="""
[[route]]
path = "/list/"
handler = "static"
root = "{folder}/site"
index = []
autoindex = true
[[route]]
path = "/indexed/"
handler = "static"
root = "{folder}/site"
autoindex = true
[[route]]
path = "/app/"
handler = "static"
root = "{folder}/site"
try_files = ["{path}.html", "sub/{path}.html", "index.html"]
[[route]]
path = "/none/"
handler = "static"
root = "{folder}/site"
index = []
try_files = ["nothing.html"]
"""
)
JSON = {"Accept": "application/json"}


class Page(html.parser.HTMLParser):
    """What a browser would see: the links, and that all that is opened is closed."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        if tag == "a":
            self.links.append(dict(attributes)["href"])
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes something else"


def entries(t, target: str) -> list[dict]:
    reply = t.get(target, fields=JSON)
    check.field(reply, "Content-Type", "application/json")
    check.field(reply, "Vary", "Accept")
    return json.loads(reply.body)


@behaviour(config=LISTED, compare=False)
def a_folder_shows_what_can_be_asked_for(t):
    found = {entry["name"]: entry for entry in entries(t, "/list/")}
    expected = {name.split("/")[0] for name in FILES if not name.startswith(".")}
    assert expected <= set(found), f"missing: {expected - set(found)}"
    hidden = {".hidden", ".git", "link_out", "link_absolute", "link_folder", "link_proc", "link_dangling", "fifo"}
    assert not hidden & set(found), f"shown: {hidden & set(found)}"
    check.equal(found["sub"]["type"], "folder")
    check.equal(
        found["alphabet.txt"],
        {"name": "alphabet.txt", "type": "file", "size": 26, "modified": "2023-11-14T22:13:20Z"},
    )


@behaviour(config=LISTED, compare=False)
def each_link_of_the_page_leads_to_what_it_names(t):
    reply = t.get("/list/")
    check.field(reply, "Content-Type", "text/html; charset=utf-8")
    page = Page(reply.body.decode())
    followed = 0
    for link in page.links:
        if not link.startswith("./"):
            continue
        name = link[2:]
        if name.startswith("unreadable"):  # but for root
            continue
        check.equal(t.get("/list/" + name).status, 200, link)
        followed += 1
    assert followed > 15, f"only {followed} links"
    assert "./with%20space.txt" in page.links and "./per%25cent.txt" in page.links, page.links
    assert "../" in page.links, "no way up"


@behaviour(config=LISTED, compare=False)
def entries_are_sorted_as_asked_folders_first(t):
    for query, key in (("", "name"), ("?sort=name", "name"), ("?sort=size", "size"), ("?sort=modified", "modified")):
        for descending in (False, True):
            suffix = ("&" if query else "?") + "order=desc" if descending else ""
            found = entries(t, f"/list/{query}{suffix}")
            types = [entry["type"] for entry in found]
            check.equal(types, sorted(types, reverse=True), "folders first")
            values = [entry[key] for entry in found if entry["type"] == "file"]
            check.equal(values, sorted(values, reverse=descending), f"order of {query}{suffix}")
    check.equal(t.get("/list/?sort=nonsense").status, 200)


@behaviour(config=LISTED, compare=False)
def names_are_text_and_nothing_else(t):
    folder = t.bench.folder / "site" / f"names_{t.variant.backend}_{t.variant.workers}"
    folder.mkdir()
    names = ["<script>alert(1)<", "a&amp;b", 'quote"', "it's", "line\nbreak", "?x=1#y", "a:b"]
    for name in names:
        (folder / name).write_text(name)
    try:
        target = f"/list/{folder.name}/"
        reply = t.get(target)
        assert b"<script>" not in reply.body, "a name became markup"
        page = Page(reply.body.decode())
        bodies = [t.get(target + link[2:]).body.decode() for link in page.links if link.startswith("./")]
        check.equal(sorted(bodies), sorted(names), "what the links lead to")
        check.equal(sorted(entry["name"] for entry in entries(t, target)), sorted(names))
    finally:
        for name in names:
            (folder / name).unlink()
        folder.rmdir()


@behaviour(config=LISTED)
def an_index_file_goes_before_the_listing(t):
    check.equal(t.get("/indexed/").body, FILES["index.html"])
    check.equal(t.get("/indexed/sub/").body, FILES["sub/index.html"])
    assert re.search(rb"file\.txt", t.get("/indexed/no_index/").body), "no listing"
    check.equal(t.get("/no_index/").status, 404, "where it is not asked for")


@behaviour(config=LISTED)
def a_listing_stays_in_its_root(t):
    for target in ("/list/../../", "/list/%2e%2e/%2e%2e/", "/list/.git/", "/list/link_folder/", "/list/link_proc/"):
        assert t.get(target).status in (400, 404), target
    check.equal(t.ask("POST", "/list/").status, 405)


@behaviour(config=LISTED)
def what_is_not_there_is_tried_elsewhere(t):
    for target, name in {
        "/app/": "index.html",
        "/app/style.css": "style.css",
        "/app/sub/page": "sub/page.html",
        "/app/page": "sub/page.html",
        "/app/some/route": "index.html",
        "/app/some/route/": "index.html",
        "/app/no_index/": "index.html",
        "/app/sub/": "sub/index.html",
    }.items():
        reply = t.get(target)
        check.equal((reply.status, reply.body), (200, FILES[name]), target)
        assert reply.field("ETag"), "no ETag"


@behaviour(config=LISTED)
def trying_shows_nothing_hidden_and_ends(t):
    check.equal(t.get("/app/.hidden").status, 404)
    check.equal(t.get("/app/../secret.txt").status, 404)
    check.equal(t.get("/none/missing").status, 404)
    check.equal(t.get("/none/").status, 404)
    check.equal(t.ask("HEAD", "/app/some/route").field("Content-Length"), str(len(FILES["index.html"])))


@behaviour(config=LISTED, compare=False)
def json_is_for_who_wants_it_more_than_a_page(t):
    page, data = "text/html; charset=utf-8", "application/json"
    for accept, expected in (
        ("application/json", data),
        ("application/json, text/html;q=0.1", data),
        ("application/*", data),
        ("application/json;q=0, */*", page),
        ("text/html, application/json", page),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", page),
        ("*/*", page),
    ):
        check.field(t.get("/list/", fields={"Accept": accept}), "Content-Type", expected)
