"""The widget's scripts as they are sent: without what only people need, and joined to one module.

This stands in for a build step. A browser would ask for one module after the other, each as it finds its
name in the one before, and compressed one by one they take a quarter more. Only the forms in which the
widget's own modules are written are understood: statements that end in a semicolon, one way to import and one
to export. A form of these two that is another stops the process at its start.
"""

import re
from pathlib import Path

# What is sent as it is: strings, templates, regular expressions. A slash that a space follows divides.
_LITERAL = (
    rb"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`"""
    rb"""|/(?![/* ])(?:[^/\\[\n]|\\.|\[(?:[^]\\\n]|\\.)*])+/)"""
)
_COMMENT = re.compile(_LITERAL + rb"|//.*|/\*[^*]*(?:\*(?!/)[^*]*)*\*/")
# Every statement ends in its semicolon, so that only a line's end behind a brace may have to stay. Not the
# spaces around plus and minus, of which two would become another sign.
_SPACE = re.compile(_LITERAL + rb"| *([{([;,:?=<>&|*!])\s*|\s+(?=[])}])|\s*(\n)\s*")
_STYLE = re.compile(rb"(?<=STYLE = `)[^`]*")
_STYLE_SPACE = re.compile(rb"\s*([{},;>])\s*|(:) |(\s)\s+")
_NESTED = re.compile(rb"\$\{[^}]*`$")
_IMPORT = re.compile(rb'^import \{( \w+(?:, \w+)* )\} from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(rb"^export (?=(?:class|const|function|async function) (\w+))", re.MULTILINE)
_LEFT = re.compile(rb"^(?:import|export)\b.*", re.MULTILINE)


def lean(text: bytes) -> bytes:
    """Return a script without its comments, and the spaces that only people need; of a `STYLE` too.

    :raises ValueError: a template has another one within
    """
    text = _STYLE.sub(lambda style: _STYLE_SPACE.sub(_kept, style[0]).replace(b";}", b"}"), text)
    return _SPACE.sub(_kept, _COMMENT.sub(_kept, text)).strip() + b"\n"


def _kept(found: re.Match[bytes]) -> bytes:
    """Return what is to stay of what was found."""
    kept = b"".join(filter(None, found.groups()))
    if _NESTED.search(kept):
        raise ValueError(f"a template within a template: {kept.decode()}")
    return kept


def bundle(folder: Path, name: str) -> bytes:
    """Return the module `name` and all that it imports, as one module with its exports.

    :raises ValueError: a module imports or exports in a form that is not understood, or imports itself
    """
    scopes: dict[str, bytes] = {}
    exports = _add(scopes, folder, name, ())
    whole = b"".join(
        b"const $%s = (() => {\n%s})();\n" % (each.encode(), code) for each, code in scopes.items()
    )
    return lean(whole + b"export const { %s } = $%s;\n" % (b", ".join(exports), name.encode()))


def _add(scopes: dict[str, bytes], folder: Path, name: str, importers: tuple[str, ...]) -> list[bytes]:
    """Put a module's code, as the body of a function, after those that it imports; return what it exports."""
    if name in importers:
        raise ValueError(f"{name}.js imports itself by way of {', '.join(importers)}")
    code = (folder / f"{name}.js").read_bytes()
    for _, imported in _IMPORT.findall(code):
        if imported.decode() not in scopes:
            _add(scopes, folder, imported.decode(), (*importers, name))
    exports: list[bytes] = _EXPORT.findall(code)
    code = _EXPORT.sub(b"", _IMPORT.sub(rb"const {\1} = $\2;", code))
    if left := _LEFT.search(code):
        raise ValueError(f"{name}.js: {left[0].decode()}")
    scopes[name] = code + b"return { %s };\n" % b", ".join(exports)
    return exports
