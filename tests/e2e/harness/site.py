# SPDX-License-Identifier: Apache-2.0
"""The files the static handler serves in the behaviours, made anew for each run.

The modification times are fixed, so that Last-Modified and ETag are the same under every variant.
"""

import gzip
import os
import random
from pathlib import Path

MODIFIED = 1_700_000_000  # Tue, 14 Nov 2023 22:13:20 GMT
MODIFIED_TEXT = "Tue, 14 Nov 2023 22:13:20 GMT"
FUTURE, FUTURE_MODIFIED = "future.txt", 4_000_000_000  # in the year 2096
SECRET = b"this is outside of the root\n"
BIG = random.Random(1).randbytes(10 * 1024 * 1024)
ALPHABET = b"abcdefghijklmnopqrstuvwxyz"

# Of "open sesame", "open sesame" again, "pass:word" and "slow": bcrypt, yescrypt, SHA-512, and a bcrypt that takes long.
USERS = b"""\
# who may come in

ali:$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy
baba:$y$j9T$abcdefgh$c8R4fgRyxL8Q39.DpK0QFFQ5IBjxy7PYBstUKeRFh3/
colon:$6$rounds=1000$salt$3vBeMoIBCZmJ4eCcMIwvPNc95YGEiwXRFVnraFjhWt/VML2.nZZw92Zhc3JUEybKd5kZ1u70KaxHApHj3Ghyd.
slow:$2b$10$abcdefghijklmnopqrstuuTL3rBAB2FTLNnpGNZhAYflp5RzALnWK
"""

FILES = {
    "index.html": b"<!doctype html><title>Spindle</title><p>root index\n",
    "style.css": b"body { color: black }\n",
    "script.js": b"console.log('spindle')\n",
    "data.json": b'{"a": 1}\n',
    "picture.png": b"\x89PNG\r\n\x1a\n not really\n",
    "picture.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>\n",
    "font.woff2": b"wOF2 not really\n",
    "notes.txt": b"plain notes\n",
    "module.wasm": b"\0asm\x01\0\0\0",
    "UPPER.HTML": b"<!doctype html><p>upper case suffix\n",
    "no_suffix": b"\x00\x01\x02 bytes without a type\n",
    "alphabet.txt": ALPHABET,
    "empty.txt": b"",
    "with space.txt": b"a space in the name\n",
    "per%cent.txt": b"a per cent sign in the name\n",
    "ünïcode.txt": "non-ASCII name\n".encode(),
    "sub/index.html": b"<!doctype html><p>sub index\n",
    "sub/page.html": b"<!doctype html><p>sub page\n",
    "no_index/file.txt": b"in a folder without index\n",
    ".hidden": b"dotfile\n",
    ".git/config": b"in a dotted folder\n",
    ".well-known/security.txt": b"Contact: mailto:a@example.org\n",
    "big.bin": BIG,
    "passwords": USERS,
}

# A second root, "encoded": what compression and precompressed siblings are tried on.
PAGE = b"".join(b"<p>paragraph %d of a page\n" % i for i in range(300))
LONG = b"".join(b"line %d of a long text\n" % i for i in range(20_000))
TOO_LONG = b"0123456789abcdef" * (5 * 1024 * 64)  # 5 MiB
NOISE = random.Random(2).randbytes(20_000)
PAGE_BR, PAGE_ZST, PAGE_GZ = b"stands for page in br", b"for page in zstd", gzip.compress(PAGE, 9)
ENCODED_FILES = {
    "page.html": PAGE,
    "page.html.br": PAGE_BR,
    "page.html.zst": PAGE_ZST,
    "page.html.gz": PAGE_GZ,
    "sub/index.html": PAGE,
    "sub/index.html.br": PAGE_BR,
    "stale.css": b"p { color: black }\n",
    "stale.css.br": b"of an older stale.css",
    "stale.css.gz": b"of this stale.css, in gzip",
    "folder.txt": b"with a folder for a sibling\n",
    "folder.txt.br/file": b"",
    "only.txt.br": b"without an original\n",
    "plain.txt": PAGE,
    "long.txt": LONG,
    "too_long.txt": TOO_LONG,
    "short.txt": b"short\n",
    "noise.txt": NOISE,
    "picture.png": PAGE,
}

# A third root, "linked", which is a link itself.
LINKED_FILES = {
    "page.html": b"<p>the page\n",
    "target.html": b"<p>where links lead\n",
    "folder/file.txt": b"in a folder\n",
    "index/page.html": b"<p>beside a linked index\n",
    "note.txt": b"a note\n",
}
LINKS = {
    "link.html": "target.html",
    "index/index.html": "../target.html",
    "folder_link": "folder",
    "note.txt.br": "target.html",
    "circle": "circle",
}


def make_site(folder: Path) -> None:
    """Fills `folder` with `site`, `encoded` and `linked` (roots), and with what must stay out of reach beside them."""
    _write(folder / "encoded", ENCODED_FILES)
    os.utime(folder / "encoded" / "stale.css.br", (MODIFIED - 1, MODIFIED - 1))
    _write(folder / "links", LINKED_FILES)
    for name, target in LINKS.items():
        (folder / "links" / name).symlink_to(target)
    (folder / "linked").symlink_to("links")
    root = folder / "site"
    _write(root, FILES)
    (root / FUTURE).write_bytes(b"from another clock\n")
    os.utime(root / FUTURE, (FUTURE_MODIFIED, FUTURE_MODIFIED))
    (folder / "secret.txt").write_bytes(SECRET)
    (folder / "site-private").mkdir()
    (folder / "site-private" / "secret.txt").write_bytes(SECRET)
    (root / "link_out").symlink_to("../secret.txt")
    (root / "link_absolute").symlink_to((folder / "secret.txt").resolve())
    (root / "link_folder").symlink_to("..")
    (root / "link_proc").symlink_to("/proc/self/root")
    (root / "link_dangling").symlink_to("nothing_here")
    os.mkfifo(root / "fifo")
    (root / "unreadable_folder").mkdir()


def _write(root: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (MODIFIED, MODIFIED))
