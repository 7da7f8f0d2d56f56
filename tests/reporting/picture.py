"""A picture of Markdown as a forge would show it, for a person to look at before a golden file is kept.

    python tests/reporting/picture.py tests/reporting/golden/job_summary/not_allowed.md picture.png

Needs Chromium and npm; GitHub's style and Mermaid are fetched once, into a folder beside the picture. A line
that begins with `%%%%` ends one comment and begins the next.
"""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path

from markdown_it import MarkdownIt

PACKAGES = ("github-markdown-css@5", "mermaid@11")
ALERT = re.compile(r"<blockquote>\n<p>\[!(NOTE|WARNING)\]\n")
MERMAID = re.compile(r'<pre><code class="language-mermaid">(.*?)</code></pre>', re.DOTALL)
PAGE = """<!doctype html>
<meta charset="utf-8">
<link rel="stylesheet" href="node_modules/github-markdown-css/github-markdown-light.css">
<style>body {{ width: 880px; margin: 16px }} article {{ padding: 16px; font-size: 14px }}</style>
{articles}
<script src="node_modules/mermaid/dist/mermaid.min.js"></script>
<script>mermaid.initialize({{ startOnLoad: true }})</script>
"""


def page_of(markdown: str) -> str:
    """Return the page: an article for each comment."""
    reader = MarkdownIt("commonmark").enable("table")
    comments = re.split(r"^%%%%.*$", markdown, flags=re.MULTILINE)
    shown = "".join(
        f'<article class="markdown-body">{reader.render(comment)}</article><hr>'
        for comment in comments
        if comment.strip()
    )
    shown = MERMAID.sub(lambda match: f'<pre class="mermaid">{html.unescape(match[1])}</pre>', shown)
    return PAGE.format(articles=ALERT.sub(r"<blockquote>\n<p><b>\1</b></p><p>", shown))


def main(source: Path, picture: Path, height: int = 2_400) -> None:
    """Write the picture."""
    folder = picture.resolve().parent / "picture-parts"
    folder.mkdir(exist_ok=True)
    if not (folder / "node_modules").is_dir():
        subprocess.run(("npm", "install", "--silent", "--prefix", str(folder), *PACKAGES), check=True)
    page = folder / "page.html"
    page.write_text(page_of(source.read_text(encoding="utf-8")), encoding="utf-8")
    browser = (
        "chromium",
        "--headless",
        "--no-sandbox",
        "--hide-scrollbars",
        "--allow-file-access-from-files",
    )
    size = ("--virtual-time-budget=8000", f"--window-size=920,{height}")
    subprocess.run((*browser, *size, f"--screenshot={picture}", page.as_uri()), check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:4]))
