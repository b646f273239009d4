"""A page as its reader and its critics see it."""

from html.parser import HTMLParser

VOID = {"meta", "br", "wbr", "img", "hr", "link", "input"}
SILENT = {"script", "style"}


class Page(HTMLParser):
    """Identifiers, addresses, cells and text of a page; ``open``: tags that were never closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.images: list[dict[str, str]] = []
        self.cells: list[str] = []
        self.scripts: dict[str, str] = {}
        self.figures: list[str] = []
        self._words: list[str] = []
        self._script = ""
        self.feed(text)
        self.close()

    @property
    def text(self) -> str:
        """What is to be read, with single spaces."""
        return " ".join("".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self.open.append(tag)
        if "id" in found:
            self.ids.append(found["id"])
        self.links += [found[name] for name in ("href", "src") if name in found]
        if tag == "img":
            self.images.append(found)
        if "data-cell" in found:
            self.cells.append(found["data-cell"])
        if tag == "figure":
            self.figures.append(found["id"])
        if tag == "script":
            self._script = found.get("id", "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[self._script] = data
        elif not self.open or self.open[-1] not in SILENT:
            self._words.append(data)
