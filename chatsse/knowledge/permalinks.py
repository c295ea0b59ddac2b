"""Where the pages are that a site's generator makes of files.

| in the folder, or above it | the site is | its text is in | a page's address |
|---|---|---|---|
| `hugo.toml`, `config.toml`, … | Hugo's | `content/`, `contentDir` | by `permalinks`, or `a/b/` of `a/b.md` |
| `_config.yml` | Jekyll's | all of it | by `permalink`: its own, its collection's, the site's |
| `astro.config.*` | Astro's | `src/content/`, `src/pages/` | by its route, or `a/b/` of `a/b.md` |
| none of these | plain | all of it | `a/b` of `a/b.md` |

The front matter's `slug` takes the file's name's place. An address that it gives is taken as it is; a path
there begins at the site's first page. An HTML file is where it lies, `index.html` at its folder.
What only a site's own templates decide can't be known here. What its settings decide and is not followed is
remarked on: such a site is read from its sitemap.
"""

from pathlib import Path
from urllib.parse import urlsplit

from chatsse.knowledge.addresses import site_of
from chatsse.knowledge.astro import Astro
from chatsse.knowledge.front_matter import FrontMatter
from chatsse.knowledge.generator import OWN_ADDRESS, Generator, absolute
from chatsse.knowledge.hugo import Hugo
from chatsse.knowledge.jekyll import Jekyll

_KNOWN: tuple[type[Generator], ...] = (Hugo, Jekyll, Astro)


class Site:
    """A folder of pages, and where they are.

    :param folders: those of its folders that hold them, as the owner writes their paths
    :param generator: what makes pages of them
    :param address: where the folder's pages are, without a slash at its end; None: as the site's settings
        say, or each page its own
    """

    def __init__(
        self, folder: Path, folders: tuple[Path, ...], generator: Generator, address: str | None
    ) -> None:
        self.folders = folders
        self.generator = generator
        self._below = generator.folder_path(absolute(folder))
        self._address, self._home = _placed(address, self._below, generator.base)
        self.remarks = tuple(generator.remarks)
        if address is None and self._home:
            said = f"{generator.settings_file} says that its pages are at {self._home}/"
            self.remarks = (said, *self.remarks)

    def completed(self, path: Path, matter: FrontMatter) -> FrontMatter:
        """Return what the front matter of a file says, and what the site's settings say for it."""
        return self.generator.completed(absolute(path), matter)

    def address_of(self, path: Path, matter: FrontMatter) -> str:
        """Return the address of the page that the file at `path` becomes; empty if that can't be told."""
        own = matter.text(*OWN_ADDRESS)
        if _is_whole(own):
            return own
        said = self.generator.path_of(absolute(path), matter)
        if said is None or _is_whole(said):
            return said or ""
        if self._address is None:
            return ""
        if said.startswith(self._below):
            return f"{self._address}/{said.removeprefix(self._below)}"
        return f"{self._home}/{said}"

    def why_not(self, path: Path) -> str:
        """Return why the file at `path` becomes no page; empty: it does."""
        return self.generator.why_not(absolute(path))

    def name_of(self, path: Path) -> str:
        """Return what the file's name calls its page; empty where that says nothing."""
        return self.generator.name_of(absolute(path))


def find_site(folder: Path, address: str | None) -> Site:
    """Return what site the folder belongs to.

    :param address: of the folder's pages; None: the site's settings say it, or each page its own
    """
    address = address.rstrip("/") if address is not None else None
    here = absolute(folder)
    plain = Generator(here)
    for above in (here, *here.parents):
        for kind in _KNOWN:
            if kind.begins_in(above):
                generator = kind(above)
                if folders := _folders(folder, generator.roots):
                    return Site(folder, folders, generator, address)
                if above == here:
                    plain.remarks += generator.remarks
    return Site(folder, (folder,), plain, address)


def _folders(folder: Path, roots: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return what of the folder is in one of the roots: all of it, or those of them that it holds."""
    here = absolute(folder)
    if any(here.is_relative_to(root) for root in roots):
        return (folder,)
    held = [root for root in roots if root.is_relative_to(here) and root.is_dir()]
    outer = [root for root in held if not any(root != other and root.is_relative_to(other) for other in held)]
    return tuple(folder / root.relative_to(here) for root in outer)


def _placed(address: str | None, below: str, base: str) -> tuple[str | None, str | None]:
    """Return the addresses of the owner's folder and of the site's first page; None: nobody says them.

    :param address: of the folder, in the owner's words
    :param below: the folder's path, by the generator's rules
    :param base: the first page's address, or only its path, in the site's settings
    """
    folder = f"/{below}".rstrip("/")
    if address is None:
        return (base + folder, base) if _is_whole(base) else (None, None)
    is_ours = not _is_whole(base) or site_of(base) == site_of(address)
    if not address.endswith(folder):
        # By other rules than the generator's, unless the settings know better.
        return (base + folder, base) if _is_whole(base) and is_ours else (address, address)
    home = address.removesuffix(folder)
    if is_ours and not urlsplit(home).path:
        home += urlsplit(base).path
    return home + folder, home


def _is_whole(address: str) -> bool:
    return address.lower().startswith(("http://", "https://"))
