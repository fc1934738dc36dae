# SPDX-License-Identifier: Apache-2.0
"""Symbolic links below a root: followed, or as if they were not there. One root serves both, in turns."""

from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour
from harness.site import LINKED_FILES


def route(path: str, *options: str) -> str:
    lines = [f'path = "{path}"', 'handler = "static"', 'root = "{folder}/linked"', *options]
    return "[[route]]\n" + "\n".join(lines) + "\n"


def both(name: str, *options: str) -> str:
    """By default none is followed."""
    return route(f"/within/{name}", 'symlinks = "within"', *options) + route(f"/none/{name}", *options)


LINKED = configuration(
    root=None,
    more=both("", 'index = ["index.html", "page.html"]', 'precompressed = ["br"]')
    + both("tried/", 'try_files = ["link.html", "page.html"]')
    + both("listed/", "index = []", "autoindex = true"),
)


def expect(t, target: str, within: str | None, none: str | None) -> None:
    """Which file is sent. Each is asked for twice: what is remembered of one route is not believed by the other."""
    for path, name in (("/within/", within), ("/none/", none)) * 2:
        reply = t.get(path + target, fields={"Accept-Encoding": "br"})
        check.status(reply, 404 if name is None else 200)
        if name is not None:
            check.same_bytes(reply.body, LINKED_FILES[name], path + target)


@behaviour(config=LINKED)
def what_is_no_link_is_served(t):
    expect(t, "page.html", "page.html", "page.html")
    expect(t, "folder/file.txt", "folder/file.txt", "folder/file.txt")


@behaviour(config=LINKED)
def a_link_is_followed_or_not_there(t):
    expect(t, "link.html", "target.html", None)
    expect(t, "folder_link/file.txt", "folder/file.txt", None)
    expect(t, "circle", None, None)


@behaviour(own_server=True, compare=False)
def a_link_that_is_not_followed_is_said_once(t):
    t.start(LINKED)
    connection = t.connect()
    for target in ("/within/circle", "/none/link.html", "/none/folder_link/file.txt"):
        connection.send(request("GET", target))
        check.status(connection.read_reply(), 404)
    said = t.server.wait_for_line("symbolic link", "err")
    check.equal(len(said), 1, "lines about it")
    assert "link.html" in said[0] and 'symlinks = "within"' in said[0], said


@behaviour(config=LINKED)
def an_index_that_is_a_link_leaves_its_place_to_the_next(t):
    expect(t, "index/", "target.html", "index/page.html")


@behaviour(config=LINKED)
def an_encoded_file_that_is_a_link_is_not_there(t):
    expect(t, "note.txt", "target.html", "note.txt")
    check.field(t.get("/within/note.txt", fields={"Accept-Encoding": "br"}), "Content-Encoding", "br")
    check.field(t.get("/none/note.txt", fields={"Accept-Encoding": "br"}), "Content-Encoding", None)


@behaviour(config=LINKED)
def what_is_tried_and_is_a_link_is_not_there(t):
    expect(t, "tried/missing", "target.html", "page.html")


@behaviour(config=LINKED)
def a_listing_shows_the_links_that_are_followed(t):
    def names(target: str) -> set[str]:
        reply = t.get(target, fields={"Accept": "application/json"})
        return {entry["name"] for entry in reply.json()}

    files = {"page.html", "target.html", "folder", "index", "note.txt"}
    check.equal(names("/within/listed/"), files | {"link.html", "folder_link", "note.txt.br"})
    check.equal(names("/none/listed/"), files)
    check.equal(names("/within/listed/folder_link/"), {"file.txt"})
    check.status(t.get("/none/listed/folder_link/"), 404)
