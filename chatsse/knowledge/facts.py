"""What pages state about themselves, as values."""

import re
from datetime import date, datetime


def primary_language(tag: str) -> str:
    """Return the primary subtag of a language tag, `en` of `en-GB`; empty where it is none."""
    match = re.match(r"([a-z]{2,3})(?![a-z0-9])", tag.strip().lower())
    return match[1] if match else ""


def as_day(value: object) -> date | None:
    """Return the day of a date, or the one that an ISO 8601 text begins with."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
