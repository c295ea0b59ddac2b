"""The sample blog that comes with chatsse: its posts, and a plain search over their paragraphs.

A post is a Markdown file with front matter (`title`, `date`, `description`, `question`); the file's
name is its slug. Posts are read once, at start.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import frontmatter
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

# Han and kana are written without spaces: a run of them is cut off from the Latin word beside it.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]+|(?:(?![\u3040-\u30ff\u3400-\u9fff])\w)+")
_COMMON = frozenset(
    _WORD.findall(
        "a about all also am an and any are as at be been but by can could did do does for from had has"
        " have how i if in into is it its just may me more most much my no not of on one or our should so"
        " some tell than that the their them then there these they this to up use us was we were what when"
        " where which who whom whose why will with would you your"
    )
)


@dataclass(frozen=True, slots=True)
class Passage:
    """One paragraph, list or table of a post, as plain text.

    :param title: the post's, and that of the heading it stands under
    :param url: the post's path, with the id of the heading that the passage stands under
    """

    title: str
    url: str
    text: str


@dataclass(frozen=True, slots=True)
class Post:
    """A post of the sample blog.

    :param question: what a visitor may well ask about it
    :param html: rendered, free of any HTML that stood in the Markdown
    """

    slug: str
    title: str
    date: date
    description: str
    question: str
    html: str
    passages: tuple[Passage, ...]


class Sample:
    """The sample blog, newest post first."""

    def __init__(self, posts: Iterable[Post]) -> None:
        self.posts = tuple(sorted(posts, key=lambda post: post.date, reverse=True))
        self._passages = [(passage, _words_of(passage)) for post in self.posts for passage in post.passages]
        self._frequency = Counter(word for _, words in self._passages for word in words)

    @classmethod
    def read(cls, templates: Path) -> "Sample":
        """Return the blog whose posts lie in `templates`/posts."""
        return cls(read_post(path) for path in sorted((templates / "posts").glob("*.md")))

    def search(self, question: str, limit: int) -> list[Passage]:
        """Return at most `limit` passages that share words with `question`, best first.

        A passage fits when it holds half of the question's words, or two; a rare word counts for more.
        """
        asked = _words(question)
        enough = min(2, math.ceil(len(asked) / 2))
        found = [(asked & words, passage) for passage, words in self._passages]
        fitting = [(self._weight(shared), p) for shared, p in found if shared and len(shared) >= enough]
        fitting.sort(key=lambda match: match[0], reverse=True)
        return [passage for _, passage in fitting[: max(limit, 0)]]

    def _weight(self, words: Iterable[str]) -> float:
        return sum(math.log(1 + len(self._passages) / self._frequency[word]) for word in words)


def read_post(path: Path) -> Post:
    """Return the post in the Markdown file `path`."""
    source = frontmatter.loads(path.read_text(encoding="utf-8"))
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(source.content)
    blocks = SyntaxTreeNode(tokens).children
    _give_ids(blocks)
    title = str(source["title"])
    return Post(
        slug=path.stem,
        title=title,
        date=date.fromisoformat(str(source["date"])),
        description=str(source["description"]),
        question=str(source["question"]),
        html=markdown.renderer.render(tokens, markdown.options, {}),
        passages=tuple(_passages(blocks, title, f"/posts/{path.stem}")),
    )


def _give_ids(blocks: Iterable[SyntaxTreeNode]) -> None:
    taken: set[str] = set()
    for block in blocks:
        if block.type == "heading" and block.nester_tokens:
            anchor = re.sub(r"\W+", "-", _text(block).lower()).strip("-") or "section"
            taken.add(anchor := anchor if anchor not in taken else f"{anchor}-{len(taken) + 1}")
            block.nester_tokens.opening.attrSet("id", anchor)


def _passages(blocks: Iterable[SyntaxTreeNode], title: str, url: str) -> Iterator[Passage]:
    """Yield the blocks as passages, without code; a line that only leads to the next one goes with it."""
    place, name, lead = url, title, ""
    for block in blocks:
        if block.type == "heading":
            place, name, lead = f"{url}#{block.attrs['id']}", f"{title}: {_text(block)}", ""
        elif block.type in ("fence", "code_block", "hr"):
            lead = ""
        else:
            text = f"{lead} {_text(block)}".strip()
            lead = text if text.endswith(":") else ""
            if not lead:
                yield Passage(name, place, text)


def _text(block: SyntaxTreeNode) -> str:
    """Return what the block says, in one line, without its markup."""
    inlines = [node.children for node in block.walk() if node.type == "inline"]
    return " ".join("".join(map(_inline_text, children)) for children in inlines).strip()


def _inline_text(node: SyntaxTreeNode) -> str:
    if node.type in ("softbreak", "hardbreak"):
        return " "
    return "".join(map(_inline_text, node.children)) or node.content


def _words_of(passage: Passage) -> frozenset[str]:
    return _words(f"{passage.title} {passage.url} {passage.text}")


def _words(text: str) -> frozenset[str]:
    words = (word for word in _WORD.findall(text.casefold()) if word not in _COMMON)
    return frozenset(word[:-1] if len(word) > 3 and word.endswith("s") else word for word in words)
