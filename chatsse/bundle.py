"""The widget's scripts as they are sent: without comments, and the modules that belong together as one.

This stands in for a build step. A browser would ask for one module after the other, each as it finds its
name in the one before, and compressed one by one they take a quarter more. Only the forms in which the
widget's own modules import and export are understood; any other stops the process at its start.
"""

import re
from pathlib import Path

# A line that is nothing but comment, or a type.
_COMMENT = re.compile(
    rb"^ *//.*\n|^ */\*\*(?:[^*]|\*(?!/))*\*/ *\n|/\*\* @(?:type|this) [^*]*\*/ ?", re.MULTILINE
)
_INDENT = re.compile(rb"\n\s+")
_IMPORT = re.compile(rb'^import \{( \w+(?:, \w+)* )\} from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(rb"^export (?=(?:class|const|function|async function) (\w+))", re.MULTILINE)
_LEFT = re.compile(rb"^(?:import|export)\b.*", re.MULTILINE)


def lean(text: bytes) -> bytes:
    """Return a script without its comments and indents."""
    return _INDENT.sub(b"\n", _COMMENT.sub(b"", text))


def bundle(folder: Path, name: str) -> bytes:
    """Return the module `name` and all that it imports, as one module with its exports.

    :raises ValueError: a module imports or exports in a form that is not understood, or imports itself
    """
    scopes: dict[str, bytes] = {}
    exports = _add(scopes, folder, name, ())
    whole = b"".join(
        b"const $%s = (() => {\n%s})();\n" % (each.encode(), code) for each, code in scopes.items()
    )
    return whole + b"export const { %s } = $%s;\n" % (b", ".join(exports), name.encode())


def _add(scopes: dict[str, bytes], folder: Path, name: str, importers: tuple[str, ...]) -> list[bytes]:
    """Put a module's code, as the body of a function, after those that it imports; return what it exports."""
    if name in importers:
        raise ValueError(f"{name}.js imports itself by way of {', '.join(importers)}")
    code = lean((folder / f"{name}.js").read_bytes())
    for _, imported in _IMPORT.findall(code):
        if imported.decode() not in scopes:
            _add(scopes, folder, imported.decode(), (*importers, name))
    exports: list[bytes] = _EXPORT.findall(code)
    code = _EXPORT.sub(b"", _IMPORT.sub(rb"const {\1} = $\2;", code))
    if left := _LEFT.search(code):
        raise ValueError(f"{name}.js: {left[0].decode()}")
    scopes[name] = code + b"return { %s };\n" % b", ".join(exports)
    return exports
