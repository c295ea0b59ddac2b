"""Where the templates and the static files lie.

They are at the top of the tree, beside the package. A wheel takes them along inside the package; an
editable install runs from the tree, where the package has none.
"""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def templates_dir() -> Path:
    """Return the folder of the templates."""
    return _find("templates")


def static_dir() -> Path:
    """Return the folder of the static files."""
    return _find("static")


def _find(name: str) -> Path:
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name
