"""The blocks of text in a part of a page, in the order in which they are read."""

import re
from collections.abc import Container
from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from chatsse.knowledge.anchors import Anchors
from chatsse.knowledge.characters import line, visible
from chatsse.knowledge.html_tree import walk
from chatsse.knowledge.passages import Block, Heading

HEADINGS = {f"h{level}": level for level in range(1, 7)}
# A described term stands below all headings; how deep, its nesting says.
_TERM_LEVEL = 10
_LISTS = frozenset({"ul", "ol", "menu", "dir", "dl"})
# What begins on a line of its own; `html.spec.whatwg.org`, "Rendering".
_BLOCKS = frozenset(
    re.findall(
        r"\w+",
        "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset"
        " figcaption figure footer form header hgroup hr html legend li main menu nav ol optgroup option p"
        " search section summary table tbody td tfoot th thead tr ul h1 h2 h3 h4 h5 h6",
    )
)
_SPACE = re.compile(r"\s+")
# A table with one of these in it is there for its layout.
_NO_DATA = "pre, table, h1, h2, h3, h4, h5, h6, section, article, [role=heading]"


@dataclass(slots=True)
class _List:
    """A list that is being read.

    :param number: of the next item; None: they have none
    """

    number: int | None = None
    marker: str = ""


@dataclass(slots=True)
class _Table:
    """A table of data that is being read."""

    rows: list[str] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)


class Reader:
    """Reads the blocks of one page.

    :param title: the page's; the heading that says the same is not among the headings
    """

    def __init__(self, anchors: Anchors, title: str) -> None:
        self._anchors = anchors
        self._title = plain(title)
        self._blocks: list[Block] = []
        self._under: tuple[Heading, ...] = ()
        self._is_bare = False
        self._text: list[str] = []
        self._lines: list[str] = []
        self._lists: list[_List] = []
        # Where the terms of a list are headings: what it stands under itself.
        self._terms: list[tuple[int, tuple[Heading, ...]]] = []
        self._table: _Table | None = None
        # The heading, the term, the block of code or the table that is being read.
        self._whole: LexborNode | None = None

    def read(self, root: LexborNode, dropped: Container[int]) -> list[Block]:
        """Return the blocks in `root`.

        :param dropped: the `mem_id` of the nodes that are passed over
        """
        for node, is_entered in walk(root, dropped):
            tag = node.tag or ""
            if tag == "-text":
                if is_entered:
                    self._take(node.text_content or "")
            elif self._whole is not None:
                self._within(self._whole, node, tag, is_entered=is_entered)
            elif is_entered:
                self._enter(node, tag)
            else:
                self._leave(node, tag)
        self._end_list()
        self._end_heading(0)
        return self._blocks

    def _take(self, text: str) -> None:
        is_code = self._whole is not None and self._whole.tag == "pre"
        self._text.append(text if is_code else _SPACE.sub(" ", text))

    # -- Blocks that are read as they come.

    def _enter(self, node: LexborNode, tag: str) -> None:
        if tag == "br":
            self._text.append("\n")
        elif tag in _BLOCKS or tag == "pre":
            self._end_text()
            if (
                tag in HEADINGS
                or tag == "pre"
                or (tag == "table" and holds_data(node))
                or self._is_head(node)
            ):
                self._begin_whole(node)
            elif tag in _LISTS:
                self._begin_list(node, tag)
            elif tag in ("li", "dd", "dt") and self._lists:
                self._lists[-1].marker = _marker(self._lists[-1], tag)

    def _leave(self, node: LexborNode, tag: str) -> None:
        if tag not in _BLOCKS:
            return
        self._end_text()
        if tag == "dl" and self._terms and self._terms[-1][0] == node.mem_id:
            self._end_list()
            _, before = self._terms.pop()
            if self._under != before:
                self._end_heading(0)
            self._under = before
        elif tag in _LISTS and self._lists:
            self._lists.pop()
            if not self._lists:
                self._end_list()

    def _begin_list(self, node: LexborNode, tag: str) -> None:
        if tag == "dl" and any(self._anchors.of_term(term) for term in node.iter() if term.tag == "dt"):
            self._terms.append((node.mem_id, self._under))
        else:
            self._lists.append(_List(_first_number(node) if tag == "ol" else None))

    def _end_text(self) -> None:
        """Add the text so far: to the list that is open, or as a paragraph."""
        lines = [text for text in map(line, "".join(self._text).split("\n")) if text]
        self._text.clear()
        # A paragraph without a letter is an ornament.
        if not any(map(plain, lines)):
            return
        if not self._lists:
            self._add("paragraph", "\n".join(lines))
            return
        indent = "  " * (len(self._lists) - 1)
        marker, self._lists[-1].marker = self._lists[-1].marker, "  "
        self._lines.append(f"{indent}{marker}{lines[0]}")
        self._lines += [f"{indent}  {text}" for text in lines[1:]]

    def _end_list(self) -> None:
        self._end_text()
        if self._lines:
            self._add("list", "\n".join(self._lines))
            self._lines.clear()

    def _add(self, kind: str, text: str) -> None:
        self._blocks.append(Block(kind, text, self._under))
        self._is_bare = False

    # -- Blocks that are read as a whole: headings, terms, code and tables.

    def _is_head(self, node: LexborNode) -> bool:
        """Tell whether `node` is a term to read as a heading: the first of those described together."""
        if node.tag != "dt" or not self._terms or not self._anchors.of_term(node):
            return False
        before = node.prev
        while before is not None and before.tag == "-text":
            before = before.prev
        return before is None or before.tag != "dt"

    def _begin_whole(self, node: LexborNode) -> None:
        self._end_list()
        self._whole = node
        self._table = _Table() if node.tag == "table" else None

    def _within(self, whole: LexborNode, node: LexborNode, tag: str, *, is_entered: bool) -> None:
        if node.mem_id == whole.mem_id:
            if not is_entered:
                self._whole = None
                self._end_whole(whole, tag)
        elif self._table is not None:
            self._tabulate(self._table, tag, is_entered=is_entered)
        elif tag == "br":
            self._text += "\n" * is_entered
        elif tag in _BLOCKS and self._text and not self._text[-1].endswith("\n"):
            self._text.append("\n")

    def _tabulate(self, table: _Table, tag: str, *, is_entered: bool) -> None:
        if tag in ("td", "th", "caption") and not is_entered:
            table.cells.append(line("".join(self._text)))
            self._text.clear()
        elif tag in ("tr", "tbody", "thead", "tfoot"):
            self._end_row(table)
        elif tag in _BLOCKS or tag == "br":
            self._text.append(" ")

    def _end_row(self, table: _Table) -> None:
        if any(table.cells):
            table.rows.append(" | ".join(table.cells))
        table.cells.clear()

    def _end_whole(self, node: LexborNode, tag: str) -> None:
        table, text = self._table, "".join(self._text)
        self._text.clear()
        self._table = None
        if table is not None:
            self._end_row(table)
            if table.rows:
                self._add("table", "\n".join(table.rows))
        elif tag != "pre":
            self._begin_heading(node, tag, line(text))
        elif code := _code(text):
            self._add("code", code)

    # -- Headings.

    def _begin_heading(self, node: LexborNode, tag: str, text: str) -> None:
        if not text:
            return
        level = HEADINGS.get(tag, _TERM_LEVEL + len(self._terms))
        self._end_heading(level)
        if self._title and plain(text) == self._title:
            self._under, self._title = (), ""
            return
        anchor = self._anchors.of_term(node) if tag == "dt" else self._anchors.of_heading(node)
        above = tuple(heading for heading in self._under if heading.level < level)
        self._under = (*above, Heading(level, text, anchor))
        self._is_bare = True

    def _end_heading(self, level: int) -> None:
        """Keep the heading so far, if nothing stands under it and what comes does not either."""
        if self._is_bare and self._under[-1].level >= level:
            self._add("heading", "")


def plain(text: str) -> str:
    """Return the letters and digits of `text`, to compare it by."""
    return "".join(filter(str.isalnum, text.casefold()))


def _marker(items: _List, tag: str) -> str:
    if tag != "li":
        return "  " if tag == "dd" else ""
    if items.number is None:
        return "- "
    items.number += 1
    return f"{items.number - 1}. "


def _first_number(node: LexborNode) -> int:
    start = node.attributes.get("start") or ""
    return int(start) if re.fullmatch(r"[0-9]{1,6}", start) else 1


def holds_data(table: LexborNode) -> bool:
    """Tell whether a table is one, rather than the page's layout."""
    if table.attributes.get("role") == "presentation" or not table.css_first("tr ~ tr, th, tbody ~ tbody"):
        return False
    return all(node.mem_id == table.mem_id for node in table.css(_NO_DATA))


def _code(text: str) -> str:
    lines = (part.rstrip() for part in visible(text.replace("\r\n", "\n").replace("\r", "\n")).split("\n"))
    return "\n".join(lines).strip("\n")
