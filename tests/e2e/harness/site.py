# SPDX-License-Identifier: Apache-2.0
"""The files the static handler serves in the behaviours, made anew for each run.

The modification times are fixed, so that Last-Modified and ETag are the same under every variant.
"""

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
    "users": USERS,
}


def make_site(folder: Path) -> None:
    """Fills `folder` with `site` (the root), and with what must stay out of reach beside it."""
    root = folder / "site"
    for name, content in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (MODIFIED, MODIFIED))
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
