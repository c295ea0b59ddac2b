"""The demo: what it says, and that it says where from."""

import pytest

from chatsse.assets import templates_dir
from chatsse.knowledge.sample import Sample
from chatsse.providers import Citation, Part, Request, Stop, Text
from chatsse.providers import demo as demo_module
from chatsse.providers.demo import Demo

QUESTION = "What happens when the process that writes an answer dies?"


@pytest.fixture(autouse=True)
def without_a_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_module, "WORD_S", 0)


@pytest.fixture(scope="module")
def sample() -> Sample:
    return Sample.read(templates_dir())


def answer(sample: Sample, prompt: str) -> list[Part]:
    return list(Demo(sample).answer(Request("", (), prompt, 100)))


def text_of(parts: list[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text))


@pytest.mark.parametrize("prompt", [QUESTION, "?", "Kuchenrezept", "日本語", "\n"])
def test_its_first_words_say_that_it_is_the_demo(sample: Sample, prompt: str) -> None:
    parts = answer(sample, prompt)
    assert text_of(parts).startswith("This is the demo")
    assert parts[-1] == Stop("end_turn")


def test_it_answers_with_the_best_passages_and_cites_each(sample: Sample) -> None:
    parts = answer(sample, QUESTION)
    passages = sample.search(QUESTION, demo_module.PASSAGES)
    assert passages
    cited = [part for part in parts if isinstance(part, Citation)]
    assert [(c.source, c.title, c.quote) for c in cited] == [(p.url, p.title, p.text) for p in passages]
    assert all(passage.text in text_of(parts) for passage in passages)


def test_it_comes_word_by_word(sample: Sample) -> None:
    words = [part.text for part in answer(sample, QUESTION) if isinstance(part, Text)]
    assert all(len(word.split()) <= 1 for word in words)


def test_where_nothing_fits_it_says_so_and_what_to_ask(sample: Sample) -> None:
    parts = answer(sample, "Kuchenrezept")
    assert "found nothing" in text_of(parts)
    assert sample.posts[0].question in text_of(parts)
    assert not [part for part in parts if isinstance(part, Citation)]
