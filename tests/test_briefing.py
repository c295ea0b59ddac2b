"""What the model is asked, for a question and what the blog holds."""

from collections.abc import Callable
from pathlib import Path

import pytest

from chatsse.briefing import CHAT, GROUNDED, NEAREST, PASSAGES, Briefing, pack, title_of, unpack
from chatsse.connections import Connections
from chatsse.knowledge.editions import Editions
from chatsse.knowledge.index import Builder, Hit, Index
from chatsse.knowledge.library import Library
from chatsse.knowledge.page import Page, Passage, Receipt
from chatsse.providers import Request, Source, Turn
from chatsse.questions import Question

BLOG = "https://blog.example"
BREAD = f"{BLOG}/bread"
MakeBriefing = Callable[..., Briefing]


def page(url: str, title: str, *passages: Passage, language: str = "en") -> Page:
    return Page(url, title, language, None, "", passages)


def passage(url: str, text: str, *headings: str) -> Passage:
    return Passage(url, headings, tuple(text.split("\n\n")))


PAGES = (
    page(
        BREAD,
        "Bread [at home]",
        passage(BREAD, "Flour, water and salt.\n\nNothing else."),
        passage(f"{BREAD}#oven", "The oven must be hot.\n\n- bake\n- cool", "Baking", "The oven"),
    ),
    page(f"{BLOG}/tea (green)", "Tea", passage(f"{BLOG}/tea", "Green tea likes water of eighty degrees.")),
)


def ask(prompt: str, page: str | None = None) -> Question:
    return Question("id", "conversation", prompt, page, 0)


@pytest.fixture
def brief(connections: Connections, tmp_path: Path) -> MakeBriefing:
    """Makes the briefing of a blog with these pages; of none where there is no content."""

    def make(*pages: Page, is_expected: bool = False) -> Briefing:
        index = None
        if pages:
            builder = Builder(tmp_path / "index")
            for each in pages:
                builder.add(Receipt(each.url, BLOG, "", "", ""), each)
            builder.finish()
            index = Index(tmp_path / "index")
        return Briefing(Library(Editions(connections.commands), is_expected=is_expected, index=index), 77)

    return make


def test_without_content_the_model_gets_the_question_alone(brief: MakeBriefing) -> None:
    request = brief().request(ask("How hot?"), [("Hi", "Hello.")])
    assert request == Request(CHAT, (Turn("Hi", "Hello."),), "How hot?", 77)


def test_with_content_it_gets_the_passages_that_fit(brief: MakeBriefing) -> None:
    request = brief(*PAGES).request(ask("How hot must the oven be?"))
    assert request.system == GROUNDED
    assert request.reply == ""
    assert request.sources[0] == Source(
        f"{BREAD}#oven", "Bread [at home]: The oven", ("The oven must be hot.", "- bake\n- cool")
    )


def test_a_page_without_a_title_is_named_by_its_heading_or_its_address(brief: MakeBriefing) -> None:
    url = f"{BLOG}/untitled"
    nameless = page(url, "", passage(url, "Rye is dark."), passage(f"{url}#b", "Rye is sour.", "Sour"))
    sources = brief(nameless).request(ask("rye")).sources
    assert {source.title for source in sources} == {url, "Sour"}
    assert f"[{url}]({url})" in brief(nameless).request(ask("Zzyzx")).reply


def test_a_follow_up_is_understood_by_the_turn_before_it(brief: MakeBriefing) -> None:
    earlier = [("What about tea?", "It is green.")]
    assert brief(*PAGES).request(ask("And how warm?"), earlier).sources[0].url == f"{BLOG}/tea"


@pytest.mark.parametrize(
    ("url", "headings", "first", "title"),
    [
        ("#the-oven", ("Baking", "The oven"), "It must be hot.", "Bread: The oven"),
        ("#the-oven", ("Baking",), "The oven", "Bread: The oven"),
        ("#the-oven", (), "The oven", "Bread: The oven"),
        ("#h%C3%A4ufige-fehler", (), "Häufige Fehler", "Bread: Häufige Fehler"),
        ("#the-oven:~:text=It%20must", ("The oven",), "It must be hot.", "Bread: The oven"),
        ("", (), "Bread", "Bread"),
        ("", ("Bread",), "It rises.", "Bread"),
        ("#oven", (), "It rises.", "Bread"),
    ],
)
def test_a_source_is_named_by_the_heading_that_its_address_leads_to(
    url: str, headings: tuple[str, ...], first: str, title: str
) -> None:
    assert title_of(Hit("Bread", BREAD, Passage(BREAD + url, headings, (first, "More.")), 1.0)) == title


def test_at_most_so_many_passages_go_to_the_model(brief: MakeBriefing) -> None:
    pages = [
        page(f"{BLOG}/{n}", f"Page {n}", passage(f"{BLOG}/{n}", f"Bread number {n}.")) for n in range(20)
    ]
    assert len(brief(*pages).request(ask("bread?")).sources) == PASSAGES


def test_where_nothing_fits_no_model_is_asked_and_the_nearest_pages_are_named(brief: MakeBriefing) -> None:
    request = brief(*PAGES).request(ask("Who won the chess tournament?", BREAD))
    assert request.sources == ()
    first, _, links = request.reply.partition("\n\n")
    assert first == "I found nothing about that on this blog."
    # What has a meaning in Markdown is escaped, in the title and in the address.
    assert f"- [Bread \\[at home\\]]({BREAD})" in links
    assert f"- [Tea]({BLOG}/tea%20%28green%29)" in links
    assert links.count("- [") <= NEAREST


@pytest.mark.parametrize(
    ("prompt", "start"),
    [
        ("Wo gibt es Kuchen?", "Dazu habe ich"),
        ("Où est le gâteau ?", "Je n’ai rien"),
        ("¿Dónde está el pastel?", "No he encontrado"),
        ("¿Qué es el pastel?", "No he encontrado"),
        ("Onde está o bolo que você fez?", "Não encontrei"),
        ("ケーキはどこですか", "このブログには"),
        ("蛋糕在哪里", "这个博客里"),
        ("أين الكعكة؟", "لم أجد"),
        ("Zzyzx", "I found nothing"),
    ],
)
def test_the_visitor_is_told_so_in_the_language_of_the_question(
    brief: MakeBriefing, prompt: str, start: str
) -> None:
    assert brief(*PAGES).request(ask(prompt)).reply.startswith(start)


@pytest.mark.parametrize(
    ("prompt", "start"),
    [
        ("Hello!", "With pleasure!"),
        ("Thank you so much!", "With pleasure!"),
        ("ok", "With pleasure!"),
        ("No, thanks", "With pleasure!"),
        ("Many thanks for the info, have a nice day!", "With pleasure!"),
        ("Vielen Dank!", "Gern!"),
        ("Vielen lieben Dank für die Antwort", "Gern!"),
        ("Merci beaucoup", "Avec plaisir"),
        ("Merci pour tout", "Avec plaisir"),
        ("¡Muchas gracias!", "¡Con gusto!"),
        ("Gracias por todo", "¡Con gusto!"),
        ("muito obrigado", "Com prazer!"),
        ("ありがとうございます", "このブログについて"),
        ("谢谢", "关于这个博客"),
        ("شكرا جزيلا", "بكل سرور!"),
    ],
)
def test_who_greets_or_thanks_is_invited_to_ask(brief: MakeBriefing, prompt: str, start: str) -> None:
    request = brief(*PAGES).request(ask(prompt, BREAD), [("What about tea?", "It is green.")])
    assert request.sources == ()
    assert request.reply.startswith(start)
    assert "\n" not in request.reply


@pytest.mark.parametrize("prompt", ["Thanks, and the tea?", "Is the tea good for me?", "hello tea"])
def test_who_greets_and_asks_is_answered(brief: MakeBriefing, prompt: str) -> None:
    assert brief(*PAGES).request(ask(prompt)).sources[0].url == f"{BLOG}/tea"


def test_a_question_that_shows_no_language_is_answered_in_the_blogs(brief: MakeBriefing) -> None:
    german = page(f"{BLOG}/brot", "Brot", passage(f"{BLOG}/brot", "Mehl und Wasser."), language="de")
    assert brief(german).request(ask("Zzyzx")).reply.startswith("Dazu habe ich")


def test_as_long_as_the_blog_was_not_read_the_visitor_is_asked_to_wait(
    brief: MakeBriefing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatsse.knowledge.library.WAIT_S", 0)
    request = brief(is_expected=True).request(ask("How hot?"))
    assert request.reply.startswith("I have not read this blog yet.")


def test_a_request_survives_its_way_through_redis() -> None:
    request = Request(
        "s", (Turn("a", "b"),), "p", 7, sources=(Source("u", "t", ("x", "ü\n\U0001f642")),), reply="r"
    )
    assert unpack(pack(request)) == request


def test_a_question_that_was_asked_before_is_asked_the_same(brief: MakeBriefing) -> None:
    kept = Request("s", (), "p", 7, sources=(Source("u", "t", ("x",)),))
    question = Question("id", "conversation", "p", None, 0, pack(kept))
    assert brief(*PAGES).request(question) == kept


def test_a_request_of_an_older_release_is_read_with_what_it_had() -> None:
    line = '{"system": "s", "turns": [], "prompt": "p", "max_output_tokens": 7, "said": "", "gone": 1}'
    assert unpack(line) == Request("s", (), "p", 7)
