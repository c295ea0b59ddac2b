"""The anchors of a page: which id opens it at a heading."""

from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

# How far up the elements are looked at that begin with a heading.
_REACH = 4


class Anchors:
    """The ids of a page, each of the element that a browser finds under it: the first in the page."""

    def __init__(self, tree: LexborHTMLParser) -> None:
        self._owner: dict[str, int] = {}
        for node in tree.css("[id], a[name]"):
            for name in _names(node):
                self._owner.setdefault(name, node.mem_id)

    def of_heading(self, heading: LexborNode) -> str:
        """Return the id that opens the page at `heading`; empty if there is none.

        It is the heading's own, that of a mark within or right before it, or that of the section it begins.
        """
        return next(self._usable(_around(heading)), "")

    def of_term(self, term: LexborNode) -> str:
        """Return the id that opens the page at `term`, a `dt`; empty if there is none."""
        return next(self._usable(_within(term)), "")

    def _usable(self, nodes: Iterator[LexborNode]) -> Iterator[str]:
        for node in nodes:
            yield from (name for name in _names(node) if self._owner.get(name) == node.mem_id)


def _names(node: LexborNode) -> Iterator[str]:
    attributes = node.attributes
    names = (attributes.get("id"), attributes.get("name") if node.tag == "a" else None)
    # An id with white space is an error of the page's, and no link can name it.
    yield from (name for name in names if name and len(name.split()) == 1)


def _around(heading: LexborNode) -> Iterator[LexborNode]:
    yield from _within(heading)
    node, is_first = heading, True
    for _ in range(_REACH):
        before = _before(node)
        if before and _is_mark(before):
            yield from _within(before)
            before = _before(before)
        is_first = is_first and before is None
        parent = node.parent
        if parent is None or parent.tag in ("body", "html"):
            return
        if is_first or _begins(parent, heading):
            yield parent
        node = parent


def _within(node: LexborNode) -> Iterator[LexborNode]:
    yield node
    yield from node.css("[id], a[name]")


def _before(node: LexborNode) -> LexborNode | None:
    """Return what is before `node` among its siblings, white space and comments aside."""
    before = node.prev
    while before is not None and (
        before.tag == "-comment" or (before.tag == "-text" and not (before.text_content or "").strip())
    ):
        before = before.prev
    return before


def _is_mark(node: LexborNode) -> bool:
    return node.tag in ("a", "span", "p", "div") and not node.text_lexbor().strip()


def _begins(section: LexborNode, heading: LexborNode) -> bool:
    """Tell whether the heading is a section's first, with text before it perhaps."""
    if section.tag != "section" and "section" not in (section.attributes.get("class") or "").split():
        return False
    first = section.css_first("h1, h2, h3, h4, h5, h6")
    return first is not None and first.mem_id == heading.mem_id
