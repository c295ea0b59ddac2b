"""Where an answer can be gone on with, and how the rest joins it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from story import tale, telling

from chatsse.providers import Request
from chatsse.providers.claude import _messages
from chatsse.seam import BACK_CHARS, LEAST_CHARS, REPEATED_CHARS, Seam, safe_end

# Long enough for a seam, and ended so that anything can follow.
LONG = tale(8) + " "
TALE = tale(30)


def joined(said: str, *pieces: str) -> str:
    """Return the answer that a page shows, which the pieces of a continuation were joined to."""
    seam = Seam(said)
    return said + "".join(map(seam.join, pieces)) + seam.close()


@pytest.mark.parametrize(
    ("end", "kept"),
    [
        ("It rained. ", "It rained. "),
        ("It rained.", "It rained."),
        ("It rained. Then the su", "It rained. "),
        ("It rained. Then the ", "It rained. "),
        ("It **rained.** Then", "It **rained.** "),
        ("He said: “It rained!” Then", "He said: “It rained!” "),
        ("Did it rain in 1999? I", "Did it rain in 1999? "),
        ("It cost 3.", ""),
        ("See\n1. ", "See\n"),
        ("It cost 3. And", "It cost 3. "),
        ("Dogs, e.g. the", ""),
        ("A list:\n\n- one\n- tw", "A list:\n\n- one\n"),
        ("| a | b |\n|---|", "| a | b |\n"),
        ("下雨了。然后", "下雨了。"),
        ("雨が降りました。「本当？」と", "雨が降りました。「本当？"),
    ],
)
def test_an_answer_is_kept_to_the_end_of_its_last_whole_sentence_or_line(end: str, kept: str) -> None:
    text = LONG + end
    assert text[: safe_end(text)] == LONG + kept


def test_a_sentence_without_an_end_is_kept_to_its_last_whole_word() -> None:
    text = LONG + "on and " * BACK_CHARS + "o"
    assert safe_end(text) == len(text) - 1


def test_a_word_without_an_end_is_kept_whole() -> None:
    text = LONG + "語" * 2 * BACK_CHARS
    assert safe_end(text) == len(text)


@pytest.mark.parametrize("fence", ["```", "~~~", "````"])
def test_a_block_of_code_is_begun_again(fence: str) -> None:
    text = f"{LONG}\n\n{fence}python\nprint(1)\nprint("
    assert text[: safe_end(text)] == f"{LONG}\n\n"


def test_a_long_block_of_code_is_kept_to_its_last_whole_line() -> None:
    code = f"{LONG}\n\n```python\n" + "print(1)\n" * BACK_CHARS
    assert safe_end(code + "prin") == len(code)


def test_a_block_of_code_that_has_ended_is_kept() -> None:
    text = f"{LONG}\n\n```python\nprint(1)\n```\n"
    assert safe_end(text + "So it pri") == len(text)


@pytest.mark.parametrize("length", [0, 1, LEAST_CHARS - 1])
def test_an_answer_that_has_hardly_begun_is_begun_again(length: int) -> None:
    assert safe_end(TALE[:length]) == 0


@pytest.mark.parametrize(
    ("end", "continuation", "whole"),
    [
        ("It rained. ", "Then it stopped.", "It rained. Then it stopped."),
        ("It rained.", "Then it stopped.", "It rained. Then it stopped."),
        ("It rained.", " Then it stopped.", "It rained. Then it stopped."),
        ("It rained. ", " Then it stopped.", "It rained. Then it stopped."),
        ("It rained.", "\n\nThen it stopped.", "It rained.\n\nThen it stopped."),
        ("It rained. ", "\n\nThen it stopped.", "It rained. \n\nThen it stopped."),
        ("It rained.\n\n", "\n\nThen it stopped.", "It rained.\n\nThen it stopped."),
        ("It rained", "! Then it stopped.", "It rained! Then it stopped."),
        ("It rained.", "- one\n- two", "It rained.\n\n- one\n- two"),
        ("It rained.", "## Then", "It rained.\n\n## Then"),
        ("- one\n", "  - two", "- one\n  - two"),
        ("下雨了。", "然后停了。", "下雨了。然后停了。"),
        ("“It rained!”", "Then it stopped.", "“It rained!” Then it stopped."),
        ("It rained…", "Then it stopped.", "It rained… Then it stopped."),
        ("It rained. ", "- one\n- two", "It rained. \n\n- one\n- two"),
        ("It rained. ", "```\ncode\n```", "It rained. \n\n```\ncode\n```"),
    ],
)
def test_a_continuation_has_the_space_that_is_due(end: str, continuation: str, whole: str) -> None:
    assert joined(LONG + end, continuation) == LONG + whole
    assert joined(LONG + end, *continuation) == LONG + whole


@pytest.mark.parametrize(
    ("end", "continuation", "whole"),
    [
        ("It rained. ", "It rained. Then it stopped.", "It rained. Then it stopped."),
        ("It rained.", "It rained. Then it stopped.", "It rained. Then it stopped."),
        ("It rained.", "rained. Then it stopped.", "It rained. Then it stopped."),
        ("It rained.\n\n", "It rained. Then it stopped.", "It rained.\n\nThen it stopped."),
        ("It rained. ", "It  rained.\n\nThen it stopped.", "It rained. \n\nThen it stopped."),
        ("It rained and ", "rained and poured.", "It rained and poured."),
        ("We saw the ", "these houses.", "We saw the these houses."),
        ("We saw a breathe ", "the house.", "We saw a breathe the house."),
        ("It is 0 1 ", "0 1 0 1.", "It is 0 1 0 1 0 1."),
        ("\n\n- Redis\n", "- Redis\n- Sentinel", "\n\n- Redis\n- Sentinel"),
        ("\n\n- Redis\n", "- Redis Sentinel\n", "\n\n- Redis\n- Redis Sentinel\n"),
        ("\n\n| 10 | 20 |\n", "| 20 | 20 |", "\n\n| 10 | 20 |\n| 20 | 20 |"),
        ("\n\n| 10 | 20 |\n", "| 10 | 20 |\n| 20 | 20 |", "\n\n| 10 | 20 |\n| 20 | 20 |"),
        ("下雨了。", "下雨了。然后停了。", "下雨了。然后停了。"),
    ],
)
def test_words_that_are_said_again_are_dropped(end: str, continuation: str, whole: str) -> None:
    assert joined(LONG + end, continuation) == LONG + whole
    assert joined(LONG + end, *continuation) == LONG + whole


def test_a_block_of_code_is_not_opened_twice() -> None:
    code = f"{LONG}\n\n```python\n" + "print(1)\n" * BACK_CHARS
    for continuation in ("```python\nprint(2)\n```", "```python\nprint(1)\nprint(2)\n```"):
        assert joined(code, continuation) == f"{code}print(2)\n```"
        assert joined(code, *continuation) == f"{code}print(2)\n```"


def test_a_line_of_code_is_no_repetition_of_one_that_is_indented_otherwise() -> None:
    code = f"{LONG}\n\n```ruby\n" + "  print(1)\n" * BACK_CHARS + "    end\n"
    assert joined(code, *"  end\nend\n") == f"{code}  end\nend\n"


def test_a_continuation_that_only_says_the_end_again_adds_nothing() -> None:
    assert joined(LONG, LONG[-80:]) == LONG


def test_the_first_words_come_as_soon_as_they_are_no_repetition() -> None:
    seam = Seam(LONG)
    assert [seam.join("Qui"), seam.join("te"), seam.join(" an"), seam.join("other")] == [
        "",
        "",
        "Quite an",
        "other",
    ]


def test_what_joins_nothing_passes_as_it_is() -> None:
    seam = Seam("")
    assert [seam.join(" a"), seam.join(" b"), seam.close()] == [" a", " b", ""]


@pytest.mark.parametrize("repeats", [0, 1, 2, 5, 12])
def test_a_tale_cut_anywhere_ends_as_if_it_had_not_been(repeats: int) -> None:
    script = telling(TALE, repeats=repeats)
    for end in range(len(TALE) + 1):
        kept = TALE[: safe_end(TALE[:end])]
        request = Request("", (), "Tell it.", 1000, said=kept)
        pieces = [step for step in script({"messages": _messages(request)}) if isinstance(step, str)]
        assert joined(kept, *pieces) == TALE, f"cut after {end}"


PIECES = [*"ab1. \n-*|`#>。語", "```", "It rained. ", "- one\n", "| 10 | 20 |\n", "  end\n", "\n\n"]
MARKDOWN = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


@given(st.one_of(st.text(max_size=600), MARKDOWN.map(LONG.__add__)), MARKDOWN, st.integers(1, 9))
def test_any_split_of_a_continuation_joins_alike(said: str, text: str, size: int) -> None:
    pieces = [text[n : n + size] for n in range(0, len(text), size)]
    assert joined(said, *pieces) == joined(said, text)


@given(st.text(max_size=3 * REPEATED_CHARS))
def test_no_more_is_kept_than_was_said(text: str) -> None:
    assert safe_end(text) in {0, *range(LEAST_CHARS, len(text) + 1)}
