# SPDX-License-Identifier: Apache-2.0
"""The static handler: types, names, index files, redirects, large files."""

from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour
from harness.site import BIG, FILES, MODIFIED_TEXT

TYPES = {
    "index.html": "text/html",
    "UPPER.HTML": "text/html",
    "style.css": "text/css",
    "script.js": "text/javascript",
    "data.json": "application/json",
    "picture.png": "image/png",
    "picture.svg": "image/svg+xml",
    "font.woff2": "font/woff2",
    "notes.txt": "text/plain",
    "module.wasm": "application/wasm",
    "no_suffix": "application/octet-stream",
    "big.bin": "application/octet-stream",
}


@behaviour
def files_have_their_mime_type(t):
    for name, expected in TYPES.items():
        reply = t.ask("HEAD", "/" + name)
        check.status(reply, 200)
        check.equal(
            (reply.field("Content-Type") or "").partition(";")[0], expected, f"type of {name}"
        )


@behaviour
def text_files_say_their_charset(t):
    for name in ("index.html", "style.css", "notes.txt"):
        content_type = t.ask("HEAD", "/" + name).field("Content-Type")
        assert "charset=utf-8" in content_type.lower(), f"{name}: {content_type}"


def typed(table: str):
    types = {"txt": "text/x-ours", "own": "application/x-own"}
    return configuration({"files.types": types, "files.types_table": "{folder}/" + table})


@behaviour(own_server=True)
def without_the_system_s_table_there_are_the_types_that_are_known_anyway(t):
    t.start(configuration({"files.types_table": "none"}))
    for name, expected in (("notes.txt", "text/plain; charset=utf-8"), ("no_suffix", "application/octet-stream")):
        check.field(t.ask("HEAD", "/" + name), "Content-Type", expected)


@behaviour(own_server=True, compare=False)
def types_of_the_configuration_go_before_those_known_and_those_before_the_systems(t):
    variant = t.variant.name.replace("/", "_")
    table = t.bench.folder / f"{variant}.types"
    table.write_text("# a comment\ntext/x-table\ttable css\ntext/empty\n")
    for extension in ("own", "table", "other"):
        (t.bench.folder / "site" / f"{variant}.{extension}").write_text(extension)
    t.start(typed(table.name))
    for name, expected in (
        ("notes.txt", "text/x-ours"),
        ("style.css", "text/css; charset=utf-8"),
        (f"{variant}.own", "application/x-own"),
        (f"{variant}.table", "text/x-table; charset=utf-8"),
        (f"{variant}.other", "application/octet-stream"),
    ):
        check.field(t.ask("HEAD", f"/{name}"), "Content-Type", expected)


@behaviour
def files_come_byte_for_byte(t):
    names = [
        name
        for name in FILES
        if not name.startswith(".") and name.isascii() and not set(name) & set(" %")
    ]
    for name in names:
        reply = t.get("/" + name)
        check.status(reply, 200)
        check.same_bytes(reply.body, FILES[name], name)
        check.field(reply, "Content-Length", str(len(FILES[name])))


@behaviour
def encoded_names_are_found(t):
    for target, name in (
        ("/with%20space.txt", "with space.txt"),
        ("/per%25cent.txt", "per%cent.txt"),
        ("/%C3%BCn%C3%AFcode.txt", "ünïcode.txt"),
        ("/st%79le.css", "style.css"),
    ):
        reply = t.get(target)
        check.status(reply, 200)
        check.equal(reply.body, FILES[name], target)


@behaviour
def ten_mebibytes_come_byte_for_byte(t):
    reply = t.get("/big.bin")
    check.status(reply, 200)
    check.same_bytes(reply.body, BIG)


@behaviour
def a_large_file_does_not_disturb_the_requests_around_it(t):
    connection = t.connect()
    connection.send(
        request("GET", "/notes.txt") + request("GET", "/big.bin") + request("GET", "/style.css")
    )
    check.equal(connection.read_reply().body, FILES["notes.txt"])
    check.same_bytes(connection.read_reply().body, BIG)
    check.equal(connection.read_reply().body, FILES["style.css"])


@behaviour
def head_of_a_file_tells_its_size(t):
    reply = t.ask("HEAD", "/big.bin")
    check.status(reply, 200)
    check.field(reply, "Content-Length", str(len(BIG)))
    check.field(reply, "Last-Modified", MODIFIED_TEXT)


@behaviour
def folders_serve_their_index(t):
    check.equal(t.get("/").body, FILES["index.html"])
    check.equal(t.get("/sub/").body, FILES["sub/index.html"])
    check.equal(t.get("/sub/?query").body, FILES["sub/index.html"])
    check.status(t.get("/no_index/"), 403, 404)


@behaviour
def a_folder_without_slash_redirects(t):
    reply = t.get("/sub")
    check.status(reply, 301, 308)
    location = reply.field("Location")
    assert location == "/sub/" or location.endswith(".test/sub/"), f"Location: {location}"
    query = t.get("/sub?a=b").field("Location")
    assert query.endswith("/sub/?a=b"), f"the query is lost: {query}"


@behaviour
def a_redirect_never_leads_to_another_host(t):
    for target in ("//sub", "/%2Fsub", "//example.org/..", "/\\example.org/%2e%2e/sub", "///sub"):
        connection = t.connect()
        connection.send(request("GET", target))
        location = connection.read_reply().field("Location") or "/sub/"
        assert location.startswith("/") and location[1:2] not in (
            "/",
            "\\",
        ), f"{target} leads to {location}"


@behaviour
def a_file_with_a_slash_behind_it_is_not_found(t):
    check.status(t.get("/style.css/"), 404)
    check.status(t.get("/style.css/more"), 404)


@behaviour
def names_are_case_sensitive(t):
    check.status(t.get("/STYLE.CSS"), 404)
