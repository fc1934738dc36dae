# SPDX-License-Identifier: Apache-2.0
"""The static handler lets nothing out of its root: traversal, encodings, symlinks, dotfiles."""

from harness import check
from harness.client import request
from harness.configuration import configuration
from harness.registry import behaviour
from harness.site import FILES, SECRET

PREFIXED = configuration(static_path="/files/")
FOLLOWING = """
[[route]]
path = "/"
handler = "static"
root = "{folder}/site"
symlinks = "within"
"""

# All mean `../secret.txt`, `../site-private/secret.txt` or `/etc/passwd` to a careless server.
TRAVERSALS = [
    "/../secret.txt",
    "/sub/../../secret.txt",
    "/sub/../sub/../../secret.txt",
    "/./../secret.txt",
    "/../site-private/secret.txt",
    "/../site/../secret.txt",
    "/..//secret.txt",
    "/sub//../..//secret.txt",
    "/%2e%2e/secret.txt",
    "/%2E%2E/secret.txt",
    "/.%2e/secret.txt",
    "/%2e./secret.txt",
    "/%2e%2e%2fsecret.txt",
    "/..%2fsecret.txt",
    "/..%2Fsecret.txt",
    "/sub%2f..%2f..%2fsecret.txt",
    "/%2f..%2fsecret.txt",
    "/%252e%252e/secret.txt",
    "/%252e%252e%252fsecret.txt",
    "/..%252fsecret.txt",
    "/..\\secret.txt",
    "/..%5csecret.txt",
    "/%2e%2e%5csecret.txt",
    "/sub\\..\\..\\secret.txt",
    "/%c0%ae%c0%ae/secret.txt",
    "/%e0%80%ae%e0%80%ae/secret.txt",
    "/..%c0%afsecret.txt",
    "/%uff0e%uff0e/secret.txt",
    "/%u002e%u002e/secret.txt",
    "/..;/secret.txt",
    "/..%00/secret.txt",
    "/../secret.txt%00.html",
    "/secret.txt%00",
    "/....//secret.txt",
    "/.../secret.txt",
    "/ ../secret.txt",
    "/..%20/secret.txt",
    "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/../../../../../../../../etc/passwd",
    "//etc/passwd",
    "///etc/passwd",
    "/%2fetc/passwd",
    "/%2Fetc%2Fpasswd",
    "/file:///etc/passwd",
    "/sub/%2e%2e/%2e%2e/secret.txt",
    "/sub/..%2f../secret.txt",
    "/../" + "a/" * 50 + "../" * 52 + "secret.txt",
]


def expect_nothing_out(t, target: str, *more_statuses: int) -> None:
    connection = t.connect()
    connection.send(request("GET", target))
    reply = connection.read_reply()
    assert reply.status in (301, 308, 400, 403, 404, *more_statuses), f"{target}: {reply}"
    assert (
        SECRET.strip() not in reply.body and b"root:" not in reply.body
    ), f"{target} leaves the root"


@behaviour
def no_traversal_leaves_the_root(t):
    for target in TRAVERSALS:
        expect_nothing_out(t, target)


@behaviour
def no_traversal_in_the_absolute_form_leaves_the_root(t):
    for target in TRAVERSALS:
        expect_nothing_out(t, "http://spindle.test" + target)


@behaviour(config=PREFIXED)
def no_traversal_leaves_the_root_of_a_prefixed_route(t):
    check.equal(t.get("/files/style.css").body, FILES["style.css"])
    check.status(t.get("/style.css"), 404)
    for target in TRAVERSALS:
        expect_nothing_out(t, "/files" + target)
    expect_nothing_out(t, "/files../secret.txt")
    expect_nothing_out(t, "/files%2f..%2f..%2fsecret.txt")


@behaviour(config=configuration(root=None, more=FOLLOWING))
def no_symlink_leads_out_of_the_root(t):
    for target in (
        "/link_out",
        "/link_absolute",
        "/link_folder/secret.txt",
        "/link_folder/site-private/secret.txt",
        "/link_proc/etc/passwd",
        "/link_dangling",
        "/link_folder/site/style.css",
    ):
        expect_nothing_out(t, target)


@behaviour
def dot_segments_inside_the_root_are_resolved(t):
    for target in (
        "/sub/../style.css",
        "/./style.css",
        "/sub/./../style.css",
        "/no/such/../../style.css",
        "/sub/%2e%2e/style.css",
    ):
        reply = t.get(target)
        check.status(reply, 200)
        check.equal(reply.body, FILES["style.css"], target)


@behaviour
def dotfiles_are_not_found(t):
    for target in (
        "/.hidden",
        "/%2ehidden",
        "/.git/config",
        "/.git/",
        "/.git",
        "/sub/../.hidden",
        "/.nothing",
    ):
        reply = t.get(target)
        check.status(reply, 404)
        check.equal(
            reply.body, t.get("/missing").body, f"a dotfile that exists looks different: {target}"
        )


@behaviour
def the_well_known_folder_is_served(t):
    check.equal(t.get("/.well-known/security.txt").body, FILES[".well-known/security.txt"])


@behaviour
def a_fifo_is_not_opened(t):
    """Opening it for reading would wait for a writer for ever."""
    check.status(t.get("/fifo"), 403, 404)
    check.status(t.ask("HEAD", "/fifo"), 403, 404)
    check.status(t.get("/plaintext"), 200)


@behaviour
def names_that_no_file_system_takes_are_not_found(t):
    check.status(t.get("/" + "n" * 300), 404)
    check.status(t.get("/" + "d/" * 2500), 404, 414)
    check.status(t.get("/" + "%ff" * 20), 400, 404)
    check.status(t.get("/nul%00byte"), 400, 404)
