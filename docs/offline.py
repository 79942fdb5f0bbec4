"""Fails if a page of the built site would fetch something from elsewhere: python docs/offline.py SITE."""

import sys
from html.parser import HTMLParser
from pathlib import Path

#: tags whose attribute makes a browser fetch; links to be followed by people are none
FETCHES = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src", "object": "data"}


class Page(HTMLParser):
    """Collects what a page fetches."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one tag."""
        given = dict(attrs)
        address = given.get(FETCHES.get(tag, ""))
        if address and address.partition("?")[0].startswith(("http:", "https:", "//")) and given.get("rel") != "canonical":
            self.found.append(f"<{tag}> {address}")


def main(site: Path) -> int:
    """Return 1 and say what is fetched, or 0."""
    pages = sorted(site.rglob("*.html"))
    bad = []
    for path in pages:
        page = Page()
        page.feed(path.read_text(encoding="utf-8"))
        bad += [f"{path.relative_to(site)}: {x}" for x in page.found]
    sys.stdout.write("\n".join([*bad, f"{len(pages)} pages, {len(bad)} requests"]) + "\n")
    return 1 if bad or not pages else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
