"""Markdown pages, as the site's generator will show them.

The text is rendered to HTML and read by the same rules as a page: what is hidden in a page is hidden here.
What only the generator understands goes out before; the text between a pair of its tags stays. So do the
words of Obsidian's links, callouts and tasks, and of footnotes, without their marks.
"""

import re
from collections.abc import Container
from dataclasses import dataclass
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

from chatsse.errors import Unreadable
from chatsse.knowledge.anchors import Anchors
from chatsse.knowledge.boilerplate import unseen
from chatsse.knowledge.characters import line
from chatsse.knowledge.facts import primary_language
from chatsse.knowledge.front_matter import FrontMatter, split_front_matter
from chatsse.knowledge.html_blocks import Reader
from chatsse.knowledge.html_tree import parse, text_of
from chatsse.knowledge.page import Page
from chatsse.knowledge.passages import split
from chatsse.knowledge.slugs import Slugs

# Each `(?!…).` keeps a tag that is never closed from being looked for to the text's end, again and again.
_HIGHLIGHT = re.compile(
    r"^\{\{[<%]\s*highlight\b[^\n]*?[>%]\}\}$((?:(?!^\{\{[<%]\s*highlight\b).)*?)^\{\{[<%]\s*/\s*highlight\s*[>%]\}\}"
    r"|^\{%-?\s*highlight\b[^\n]*?%\}$((?:(?!^\{%-?\s*highlight\b).)*?)^\{%-?\s*endhighlight\s*-?%\}",
    re.MULTILINE | re.DOTALL,
)
# Code comes first, so that nothing in it is taken for a tag.
_TAGS = re.compile(
    "|".join(
        (
            r"(?P<code>^[ \t>]*(?P<fence>`{3,}|~{3,})[^\n]*\n.*?(?:^[ \t>]*(?P=fence)[`~]*[ \t]*$|\Z)",
            r"(?<!`)(?P<ticks>`+)(?!`)(?:(?!\n\s*\n).)+?(?<!`)(?P=ticks)(?!`))",
            # Hugo's, shown rather than called; and called.
            r"\{\{(?P<escaped>[<%])/\*(?P<shown>(?:(?!\{\{[<%]).)*?)\*/[>%]\}\}",
            r"\{\{[<%](?:(?!\{\{[<%]).)*?[>%]\}\}",
            # Liquid's, and the marks that Jekyll's Markdown adds.
            r"\{%-?\s*comment\s*-?%\}(?:(?!\{%-?\s*comment\b).)*?\{%-?\s*endcomment\s*-?%\}",
            r"\{%(?:(?!\{%).)*?%\}",
            r"\{\{-?\s*(?:site|page|include|content|layout|post)\b[^{}]*\}\}",
            r"^[^\n]*\n\{:\s*toc\b[^\n]*\}$",
            r"^\{:[^\n]*\}$",
            r"^\[\[?_?toc_?\]?\]$",
            # MDX.
            r"(?-i:^import\s[^\n]*?[\"'][^\n\"']+[\"'];?[ \t]*$)",
            r"(?-i:^export\s+(?:const|let|var|function|default|class|async)\b.*?(?=\n\s*\n|\Z))",
            r"\{/\*(?:(?!\{/\*).)*?\*/\}",
            # Obsidian's: comments, from a line's beginning to the end if need be, from a word's over several
            # paragraphs, else within one, but not from one name of a batch file to the next; embeds; links.
            r"^ {0,3}%%.*?(?:%%|\Z)",
            r"(?<!\S)%%.*?%%(?!\w)",
            r"%%(?:(?!\n\s*\n).)*?%%(?!\w)",
            r"!\[\[[^\[\]\n]+\]\]",
            r"(?<!\\)\[\[(?!\s)(?P<link>[^\[\]\n]+)\]\](?![(\[])",
            # Footnotes.
            r"^ {0,3}\[\^(?P<note>[^\[\]\s]+)\]:[ \t]*",
            r"\[\^(?P<mark>[^\[\]\s]+)\]",
        )
    ),
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
# Obsidian's and GitHub's callouts, and the boxes of tasks.
_CALLOUT = re.compile(r"\[![\w-]+(?:\|[^\]]*)?\][+-]?\s*")
_BOX = re.compile(r"\[[ xX/>-]\]\s+")
_MARKS = {"blockquote_open": _CALLOUT, "list_item_open": _BOX}
_EXPLICIT_ID = re.compile(r"\s*\{:?\s*#([\w:.-]+)[^{}]*\}\s*$")


@dataclass(frozen=True, slots=True)
class Document:
    """A Markdown file: what it says of itself, and its text."""

    matter: FrontMatter
    text: str


def parse_document(body: bytes) -> Document:
    """Return the document in `body`.

    :raises Unreadable: it is no text, or its front matter is broken
    """
    try:
        return Document(*split_front_matter(body.decode("utf-8")))
    except UnicodeDecodeError as error:
        raise Unreadable("not in UTF-8") from error


def read_markdown(document: Document, url: str, name: str = "") -> Page:
    """Return the page that the document becomes.

    :param url: where the site has it
    :param name: of its file, for its title if it has no other
    :raises Unreadable: there is nothing to read
    """
    tree = parse(_render(_plain_markdown(document.text)))
    hidden, body = unseen(tree), tree.body
    matter = document.matter
    heading = next((line(text_of(h1, hidden)) for h1 in tree.css("h1")), "")
    title = matter.title or heading or _title_of(name)
    blocks = Reader(Anchors(tree), title).read(body, hidden) if body else []
    passages = split(url, blocks)
    if not passages:
        raise Unreadable("no text")
    return Page(url, title, primary_language(matter.language), matter.date, matter.summary, passages)


def _plain_markdown(text: str) -> str:
    """Return the text without what only its site's generator understands."""
    text = _HIGHLIGHT.sub(lambda tag: f"~~~~{tag[1] or tag[2]}~~~~", text)
    notes = {tag["note"] for tag in _TAGS.finditer(text)}
    return _TAGS.sub(lambda tag: _kept(tag, notes), text)


def _kept(tag: re.Match[str], notes: Container[str]) -> str:
    """Return what stays of what was found.

    :param notes: the names of the footnotes that there are
    """
    if tag["shown"] is not None:
        return f"{{{{{tag['escaped']}{tag['shown']}{'>' if tag['escaped'] == '<' else '%'}}}}}"
    if tag["link"]:
        return _words_of(tag["link"])
    if tag["note"]:
        # A list's item, since what is indented after it is part of it.
        return "+ "
    return tag["code"] or (tag[0] if tag["mark"] and tag["mark"] not in notes else "")


def _words_of(link: str) -> str:
    """Return how Obsidian shows a link: by its own words, or by the names of the note and the heading."""
    note, bar, words = link.replace("\\|", "|").partition("|")
    parts = [part.strip() for part in note.split("#") if part.strip() and not part.startswith("^")]
    return words.strip() if bar else " > ".join(parts)


def _render(text: str) -> str:
    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = markdown.parse(text)
    _unmark(tokens)
    give_ids(tokens)
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def _unmark(tokens: list[Token]) -> None:
    """Take the marks from callouts and tasks; a callout's title becomes a line of its own."""
    for around, paragraph, inline in zip(tokens, tokens[1:], tokens[2:], strict=False):
        pattern = _MARKS.get(around.type)
        children = inline.children if paragraph.type == "paragraph_open" else None
        first = children[0] if children else None
        if pattern and first and first.type == "text" and (mark := pattern.match(first.content)):
            first.content = first.content[mark.end() :]
            if pattern is _CALLOUT:
                _break_once(children or [])


def _break_once(children: list[Token]) -> None:
    if end := next((child for child in children if child.type == "softbreak"), None):
        end.type, end.tag = "hardbreak", "br"


def give_ids(tokens: list[Token]) -> None:
    """Give each heading the id that it has in the site: its own, or that of its words."""
    slugs = Slugs()
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrSet("id", _explicit_id(inline) or slugs.of(_text(inline)))


def _explicit_id(inline: Token) -> str:
    """Return the id that is written behind a heading, which loses it."""
    last = inline.children[-1] if inline.children else None
    if last is None or last.type != "text" or not (match := _EXPLICIT_ID.search(last.content)):
        return ""
    last.content = last.content[: match.start()]
    return match[1]


def _text(inline: Token) -> str:
    children = inline.children or ()
    return "".join(child.content for child in children if child.type in ("text", "code_inline"))


def _title_of(name: str) -> str:
    """Return a file's name as a title: `Slug war` of `slug-war`."""
    is_slug = " " not in name and any(map(str.isalpha, name))
    words = re.sub("[-_]+", " ", name) if is_slug else name
    return line(words[:1].upper() + words[1:])
