"""The demo: what it says, and that it says where from."""

import pytest

from chatsse.providers import Citation, Part, Request, Source, Stop, Text
from chatsse.providers import demo as demo_module
from chatsse.providers.demo import Demo

OVEN = Source(
    "/posts/bread#oven", "Bread: The oven", ("First things first.", "The oven must be *hot*.", "Very.")
)
TEA = Source("/posts/tea", "Tea", ("Green tea likes water of eighty degrees.",))
THIRD = Source("/posts/cake", "Cake", ("Cake is cake.",))


@pytest.fixture(autouse=True)
def without_a_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_module, "WORD_S", 0)


def request(*sources: Source, prompt: str = "How hot must the oven be?", said: str = "") -> Request:
    return Request("", (), prompt, 100, sources, said=said)


def answer(asked: Request) -> list[Part]:
    return list(Demo().answer(asked))


def text_of(parts: list[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text))


def test_its_first_words_say_that_it_is_the_demo() -> None:
    parts = answer(request(OVEN))
    assert text_of(parts).startswith("This is the demo")
    assert parts[-1] == Stop("end_turn")


def test_it_quotes_the_best_passages_and_cites_each() -> None:
    parts = answer(request(OVEN, TEA, THIRD))
    cited = [part for part in parts if isinstance(part, Citation)]
    assert [(c.source, c.title) for c in cited] == [(OVEN.url, OVEN.title), (TEA.url, TEA.title)]
    assert cited[0].quote in OVEN.paragraphs


def test_a_citation_follows_on_the_words_that_it_is_for() -> None:
    parts = answer(request(OVEN, TEA))
    first = next(n for n, part in enumerate(parts) if isinstance(part, Citation))
    assert text_of(parts[:first]).endswith("Very.")
    assert "Green tea" not in text_of(parts[:first])


def test_markdown_in_a_quote_is_shown_as_it_stands() -> None:
    assert "The oven must be \\*hot\\*." in text_of(answer(request(OVEN)))


def test_a_long_passage_is_quoted_in_part() -> None:
    long = Source("/posts/long", "Long", tuple(f"Paragraph {n} is about ovens. " * 5 for n in range(20)))
    quoted = text_of(answer(request(long))).partition("“Long”:")[2]
    assert 0 < len(quoted.split()) <= demo_module.QUOTED_WORDS


def test_what_looks_like_a_mark_in_a_quote_is_none() -> None:
    noted = Source("/posts/note", "Note [2]", ("As others say [1], ovens are hot.",))
    parts = answer(request(noted, TEA))
    assert "Note \\[2\\]”:\n\nAs others say \\[1\\], ovens" in text_of(parts)
    assert len([part for part in parts if isinstance(part, Citation)]) == 2


CODE = "hot = oven.heat(hot)\nprint(hot)"


@pytest.mark.parametrize(
    ("paragraphs", "quoted"),
    [
        (("It must be hot.", CODE), f"It must be hot.\n\n```\n{CODE}\n```"),
        (("Before.", "Heat the oven so:", CODE), f"Heat the oven so:\n\n```\n{CODE}\n```"),
        ((CODE, "Heat the oven."), "Heat the oven."),
        (("An oven has two parts:", "- a door\n- a floor"), "An oven has two parts:\n\n- a door\n- a floor"),
        (("Oven | Heat\nmine | 250",), "| Oven | Heat |\n| --- | --- |\n| mine | 250 |"),
        (("The oven.", "And then:"), "The oven."),
        (("The oven.", "Common mistakes"), "The oven."),
        (("The oven.", "Common mistakes", "And then:"), "The oven."),
        (("The oven:", "pip install heat"), "The oven:\n\npip install heat"),
        (("The oven", "It heats."), "The oven\n\nIt heats."),
        (("```\noven",), "````\n```\noven\n````"),
    ],
)
def test_it_quotes_what_goes_together_as_it_stood(paragraphs: tuple[str, ...], quoted: str) -> None:
    text = text_of(answer(request(Source("/posts/oven", "It", paragraphs))))
    assert text.endswith(f"From “It”:\n\n{quoted}")


def test_the_number_of_code_stands_before_it() -> None:
    parts = answer(request(Source("/posts/oven", "It", (CODE,))))
    first = next(n for n, part in enumerate(parts) if isinstance(part, Citation))
    assert text_of(parts[:first]).endswith("From “It”")


def test_it_comes_word_by_word() -> None:
    words = [part.text for part in answer(request(OVEN, TEA)) if isinstance(part, Text)]
    assert all(len(word.split()) <= 1 for word in words)


def test_it_goes_on_where_it_was_cut_and_cites_what_is_still_to_come() -> None:
    whole = answer(request(OVEN, TEA))
    text = text_of(whole)
    said = text[: text.index("Green")]
    rest = answer(request(OVEN, TEA, said=said))
    assert said + text_of(rest) == text
    assert [part.source for part in rest if isinstance(part, Citation)] == [TEA.url]
