"""Folders of a site, written for a test and read as an owner names them."""

from pathlib import Path

from chatsse.knowledge.folder import Folder
from chatsse.knowledge.page import Outcome, Read, Receipt, Skipped

SITE = "https://blog.example"


def write(path: str, front: str = "", text: str = "Tea.") -> None:
    """Write a file, with a title and more where there is front matter."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(f"---\ntitle: Tea\n{front}\n---\n{text}" if front else text, encoding="utf-8")


def outcomes(word: str, known: dict[str, Receipt] | None = None) -> dict[str, Outcome]:
    """Return what becomes of each file that the owner's word names."""
    read = {}
    for outcome in Folder(known or {}).pages(word):
        location = outcome.location if isinstance(outcome, Skipped) else outcome.receipt.location
        assert location not in read
        read[location] = outcome
    return read


def addresses(word: str) -> dict[str, str]:
    """Return the pages' addresses by their files."""
    return {path: read.page.url for path, read in outcomes(word).items() if isinstance(read, Read)}


def titles(word: str) -> dict[str, str]:
    """Return the pages' titles by their files."""
    return {path: read.page.title for path, read in outcomes(word).items() if isinstance(read, Read)}


def skipped(word: str) -> dict[str, tuple[str, bool]]:
    """Return why files are left out, and whether for good."""
    return {
        path: (read.why, read.is_gone) for path, read in outcomes(word).items() if isinstance(read, Skipped)
    }


def remarks(word: str) -> list[str]:
    """Return what the owner is told of the folder."""
    folder = Folder({})
    list(folder.pages(word))
    return folder.remarks
