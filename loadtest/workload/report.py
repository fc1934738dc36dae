# SPDX-License-Identifier: Apache-2.0
"""The report of a load test: report.html, which opens without a network, and report.md beside it.

What a result holds is text and numbers of unknown origin (routes, log lines, versions of what was found
on the machine). The page is a tree of elements, so all of it is escaped in one place, and the page's
content security policy runs the scripts that are known here by their hash and no other.
"""

import base64
import hashlib
import json
import string
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from . import charts, figures, markdown, page

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PACKAGE = "libjs-chart.js"
# Where the package is unpacked by ./dev, and where it is if the system has it.
PREFIXES: tuple[Path, ...] = (ROOT / "build/charts", Path("/"))


def write(result: dict[str, Any], directory: Path) -> None:
    """Writes report.html and report.md into the directory, which is made. Takes an incomplete result too."""
    directory.mkdir(parents=True, exist_ok=True)
    result = figures.finite(result)
    (directory / "report.html").write_text(html(result), encoding="utf-8")
    (directory / "report.md").write_text(markdown.text(result), encoding="utf-8")


def html(result: dict[str, Any]) -> str:
    library, licence = chart_library()
    script = (HERE / "report.js").read_text(encoding="utf-8")
    style = (HERE / "report.css").read_text(encoding="utf-8")
    tree = page.body(result, licence)
    return string.Template((HERE / "report.html").read_text(encoding="utf-8")).substitute(
        policy=policy(style, library, script),
        style=style,
        body=ET.tostring(tree, encoding="unicode", method="html"),
        charts=script_json([charts.data(chart) for chart in charts.of_result(result)]),
        library=library,
        script=script,
    )


def policy(style: str, *scripts: str) -> str:
    """Nothing from a network, and no script or style but those that are in the template."""
    hashes = " ".join(hash_source(one) for one in scripts)
    return f"default-src 'none'; style-src {hash_source(style)}; script-src {hashes}; img-src data:"


def hash_source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def script_json(value: object) -> str:
    """JSON for a script element, which ends at the first `</script` and knows no escapes."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def chart_library() -> tuple[str, str]:
    """Chart.js and its licence, both empty if it is not there: the page then shows the tables alone."""
    for prefix in PREFIXES:
        library = prefix / "usr/share/javascript/chart.js/chart.min.js"
        licence = prefix / "usr/share/doc" / PACKAGE / "copyright"
        if library.is_file() and licence.is_file():
            return library.read_text(encoding="utf-8"), licence.read_text(encoding="utf-8")
    return "", ""
