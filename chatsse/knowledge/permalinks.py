"""Where a site's generator puts the page that it makes of a file.

| in the folder, or above it | the site is | its text is in | a page's address |
|---|---|---|---|
| `hugo.toml`, or `config.toml`, beside `content/` | Hugo's | `content/` | of `posts/a.md`: `posts/a/` |
| `_config.yml` | Jekyll's | all of it | by `permalink`, the post's or the site's |
| `astro.config.*` | Astro's | `src/content/`, `src/pages/` | of `blog/a.md`: `blog/a/` |
| none of these | plain | all of it | of `a.md`: `a` |

The front matter's `slug` takes the file's name's place. An address that it gives is taken as it is; a path
there begins at the site's first page. An HTML file is where it lies, `index.html` at its folder.
What only a site's own templates or its configuration decide can't be known here: such a site is read from
its sitemap.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePath
from urllib.parse import quote, urlsplit

import yaml  # type: ignore[import-untyped]

from chatsse.knowledge.facts import as_day
from chatsse.knowledge.front_matter import FrontMatter
from chatsse.knowledge.slugs import slug_of

HTML = frozenset({".html", ".htm"})
_HUGO = ("hugo.toml", "hugo.yaml", "hugo.yml", "hugo.json", "config.toml", "config.yaml", "config.yml")
_JEKYLL = ("_config.yml", "_config.yaml")
_ASTRO_TEXTS = ("src/content", "src/pages")
# By these names Jekyll knows its usual permalinks.
_STYLES = {
    "date": "/:categories/:year/:month/:day/:title.html",
    "pretty": "/:categories/:year/:month/:day/:title/",
    "none": "/:categories/:title.html",
}
_POST = re.compile(r"(\d{4}-\d{2}-\d{2})-(.+)")
_OWN_ADDRESS = ("url", "permalink", "canonicalurl", "canonical_url", "canonical")


@dataclass(frozen=True, slots=True)
class Site:
    """A folder of pages, and where they are.

    :param kind: `hugo`, `jekyll`, `astro` or `plain`
    :param folder: the one that holds the pages
    :param root: the one that the site's text is in, the same or above it
    :param address: where the folder's pages are, without a slash at its end; None: each page says its own
    :param home: of the site's first page, likewise
    :param permalink: Jekyll's pattern
    """

    kind: str
    folder: Path
    root: Path
    address: str | None
    home: str
    permalink: str

    @property
    def is_dated(self) -> bool:
        """Whether the generator leaves out a page until its date has come."""
        return self.kind in ("hugo", "jekyll")

    @property
    def needs_matter(self) -> bool:
        """Whether the generator makes no page of a file without front matter."""
        return self.kind == "jekyll"

    def address_of(self, path: Path, matter: FrontMatter) -> str:
        """Return the address of the page that the file at `path` becomes; empty if that can't be told."""
        own = matter.text(*_OWN_ADDRESS)
        if urlsplit(own).scheme in ("http", "https"):
            return own
        if self.address is None:
            return ""
        relative = path.relative_to(self.folder)
        if relative.suffix.lower() in HTML:
            return self._below(_html_path(relative))
        if self.kind == "jekyll":
            return self._of_home(_jekyll_path(path.absolute().relative_to(self.root), matter, self.permalink))
        if own:
            return self._of_home(own)
        path_of = {"hugo": _hugo_path, "astro": _astro_path, "plain": _plain_path}[self.kind]
        return self._below(path_of(relative, matter))

    def _below(self, path: str) -> str:
        return f"{self.address}/{quote(path)}" if path else f"{self.address}/"

    def _of_home(self, path: str) -> str:
        return f"{self.home}/{quote(path.lstrip('/'), safe='/%')}"


def find_site(folder: Path, address: str | None) -> Site:
    """Return what site the folder belongs to.

    :param address: of the folder's pages; None: each page says its own
    """
    address = address.rstrip("/") if address is not None else None
    here = folder.absolute()
    for above in (here, *here.parents):
        for kind, root in _marked(above):
            permalink = _permalink(above) if kind == "jekyll" else ""
            if here.is_relative_to(root):
                home = _home(address or "", here.relative_to(root).parts)
                return Site(kind, folder, root, address, home, permalink)
            if root.is_relative_to(here):
                return Site(kind, folder / root.relative_to(here), root, address, address or "", permalink)
    return Site("plain", folder, here, address, address or "", "")


def _marked(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield which generator's site begins in the folder, and where in it the text is."""
    if (folder / "content").is_dir() and any((folder / name).is_file() for name in _HUGO):
        yield "hugo", folder / "content"
    if any((folder / name).is_file() for name in _JEKYLL):
        yield "jekyll", folder
    if any(folder.glob("astro.config.*")):
        yield from (("astro", folder / texts) for texts in _ASTRO_TEXTS if (folder / texts).is_dir())


def _home(address: str, below: tuple[str, ...]) -> str:
    """Return the address of the site's first page, given that of a folder `below` it."""
    return address.removesuffix("".join(f"/{part}" for part in below if part != "_posts"))


def _permalink(folder: Path) -> str:
    for name in _JEKYLL:
        try:
            said = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            continue
        if isinstance(said, dict) and said.get("permalink"):
            return str(said["permalink"])
    return "date"


def _html_path(relative: PurePath) -> str:
    if relative.stem == "index":
        return _folder_path(relative.parts[:-1])
    return relative.as_posix()


def _plain_path(relative: PurePath, matter: FrontMatter) -> str:
    if relative.stem == "index":
        return _folder_path(relative.parts[:-1])
    return "/".join((*relative.parts[:-1], matter.text("slug") or relative.stem))


def _hugo_path(relative: PurePath, matter: FrontMatter) -> str:
    *folders, _ = relative.parts
    slug = matter.text("slug")
    if relative.stem == "index" and folders:
        folders[-1] = slug or folders[-1]
    elif relative.stem not in ("index", "_index"):
        folders.append(slug or relative.stem)
    return _folder_path(folder.lower().replace(" ", "-") for folder in folders)


def _astro_path(relative: PurePath, matter: FrontMatter) -> str:
    *folders, _ = relative.parts
    if relative.stem != "index":
        folders.append(matter.text("slug") or slug_of(relative.stem))
    return _folder_path(folders)


def _folder_path(folders: Iterator[str] | tuple[str, ...] | list[str]) -> str:
    return "".join(f"{folder}/" for folder in folders)


def _jekyll_path(relative: PurePath, matter: FrontMatter, permalink: str) -> str:
    pattern = matter.text("permalink") or permalink
    pattern = _STYLES.get(pattern, pattern)
    post = _POST.fullmatch(relative.stem)
    if post is None or "_posts" not in relative.parts:
        return _jekyll_page_path(relative, matter, is_pretty=pattern.endswith("/"))
    above = relative.parts[: relative.parts.index("_posts")]
    # A line of several is cut at its spaces, a single one is not.
    several = " ".join(matter.words("categories")).split() if matter.text("categories") else None
    categories = [*above, *(several or matter.words("categories")), *matter.words("category")]
    return _filled(pattern, matter.date or as_day(post[1]), matter.text("slug") or post[2], categories)


def _jekyll_page_path(relative: PurePath, matter: FrontMatter, *, is_pretty: bool) -> str:
    if own := matter.text("permalink"):
        return own
    if relative.stem == "index":
        return _folder_path(relative.parts[:-1])
    return relative.with_suffix("").as_posix() + ("/" if is_pretty else ".html")


def _filled(pattern: str, day: date | None, title: str, categories: list[str]) -> str:
    values = {
        "categories": "/".join(dict.fromkeys(category.lower() for category in categories)),
        "slugified_categories": "/".join(dict.fromkeys(slug_of(category) for category in categories)),
        "title": title,
        "slug": slug_of(title),
        "output_ext": ".html",
    }
    if day:
        values |= {"year": f"{day:%Y}", "month": f"{day:%m}", "day": f"{day:%d}", "short_year": f"{day:%y}"}
        values |= {"i_month": str(day.month), "i_day": str(day.day)}
    path = re.sub(f":({'|'.join(values)})", lambda name: values[name[1]], pattern)
    return re.sub(r"/{2,}", "/", path)
