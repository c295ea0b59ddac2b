"""Which part of a page is its content: what its author wrote, and its readers see."""

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from chatsse.knowledge.html_blocks import holds_data
from chatsse.knowledge.html_tree import walk

# The names of a text, and those of what may hold more.
_CONTENT = (
    """
    [itemprop~=articleBody], .entry-content, .post-content, .article-content, .post-body, .article-body,
    .gh-content, .e-content, .markdown-body
    """,
    ".blog-post, .post, #content, .content, #main-content, #main, #page-content",
)
# Of a page's text; a box with less of it is not the page's content, whatever its class says.
_CONTENT_SHARE = 0.4
# An element that holds so much of what its parent holds is where the content is.
_MOST_SHARE = 0.75
_CONTAINERS = frozenset(
    re.findall(r"\w+", "body div section article main center tbody tr td form font span blockquote")
)


def content_of(tree: LexborHTMLParser, dropped: frozenset[int]) -> LexborNode | None:
    """Return the element that holds the page's content; None: there is no text.

    :param dropped: the `mem_id` of what is none, whatever holds it
    """
    body = tree.body
    if body is None:
        return None
    sizes = _sizes(body, dropped)
    return _named(body, sizes) or _densest(body, sizes) if sizes.get(body.mem_id) else None


def _sizes(body: LexborNode, dropped: frozenset[int]) -> dict[int, int]:
    """Return by `mem_id` how many characters each element holds, without links' and white space."""
    sizes: dict[int, int] = {}
    open_sizes = [0]
    for node, is_entered in walk(body, dropped):
        tag = node.tag
        if tag == "-text":
            if is_entered:
                open_sizes[-1] += len((node.text_content or "").strip())
        elif is_entered:
            open_sizes.append(0)
        else:
            size = open_sizes.pop()
            sizes[node.mem_id] = size
            open_sizes[-1] += size if tag != "a" else 0
    return sizes


def _named(body: LexborNode, sizes: dict[int, int]) -> LexborNode | None:
    """Return the element that the page itself says is its content."""
    for selector in ("main, [role=main]", "article"):
        node = _largest(body, selector, sizes)
        if node is not None and sizes[node.mem_id] > 0:
            inner = _largest(node, "article", sizes)
            is_all = inner is not None and sizes[inner.mem_id] >= _MOST_SHARE * sizes[node.mem_id]
            if selector == "article" and sizes[node.mem_id] < _CONTENT_SHARE * sizes[body.mem_id]:
                continue
            return inner if is_all else node
    largest = (_largest(body, selector, sizes) for selector in _CONTENT)
    least = _CONTENT_SHARE * sizes[body.mem_id]
    return next((node for node in largest if node is not None and sizes[node.mem_id] >= least), None)


def _largest(within: LexborNode, selector: str, sizes: dict[int, int]) -> LexborNode | None:
    nodes = [node for node in within.css(selector) if node.mem_id in sizes]
    return max(nodes, key=lambda node: sizes[node.mem_id], default=None)


def _densest(body: LexborNode, sizes: dict[int, int]) -> LexborNode:
    """Return the innermost element that holds most of the page's text."""
    node = body
    while True:
        children = [child for child in node.iter() if child.mem_id in sizes and _is_container(child)]
        largest = max(children, key=lambda child: sizes[child.mem_id], default=None)
        if largest is None or sizes[largest.mem_id] < _MOST_SHARE * sizes[node.mem_id]:
            return node
        node = largest


def _is_container(node: LexborNode) -> bool:
    return node.tag in _CONTAINERS or (node.tag == "table" and not holds_data(node))
