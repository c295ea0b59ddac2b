"""The tree of an HTML page: made of any text there is, and walked without recursion, however deep it is."""

import re
from collections import Counter
from collections.abc import Container, Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from chatsse.errors import Unreadable

# The parser's time grows with the square of the depth. Browsers end at 512 levels.
_MOST_DEPTH = 2000
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
# Whose end may go without saying, or that have none.
_UNNESTED = frozenset(
    re.findall(
        r"\w+",
        "html head body p li dt dd tr td th thead tbody tfoot colgroup caption option optgroup rp rt"
        " area base br col embed hr img input link meta source track wbr path circle rect use",
    )
)


def parse(text: str) -> LexborHTMLParser:
    """Return the tree of the page.

    :raises Unreadable: it would take too long to make
    """
    if _depth(text) > _MOST_DEPTH:
        raise Unreadable("nested too deeply")
    return LexborHTMLParser(text)


def _depth(text: str) -> int:
    """Return about how deep the page's elements nest; those that are never closed count all over it."""
    opened: Counter[str] = Counter()
    depth = deepest = 0
    for tag in _TAG.finditer(text):
        name = tag[2].lower()
        if name in _UNNESTED:
            continue
        if not tag[1]:
            opened[name] += 1
            depth += 1
            deepest = max(deepest, depth)
        elif opened[name]:
            opened[name] -= 1
            depth -= 1
    return deepest


def walk(root: LexborNode, dropped: Container[int]) -> Iterator[tuple[LexborNode, bool]]:
    """Yield each node from `root` on twice: before what is in it, with True, and after it, with False.

    :param dropped: the `mem_id` of those to pass over, with all that is in them
    """
    node, top = root, root.mem_id
    while True:
        below = None
        if node.mem_id not in dropped:
            yield node, True
            below = node.first_child
            if below is None:
                yield node, False
        while below is None:
            if node.mem_id == top:
                return
            below = node.next
            if below is None:
                parent = node.parent
                if parent is None:
                    return
                node = parent
                yield node, False
        node = below


def is_within(node: LexborNode, dropped: Container[int]) -> bool:
    """Tell whether `node` is one of the dropped, or in one."""
    above: LexborNode | None = node
    while above is not None and above.mem_id not in dropped:
        above = above.parent
    return above is not None


def text_of(node: LexborNode, dropped: Container[int]) -> str:
    """Return the text in `node`, without that of the dropped."""
    nodes = (each for each, is_entered in walk(node, dropped) if is_entered and each.tag == "-text")
    return "".join(each.text_content or "" for each in nodes)
