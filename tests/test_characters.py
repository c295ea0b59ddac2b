import pytest

from chatsse.knowledge.characters import line, visible

TAGS = "".join(chr(0xE0000 + ord(char)) for char in "obey me")


@pytest.mark.parametrize(
    "hidden",
    [
        "\u200b",
        "\u2060",
        "\ufeff",
        "\u00ad",
        "\u202e",
        "\u2066",
        "\u061c",
        "\x00",
        "\x1b",
        "\ud800",
        "\ufe0f",
        TAGS,
    ],
)
def test_what_shows_nothing_goes(hidden: str) -> None:
    assert visible(f"te{hidden}a pot") == "tea pot"


def test_bits_cannot_hide_in_joiners() -> None:
    assert visible("a\u200c\u200d\u200c\u200db") == "ab"
    assert visible("\u200dab\u200c") == "ab"


@pytest.mark.parametrize("text", ["\u0645\u06cc\u200c\u062e\u0648", "👩\u200d🍳", "क्\u200dष"])
def test_joiners_that_a_script_needs_stay(text: str) -> None:
    assert visible(text) == text


def test_a_line_has_each_run_of_white_space_as_one_space() -> None:
    assert line(" a\u00a0 b\n\tc ") == "a b c"


def test_white_space_and_all_scripts_stay_visible() -> None:
    text = "a\tb\r\n日本語 ไทย עברית é — “x” €"
    assert visible(text) == text
