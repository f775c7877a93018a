"""Check the links of the built site: ``python docs/check_links.py build/docs``.

A link inside of the site must lead to a file that is there, and to a place in it that is there.
Links that lead out of it are counted and listed in ``external_links.txt`` beside the site: whether
they still lead anywhere is for a reader to see, not for a build without network.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links of a page (href and src), and the places in it that a link can name."""

    def __init__(self, path):
        super().__init__()
        self.links, self.places = [], {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        """Called for every element."""
        for key, value in attributes:
            if key in ("href", "src") and value:
                self.links.append(value)
            elif key in ("id", "name") and value:
                self.places.add(value)


def check(site):
    """Number of the site's links, those that lead nowhere, and those that lead out of it."""
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html")}
    broken, external, inside = [], set(), 0
    for path, page in pages.items():
        for link in page.links:
            address = urlsplit(link)
            if address.scheme or address.netloc:
                if address.scheme != "data":
                    external.add(link)
                continue
            inside += 1
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            found = target in pages and unquote(address.fragment) in pages[target].places
            if not found and (target in pages or not target.is_file()):
                broken.append(f"{path.relative_to(site.resolve())}: {link}")
    return inside, broken, sorted(external)


if __name__ == "__main__":
    site = Path(sys.argv[1])
    inside, broken, external = check(site)
    site.with_name("external_links.txt").write_text("\n".join(external) + "\n", encoding="utf-8")
    print(f"{inside:,} links in the site, {len(broken)} lead nowhere; {len(external)} lead out")
    sys.exit("\n".join(broken) or None)
