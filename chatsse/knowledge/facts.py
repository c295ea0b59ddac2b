"""What pages state about themselves, as values."""

import re
from contextlib import suppress
from datetime import date, datetime

# As people write it, without the commas.
_WRITTEN = ("%b %d %Y", "%B %d %Y", "%d %b %Y", "%d %B %Y", "%Y/%m/%d")


def primary_language(tag: str) -> str:
    """Return the primary subtag of a language tag, `en` of `en-GB`; empty where it is none."""
    match = re.match(r"([a-z]{2,3})(?![a-z0-9])", tag.strip().lower())
    return match[1] if match else ""


def as_day(value: object) -> date | None:
    """Return the day of a date, or of a text: the one that it begins with in ISO 8601, or is in English."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    # Of a list, YAML's aliases can make an endless text.
    text = str(value) if isinstance(value, str | int) else ""
    with suppress(ValueError):
        return date.fromisoformat(text[:10])
    for form in _WRITTEN:
        with suppress(ValueError):
            return datetime.strptime(" ".join(text.replace(",", " ").split()), form).date()  # noqa: DTZ007 - a day
    return None
