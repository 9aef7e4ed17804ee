"""A strict reader of the status page: it knows every element and attribute that may occur."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "input"}
KNOWN = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "svg",
        "defs",
        "pattern",
        "rect",
        "circle",
        "line",
        "path",
        "g",
        "header",
        "main",
    ),
    *(
        "footer",
        "div",
        "h1",
        "h2",
        "h3",
        "h4",
        "p",
        "span",
        "a",
        "section",
        "ul",
        "li",
        "bdi",
        "dl",
        "dt",
        "dd",
        "b",
        "figure",
        "figcaption",
    ),
    *("details", "summary", "table", "thead", "tbody", "tr", "th", "td", "code", "small", "strong"),
}
KNOWN_ATTRIBUTES = {
    *(
        "lang",
        "charset",
        "http-equiv",
        "content",
        "name",
        "width",
        "height",
        "aria-hidden",
        "focusable",
        "class",
        "id",
        "patternunits",
    ),
    *(
        "patterntransform",
        "cx",
        "cy",
        "r",
        "d",
        "href",
        "viewbox",
        "preserveaspectratio",
        "aria-labelledby",
        "aria-label",
        "role",
        "style",
    ),
    *("x", "y", "x1", "x2", "y1", "y2", "fill", "rx", "scope", "tabindex"),
}


class Reader(HTMLParser):
    """Reads a page and records its faults."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.faults = []
        self.words = []

    def handle_starttag(self, tag, attrs):
        self.faults += [f"<{tag}>"] if tag not in KNOWN else []
        self.faults += [f"<{tag} {name}>" for name, _ in attrs if name not in KNOWN_ATTRIBUTES]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes another one")

    def handle_data(self, data):
        self.words += (
            [data.strip()] if data.strip() and (not self.open or self.open[-1] != "style") else []
        )
