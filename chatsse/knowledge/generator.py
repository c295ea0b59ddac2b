"""What a site's generator makes of a file: whether it becomes a page, and at which path."""

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePath
from urllib.parse import quote, urlsplit

from chatsse.knowledge.front_matter import FrontMatter

HTML = frozenset({".html", ".htm"})
OWN_ADDRESS = ("url", "permalink", "canonicalurl", "canonical_url", "canonical")
DATED = re.compile(r"(\d{4}-\d{1,2}-\d{1,2})[-_ ]+(.+)")
EXCLUDED = "left out by the site's settings"
# Where tutorials and new sites say that they are.
_NOWHERE = re.compile(r"(?:.+\.)?(?:example\.(?:com|org|net)|localhost|127\.0\.0\.1|0\.0\.0\.0)")


class Generator:
    """None that is known: a page is where its file lies.

    :param folder: in which the site begins, as an absolute path
    :ivar roots: the folders that its text is in
    :ivar base: the address of its first page, or only the path, as its settings say; empty: they don't
    :ivar settings_file: the name of the file that says so
    :ivar remarks: what in its settings can't be followed
    """

    is_dated = False
    """Whether it leaves out a page until its date has come."""
    needs_matter = False
    """Whether it makes no page of a file without front matter."""
    own_names: tuple[str, ...] = OWN_ADDRESS
    """What a page's front matter calls the path that it is to have."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.roots: tuple[Path, ...] = (folder,)
        self.base = ""
        self.settings_file = ""
        self.remarks: list[str] = []

    @staticmethod
    def begins_in(folder: Path) -> bool:
        """Tell whether a site of this generator begins in the folder."""
        return folder.is_dir()

    def is_of_pages(self, name: str) -> bool:
        """Tell whether a folder of this name holds pages, though its name looks like the generator's own."""
        return name == "_posts"

    def why_not(self, _: Path) -> str:
        """Return why the file becomes no page; empty: it does."""
        return ""

    def completed(self, _: Path, matter: FrontMatter) -> FrontMatter:
        """Return what the front matter of a file says, and what the site's settings say for it."""
        return matter

    def path_of(self, path: Path, matter: FrontMatter) -> str | None:
        """Return the address of the file's page, from that of the site's first page on.

        It is quoted, and begins without a slash; None: it can't be told.

        :param matter: completed
        """
        if path.suffix.lower() in HTML:
            return quote(_html_path(self.relative(path)))
        own = matter.text(*self.own_names)
        return self._own(own, path, matter) if own else self._path(path, matter)

    def folder_path(self, folder: Path) -> str:
        """Return where the pages of a folder are, likewise; it ends in a slash unless it is the top."""
        return quote(folder_path(self.relative(folder).parts))

    def name_of(self, path: Path) -> str:
        """Return what the file's name calls its page; empty where that says nothing."""
        if path.stem not in ("index", "_index"):
            return undated(path.stem)
        return undated(path.parent.name) if self.relative(path).parts[:-1] else ""

    def relative(self, path: Path) -> PurePath:
        """Return the path from the innermost of the roots that it is in; an empty one if it is in none."""
        inside = [root for root in self.roots if path.is_relative_to(root)]
        return path.relative_to(max(inside, key=lambda root: len(root.parts), default=path))

    def _own(self, own: str, _path: Path, _matter: FrontMatter) -> str | None:
        return quote(own.lstrip("/"), safe="/%")

    def _path(self, path: Path, matter: FrontMatter) -> str | None:
        relative = self.relative(path)
        if relative.stem == "index":
            return quote(folder_path(relative.parts[:-1]))
        return quote("/".join((*relative.parts[:-1], matter.text("slug") or relative.stem)))

    def _inside(self, said: str, file: str, key: str) -> Path | None:
        """Return the folder of the site's that its settings name; None, with a remark: it leads out of it.

        :param said: its path from where the site begins
        """
        folder = absolute(self.folder / said)
        if folder.is_relative_to(self.folder):
            return folder
        self._beware(file, key, f"{said} is not in {self.folder.name}")
        return None

    def _beware(self, file: str, key: str, why: str = "") -> None:
        """Remark that addresses may be wrong, since something in the settings is not followed."""
        told = f"{key} is not followed{f' ({why})' if why else ''}" if key else "can't be read"
        remark = f"{file}: {told}, so addresses may be wrong or missing: name the sitemap instead"
        if remark not in self.remarks:
            self.remarks.append(remark)


def absolute(path: Path) -> Path:
    """Return the path from the root, without the `..` that would seem to lie in the folder before them."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - links stay what they are


def base_of(address: str, below: str = "") -> str:
    """Return the address of a site's first page, without a slash at its end, as its settings name it.

    Only its path where the site can't be there, as in the settings of tutorials and new sites.

    :param below: the rest of the path, where the settings name it apart
    """
    try:
        parts = urlsplit(address.strip())
        host = parts.hostname or ""
    except ValueError:
        return base_of(below) if below else ""
    has_path = bool(host) or address.startswith("/")
    path = f"/{parts.path.strip('/') if has_path else ''}/{below.strip('/')}".rstrip("/").replace("//", "/")
    is_there = parts.scheme in ("http", "https") and host and not _NOWHERE.fullmatch(host)
    return f"{parts.scheme}://{parts.netloc}{path}" if is_there else path


def folder_path(folders: Iterable[str]) -> str:
    """Return the path of the folders, each with a slash behind it."""
    return "".join(f"{folder}/" for folder in folders)


def undated(name: str) -> str:
    """Return a file's name without the date in front of it."""
    dated = DATED.fullmatch(name)
    return dated[2] if dated else name


def _html_path(relative: PurePath) -> str:
    if relative.stem == "index":
        return folder_path(relative.parts[:-1])
    return relative.as_posix()
