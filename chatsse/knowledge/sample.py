"""The sample blog that comes with chatsse: its posts, as pages and as content.

A post is a Markdown file with front matter (`title`, `date`, `description`, `question`); the file's
name is its slug. Posts are read once, at start.
"""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import frontmatter
from markdown_it import MarkdownIt

from chatsse.knowledge.index import Builder, Index
from chatsse.knowledge.page import Receipt
from chatsse.knowledge.page_markdown import give_ids, parse_document, read_markdown


@dataclass(frozen=True, slots=True)
class Post:
    """A post of the sample blog.

    :param source: its file, as bytes
    :param question: what a visitor may well ask about it
    :param html: rendered, free of any HTML that stood in the Markdown
    """

    slug: str
    source: bytes
    title: str
    date: date
    description: str
    question: str
    html: str


class Sample:
    """The sample blog, newest post first."""

    def __init__(self, posts: Iterable[Post]) -> None:
        self.posts = tuple(sorted(posts, key=lambda post: post.date, reverse=True))

    @classmethod
    def read(cls, templates: Path) -> "Sample":
        """Return the blog whose posts lie in `templates`/posts."""
        return cls(read_post(path) for path in sorted((templates / "posts").glob("*.md")))

    def index(self) -> Index:
        """Return the blog as content: the addresses are paths on the server that shows it."""
        with tempfile.TemporaryDirectory(prefix="chatsse-") as folder:
            builder = Builder(Path(folder) / "index")
            for post in self.posts:
                url = f"/posts/{post.slug}"
                builder.add(Receipt(url, "", "", "", ""), read_markdown(parse_document(post.source), url))
            builder.finish()
            return Index(Path(folder) / "index")


def read_post(path: Path) -> Post:
    """Return the post in the Markdown file `path`."""
    source = path.read_bytes()
    said = frontmatter.loads(source.decode())
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(said.content)
    give_ids(tokens)
    return Post(
        slug=path.stem,
        source=source,
        title=str(said["title"]),
        date=date.fromisoformat(str(said["date"])),
        description=str(said["description"]),
        question=str(said["question"]),
        html=markdown.renderer.render(tokens, markdown.options, {}),
    )
