"""The settings of a site's generator, as its files have them: YAML, TOML or JSON."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import yaml  # type: ignore[import-untyped]

from chatsse.errors import Unreadable

Settings: TypeAlias = Mapping[str, object]
SUFFIXES = (".toml", ".yaml", ".yml", ".json")
# More than any site needs.
_MOST_BYTES, _MOST_VALUES = 256 * 1024, 100_000


def read_settings(path: Path) -> Settings:
    """Return what the file says; nothing where it says nothing.

    :raises Unreadable: it can't be read, or says more than settings do
    """
    said: object
    try:
        with path.open("rb") as file:
            body = file.read(_MOST_BYTES + 1)
        if len(body) > _MOST_BYTES:
            raise Unreadable("too large")
        text = body.decode("utf-8-sig")
        if path.suffix == ".toml":
            said = tomllib.loads(text)
        else:
            said = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise Unreadable("can't be read") from error
    if not isinstance(said, dict):
        return {}
    _see_that_bounded(said)
    return said


def _see_that_bounded(said: object) -> None:
    """Raise `Unreadable` where YAML's aliases make endless settings of a few lines."""
    waiting, seen = [said], 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            seen += len(value)
            waiting += value.values() if isinstance(value, dict) else value
        if seen > _MOST_VALUES:
            raise Unreadable("too much of it")


def merged(first: Settings, second: Settings) -> Settings:
    """Return both, table by table; where both say something, what the second says."""
    both = {**first, **second}
    for name in first.keys() & second.keys():
        before, after = first[name], second[name]
        if isinstance(before, dict) and isinstance(after, dict):
            both[name] = merged(before, after)
    return both


def in_small_letters(settings: Settings) -> Settings:
    """Return the settings with all their names in small letters, as Hugo takes them."""
    return {
        str(name).lower(): in_small_letters(value) if isinstance(value, dict) else value
        for name, value in settings.items()
    }


def table(settings: Settings, name: str) -> Settings:
    """Return the settings under a name; none where there is no table."""
    value = settings.get(name)
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else {}


def word(settings: Settings, name: str) -> str:
    """Return the text under a name; empty where there is none."""
    value = settings.get(name)
    return value.strip() if isinstance(value, str) else ""


def words(settings: Settings, name: str) -> list[str]:
    """Return the texts of a list, or the words of a text."""
    value = settings.get(name)
    return [str(each) for each in value] if isinstance(value, list) else word(settings, name).split()
