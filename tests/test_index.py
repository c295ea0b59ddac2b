import os
import random
import sqlite3
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatsse.errors import BadIndex
from chatsse.knowledge import index as module
from chatsse.knowledge.index import Builder, Index, Link, address_of
from chatsse.knowledge.page import Page, Passage, Receipt

ANY_TEXT = st.text(st.characters(), max_size=80)


def page(
    slug: str, *texts: str, title: str = "", language: str = "en", day: date | None = None, **more: str
) -> Page:
    url = f"https://blog.example/{slug}"
    passages = tuple(Passage(f"{url}#{n}", (), (text,)) for n, text in enumerate(texts))
    return Page(url, title or slug, language, day, more.get("summary", ""), passages)


def receipt(location: str) -> Receipt:
    return Receipt(location, "the blog", '"1"', "", f"digest of {location}")


def build(path: Path, pages: Iterable[Page]) -> Index:
    builder = Builder(path)
    for one in pages:
        builder.add(receipt(one.url), one)
    builder.finish()
    return Index(path)


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Index]:
    return lambda *pages: build(tmp_path / "index", pages)


def found(index: Index, question: str, **more: str) -> list[str]:
    """Return the slugs of what is found, best first."""
    return [hit.passage.url.rpartition("/")[2] for hit in index.search(question, **more)]


def test_what_was_added_is_read_as_it_was(made: Callable[..., Index]) -> None:
    whole = Page(
        "https://blog.example/tea",
        "Tée",
        "en",
        date(2026, 3, 1),
        "Hot leaves",
        (Passage("https://blog.example/tea#how", ("How", "Long"), ("Two\nminutes.", "猫 \ud800 'x'")),),
    )
    index = made(whole, page("empty"))
    assert index.read(whole.url) == (receipt(whole.url), whole)
    assert index.receipts() == {url: receipt(url) for url in (whole.url, "https://blog.example/empty")}
    assert (index.pages, index.passages, index.languages) == (2, 1, ("en",))


def test_a_page_that_is_there_under_another_location_is_left_out(tmp_path: Path) -> None:
    builder = Builder(tmp_path / "index")
    assert builder.add(receipt("/feed"), page("tea", "Hot leaves."))
    assert not builder.add(receipt("/sitemap"), page("tea", "Cold leaves."))
    assert not builder.add(receipt("/feed"), page("coffee", "Beans."))
    builder.finish()
    index = Index(tmp_path / "index")
    assert list(index.receipts()) == ["/feed"]
    assert found(index, "cold beans") == []


def test_a_location_may_be_no_unicode(tmp_path: Path) -> None:
    builder = Builder(tmp_path / "index")
    builder.add(receipt("/posts/caf\udce9.md"), page("café \udce9", "Hot."))
    builder.finish()
    assert list(Index(tmp_path / "index").receipts()) == ["/posts/caf\udce9.md"]


def test_a_hit_tells_its_page_and_its_passage(made: Callable[..., Index]) -> None:
    tea = page("tea", "Cold.", "Hot leaves.", title="On tea")
    (hit,) = made(tea).search("leaves?")
    assert (hit.title, hit.page_url, hit.passage) == ("On tea", tea.url, tea.passages[1])
    assert hit.score > 0


def test_no_page_has_more_than_two_hits(made: Callable[..., Index]) -> None:
    index = made(page("tea", *["Leaves."] * 5), page("tree", "Green leaves."), *filler())
    assert sorted(found(index, "leaves")) == ["tea#0", "tea#1", "tree#0"]
    assert len(index.search("leaves", limit=2)) == 2
    assert index.search("leaves", limit=0) == []


def filler() -> list[Page]:
    """Return pages enough that what the others say is rare."""
    return [page(f"filler-{n}", f"Nothing number {n} worth a word.") for n in range(20)]


@pytest.mark.parametrize(
    ("question", "slug"),
    [
        ("C++", "cpp"),
        ("is C# any good?", "csharp"),
        (".NET", "dotnet"),
        ("nodejs", "node"),
        ("node.js", "node"),
        ("js", "node"),
        ("asyncio.gather", "gather"),
        ("gather", "gather"),
        ("X-Accel-Buffering", "header"),
        ("accel", "header"),
        ("setUp", "setup"),
        ("max_age", "age"),
        ("maxAge", "age"),
        ("the max", "age"),
    ],
)
def test_names_are_found_as_a_whole_and_by_their_parts(
    made: Callable[..., Index], question: str, slug: str
) -> None:
    index = made(
        page("c", "I like the language C."),
        page("cpp", "I like the language C++."),
        page("csharp", "I like the language C#."),
        page("dotnet", "It runs on .NET."),
        page("net", "I fish with a net."),
        page("node", "It runs on Node.js."),
        page("gather", "Await asyncio.gather(a, b)."),
        page("header", "X-Accel-Buffering: no"),
        page("setup", "unittest calls setUp first"),
        page("age", "Set max_age to 0."),
        *filler(),
    )
    assert found(index, question)[0] == f"{slug}#0"


def test_a_word_in_the_title_counts_more_than_one_in_the_text(made: Callable[..., Index]) -> None:
    index = made(page("a", "It says leaves."), page("b", "It says much.", title="Leaves"), *filler())
    assert found(index, "leaves") == ["b#0", "a#0"]


def test_a_passage_that_holds_more_of_the_question_counts_more(made: Callable[..., Index]) -> None:
    index = made(
        page("one", "Leaves. Leaves. More is said of nothing."),
        page("both", "It says leaves once, and once it says water, among words that say nothing of it."),
        page("w", "Water."),
        page("w2", "Water."),
        *filler(),
    )
    assert found(index, "leaves water")[:2] == ["both#0", "one#0"]


def test_what_a_page_says_of_itself_finds_its_first_passage(made: Callable[..., Index]) -> None:
    index = made(page("tea", "Zero.", "One.", summary="On leaves"), *filler())
    assert found(index, "leaves") == ["tea#0"]


def test_each_language_of_the_index_finds_its_own_forms(made: Callable[..., Index]) -> None:
    index = made(
        page("haus", "Die Häuser sind alt.", language="de"),
        page("house", "The houses are old.", language="en"),
        *filler(),
    )
    assert found(index, "hauses") == ["haus#0"]
    assert found(index, "housing") == ["house#0"]


def test_the_language_of_a_page_that_does_not_say_is_told_by_its_words(made: Callable[..., Index]) -> None:
    index = made(page("haus", "Die Häuser sind alt und schön.", language=""))
    assert index.languages == ("de",)
    assert found(index, "hauses") == ["haus#0"]
    assert index.read("https://blog.example/haus")[1].language == ""


@pytest.mark.parametrize("question", ["猫", "黒い猫", "黒", "猫について教えてください"])
def test_japanese_is_found_by_any_part_of_it(made: Callable[..., Index], question: str) -> None:
    index = made(page("neko", "我が家の黒い猫。", language="ja"), page("inu", "白い犬。", language="ja"))
    assert found(index, question)[0] == "neko#0"


def test_the_turn_before_counts_less_than_the_question(made: Callable[..., Index]) -> None:
    index = made(page("tea", "Tea."), page("french", "French."), page("french-tea", "French tea."), *filler())
    assert found(index, "And in French?", before="tea") == ["french-tea#0", "french#0", "tea#0"]


def test_a_question_that_says_nothing_by_itself_means_the_one_before(made: Callable[..., Index]) -> None:
    index = made(page("tea", "Green tea."), *filler())
    assert found(index, "And why is that?", before="Is tea green?") == ["tea#0"]


def test_the_page_that_is_asked_on_counts_extra(made: Callable[..., Index]) -> None:
    index = made(page("a", "Leaves."), page("b", "Leaves of all the trees."), *filler())
    assert found(index, "leaves") == ["a#0", "b#0"]
    assert found(index, "leaves", page="http://www.blog.example/b/?utm_source=x#top") == ["b#0", "a#0"]


@pytest.mark.parametrize(
    "question",
    [
        "what is this about?",
        "Summarize this post!",
        "tl;dr",
        "Worum geht es hier?",
        "Résume cet article",
        "?",
    ],
)
def test_a_question_about_the_page_that_it_is_asked_on_gives_that_page_from_its_beginning(
    made: Callable[..., Index], question: str
) -> None:
    index = made(page("post", "A post about this."), page("a", "Zero.", "One.", "Two."), *filler())
    here = "https://blog.example/a"
    assert found(index, question, page=here) == ["a#0", "a#1", "a#2"]
    assert "a#0" not in found(index, question, page="https://blog.example/unknown")


def test_a_question_that_names_the_page_does_not_mean_the_one_before(made: Callable[..., Index]) -> None:
    index = made(page("tea", "Green tea."), page("a", "Zero.", "One."), *filler())
    here = "https://blog.example/a"
    assert found(index, "Summarize this post!", before="Is tea green?", page=here) == ["a#0", "a#1"]
    assert found(index, "Why?", before="Is tea green?", page=here) == ["tea#0"]


def test_stop_words_are_searched_for_where_there_is_nothing_else(made: Callable[..., Index]) -> None:
    index = made(page("hamlet", "To be, or not to be."), page("other", "Or be that as it may."), *filler())
    assert found(index, "to be or not to be") == ["hamlet#0"]


def test_stop_words_are_those_of_the_questions_language(made: Callable[..., Index]) -> None:
    index = made(
        page("die", "Plants die without water."),
        page("pflanze", "Die Pflanze.", language="de"),
        *filler(),
    )
    assert found(index, "why did it die?")[0] == "die#0"


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("税金の申告はいつしますか?", "種は冷蔵庫で二週間保存できます。いつでもしますか。"),
        ("为什么月亮是圆的?", "怎么保存酸面团? 因为什么都可以。"),
        ("هل يمكن السفر إلى القمر؟", "يمكن حفظ العجين في الثلاجة إلى الغد"),
    ],
)
def test_what_people_say_around_a_question_finds_nothing(
    made: Callable[..., Index], question: str, text: str
) -> None:
    assert found(made(page("dough", text), *filler()), question) == []


@pytest.mark.parametrize(
    "question", ["recommend a good novel", "Why do trains smell of rubber?", "do ducks eat slugs?"]
)
def test_a_question_that_has_but_a_word_in_common_finds_nothing(
    made: Callable[..., Index], question: str
) -> None:
    index = made(page("bread", "Duct tape holds a good loaf."), page("slow", "So do slow trains."), *filler())
    assert found(index, question) == []


@pytest.mark.parametrize(
    "question", ["a good loaf", "Is any good tape made of steel?", "tape, loaf, dog, cat, cow", "a good dog"]
)
def test_some_of_the_words_of_a_question_will_do(made: Callable[..., Index], question: str) -> None:
    index = made(page("bread", "Duct tape holds a good loaf."), *filler())
    assert found(index, question) == ["bread#0"]


@pytest.mark.parametrize(("title", "headings"), [("Sourdough", ()), ("Bread", ("Sourdough",))])
def test_a_single_word_will_do_where_a_page_is_about_it(
    made: Callable[..., Index], title: str, headings: tuple[str, ...]
) -> None:
    passage = Passage("https://blog.example/bread#0", headings, ("It rises.",))
    about = Page("https://blog.example/bread", title, "en", None, "", (passage,))
    assert found(made(about, *filler()), "start some sourdough without kitchen scales") == ["bread#0"]


@pytest.mark.parametrize("question", ["asyncronous", "asynchronus", "asinchronous", "asynchrnous functions"])
def test_a_typing_error_is_forgiven(made: Callable[..., Index], question: str) -> None:
    index = made(page("async", "An asynchronous function."), page("other", "A synthetic thing."), *filler())
    assert found(index, question) == ["async#0"]


def test_a_corrected_word_counts_less_than_one_that_is_there(made: Callable[..., Index]) -> None:
    index = made(page("a", "Asynchronous."), page("b", "Leaves."), *filler())
    assert found(index, "asynchronus leaves") == ["b#0", "a#0"]


def test_a_short_word_is_taken_as_it_is(made: Callable[..., Index]) -> None:
    assert found(made(page("cart", "A cart."), *filler()), "cat") == []


def test_a_whole_that_is_unknown_is_taken_by_its_parts_alone(made: Callable[..., Index]) -> None:
    index = made(page("other", "A teagreeny thing."), page("green", "Green."), *filler())
    assert found(index, "tea_green") == ["green#0"]


@pytest.mark.parametrize(
    ("question", "slugs"),
    [("Versicherung", ["money"]), ("einen Fahrradschlauch kaufen", ["bike"]), ("Beinbruch", [])],
)
def test_a_word_is_found_in_compounds_and_a_compound_by_its_last_part(
    made: Callable[..., Index], question: str, slugs: list[str]
) -> None:
    texts = {
        "money": "Die Krankenversicherungen zahlen.",
        "bike": "Der Schlauch ist platt.",
        "x": "Ein Ruck.",
    }
    index = made(*(page(slug, text, language="de") for slug, text in texts.items()))
    assert [hit.partition("#")[0] for hit in found(index, question)] == slugs


def test_words_are_not_taken_apart_in_languages_that_set_them_apart(made: Callable[..., Index]) -> None:
    index = made(page("a", "The other backbone.", language="en"))
    assert found(index, "mother") == found(index, "bone") == []


def test_where_nothing_is_known_nothing_is_found(made: Callable[..., Index]) -> None:
    assert found(made(page("tea", "Green tea.")), "quantum chromodynamics") == []
    assert found(made(), "anything") == []


def test_nearest_are_the_pages_whose_words_are_close(made: Callable[..., Index]) -> None:
    index = made(page("photo", "Photography is hard.", title="Photos"), *filler())
    assert found(index, "photogrammetry") == []
    assert index.nearest("about photogrammetry") == [Link("Photos", "https://blog.example/photo")]


def test_where_no_word_is_close_nearest_is_the_page_that_is_asked_on_and_then_the_newest(
    made: Callable[..., Index],
) -> None:
    days = {"old": date(2020, 1, 1), "new": date(2026, 1, 1), "newer": date(2026, 2, 1), "undated": None}
    index = made(*(page(slug, "Text.", day=day) for slug, day in days.items()))
    assert [link.title for link in index.nearest("quantum", limit=2)] == ["newer", "new"]
    here = index.nearest("quantum", page="https://blog.example/old/")
    assert [link.title for link in here] == ["old", "newer", "new"]


@pytest.mark.parametrize(
    "url",
    [
        "https://blog.example/Post",
        "http://www.Blog.example/Post/",
        "//blog.example/Post?utm_source=x#top",
        "https://blog.example/P%6Fst",
    ],
)
def test_an_address_is_compared_without_what_does_not_name_the_page(url: str) -> None:
    assert address_of(url) == "blog.example/Post"


def test_of_pages_that_differ_by_their_query_the_same_one_counts(made: Callable[..., Index]) -> None:
    index = made(page("?p=1", "Leaves."), page("?p=2", "Leaves."), *filler())
    assert found(index, "leaves", page="http://blog.example/?p=2") == ["?p=2#0", "?p=1#0"]


@pytest.mark.parametrize(
    "question",
    [
        "What is this blog about?",
        "Worum geht es in diesem Blog?",
        "De quoi parle ce blog ?",
        "Summarize this site",
        "What's the newest post?",
        "any news?",
        "Who writes this blog?",
        "このブログは何についてですか?",
        "最新の記事は?",
        "这个博客是关于什么的?",
        "Was ist der neueste Beitrag?",
        "¿Cuál es el último artículo?",
    ],
)
def test_a_question_about_the_blog_gets_what_its_first_page_and_its_newest_begin_with(
    made: Callable[..., Index], question: str
) -> None:
    index = made(
        page("old", "A blog of old.", "Two.", day=date(2020, 1, 1)),
        page("", "Welcome.", "Two."),
        page("new", "New.", "Two.", day=date(2026, 1, 1)),
    )
    assert found(index, question) == ["#0", "new#0", "old#0"]


@pytest.mark.parametrize(
    "question",
    [
        "Is there tea on this site?",
        "Gibt es Tee auf dieser Seite?",
        "Y a-t-il du thé sur ce blog ?",
        "tea on your blog",
    ],
)
def test_where_to_look_is_not_what_to_look_for(made: Callable[..., Index], question: str) -> None:
    site = page("site", "A site, a blog, a page, une Seite, un site.")
    index = made(page("tea", "Tea, Tee, thé."), site, *filler())
    assert found(index, question) == ["tea#0"]


def test_where_no_page_is_the_first_the_newest_come_first(made: Callable[..., Index]) -> None:
    index = made(page("a", "Old.", day=date(2020, 1, 1)), page("newer", "New.", day=date(2026, 1, 1)))
    assert found(index, "Anything new?") == ["newer#0", "a#0"]


@pytest.mark.parametrize("where", ["https://chat.example/b", "http://localhost:8000/b?x#y", "/b"])
def test_a_page_on_the_chats_own_server_is_known_by_its_path(made: Callable[..., Index], where: str) -> None:
    own = (replace(page(name, "Leaves."), url=f"/{name}") for name in "ab")
    index = made(*own, *filler())
    assert found(index, "leaves", page=where)[0] == "b#0"
    assert found(index, "leaves", page="https://chat.example/c")[0] == "a#0"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Index:
    pages = [page("tea", "Green tea, the C++ shop, 猫."), page("thé", "Le thé.", language="fr")]
    return build(tmp_path_factory.mktemp("small") / "index", [*pages, *filler()])


@given(ANY_TEXT, ANY_TEXT, st.none() | ANY_TEXT)
@settings(deadline=None)
def test_any_text_is_a_valid_question(small: Index, question: str, before: str, where: str | None) -> None:
    assert len(small.search(question, before=before, page=where)) <= 6
    assert 1 <= len(small.nearest(question, page=where)) <= 3


@pytest.mark.parametrize(
    "question",
    [
        '"',
        "'",
        "*",
        "tea*",
        "NEAR(",
        "tea AND",
        "title: tea",
        "-tea",
        "^tea",
        "(tea",
        "\0tea\0",
        "\ud800 tea",
    ],
)
def test_the_syntax_of_fts5_means_nothing(small: Index, question: str) -> None:
    assert found(small, question) == (["tea#0"] if "tea" in question else [])


def test_a_question_of_any_length_is_valid(small: Index) -> None:
    words, more = (" ".join(f"{letter}{n}" for n in range(1_000)) for letter in "wv")
    assert found(small, f"tea {words}") == found(small, f"{words} tea") == ["tea#0"]
    assert found(small, f"{words} tea {more}") == []
    assert found(small, "x" * 10_000) == []
    assert found(small, "猫" * 10_000) == ["tea#0"]
    assert found(small, "the " * 2_500) == []


@given(st.lists(st.lists(ANY_TEXT, max_size=3), max_size=4), ANY_TEXT)
@settings(deadline=None)
def test_what_is_kept_searches_as_what_was_added(
    tmp_path_factory: pytest.TempPathFactory, texts: list[list[str]], question: str
) -> None:
    folder = tmp_path_factory.mktemp("kept")
    old = build(folder / "old", [page(str(n), *blocks) for n, blocks in enumerate(texts)])
    builder = Builder(folder / "new")
    for location in old.receipts():
        assert builder.add(*old.read(location))
    builder.finish()
    new = Index(folder / "new")
    assert new.receipts() == old.receipts()
    for asked in (question, *(block for blocks in texts for block in blocks)):
        assert new.search(asked) == old.search(asked)
    new.close()
    old.close()


def test_reading_what_is_not_there_is_an_error(small: Index) -> None:
    with pytest.raises(KeyError):
        small.read("/nowhere")


@pytest.mark.parametrize("pages", [0, 3_000])
def test_what_was_not_finished_is_no_index(tmp_path: Path, pages: int) -> None:
    path = tmp_path / "index"
    builder = Builder(path)
    for n in range(pages):
        builder.add(receipt(f"/{n}"), page(f"{n}", f"Text {n}. " * 200))
    assert bool(path.stat().st_size) == bool(pages)
    with pytest.raises(BadIndex):
        Index(path)
    builder.close()
    with pytest.raises(BadIndex):
        Index(path)


def test_what_did_not_reach_the_disk_is_no_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError("no space left on device")

    builder = Builder(tmp_path / "index")
    builder.add(receipt("/tea"), page("tea", "Green tea."))
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        builder.finish()
    builder.close()
    with pytest.raises(BadIndex):
        Index(tmp_path / "index")


KILLED = """
import sys
from pathlib import Path
from chatsse.knowledge.index import Builder
from chatsse.knowledge.page import Page, Passage, Receipt

builder = Builder(Path(sys.argv[1]))
for n in range(1_000_000):
    url = f"https://blog.example/{n}"
    text = f"Text number {n} says what {n + 1} does not. " * 50
    builder.add(Receipt(url, "", "", "", ""), Page(url, "", "en", None, "", (Passage(url, (), (text,)),)))
    if n == 2_000:
        print("begun", flush=True)
"""


def test_what_was_killed_is_no_index(tmp_path: Path) -> None:
    path = tmp_path / "index"
    with subprocess.Popen([sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE) as builder:
        assert builder.stdout
        assert builder.stdout.readline() == b"begun\n"
        builder.kill()
    assert path.stat().st_size
    with pytest.raises(BadIndex):
        Index(path)


def test_another_format_is_no_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(tmp_path / "index", [page("tea", "Tea.")]).close()
    monkeypatch.setattr(module, "FORMAT", module.FORMAT + 1)
    with pytest.raises(BadIndex, match="format"):
        Index(tmp_path / "index")


def test_a_file_that_was_cut_off_is_no_index(tmp_path: Path) -> None:
    path = tmp_path / "index"
    build(path, filler()).close()
    whole = path.read_bytes()
    for size in (0, 1, 99, 100, 4096, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(BadIndex):
            Index(path)


@pytest.mark.parametrize("wrong", [bytes(4096), random.Random(0).randbytes(4096)])
def test_a_file_with_a_page_that_is_not_its_own_is_no_index(tmp_path: Path, wrong: bytes) -> None:
    path = tmp_path / "index"
    build(path, filler()).close()
    whole = path.read_bytes()
    for place in range(0, len(whole), 4096):
        path.write_bytes(whole[:place] + wrong + whole[place + 4096 :])
        with pytest.raises(BadIndex):
            Index(path)


def test_garbage_and_what_is_not_there_are_no_index(tmp_path: Path) -> None:
    (tmp_path / "garbage").write_bytes(random.Random(0).randbytes(10_000))
    for name in ("garbage", "nowhere", "."):
        with pytest.raises(BadIndex):
            Index(tmp_path / name)


def test_a_builder_begins_anew_where_another_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "index"
    Builder(path).close()
    path.write_bytes(b"half of something")
    assert found(build(path, [page("tea", "Tea.")]), "tea") == ["tea#0"]


def test_a_full_disk_is_the_callers_to_hear_of(tmp_path: Path) -> None:
    path = tmp_path / "index"
    builder = Builder(path)
    builder._db.execute("PRAGMA max_page_count = 40")
    many = (page(f"{n}", f"Text {n}. " * 200) for n in range(10_000))
    with pytest.raises(sqlite3.Error):
        deque((builder.add(receipt(one.url), one) for one in many), maxlen=0)
    builder.close()
    with pytest.raises(BadIndex):
        Index(path)


def test_an_index_waits_for_no_lock(tmp_path: Path) -> None:
    index = build(tmp_path / "index", [page("tea", "Tea.")])
    other = sqlite3.connect(tmp_path / "index", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert found(index, "tea") == ["tea#0"]
    other.close()


def test_an_open_index_writes_nothing_beside_its_file(tmp_path: Path) -> None:
    index = build(tmp_path / "index", filler())
    index.search("nothing")
    assert [path.name for path in tmp_path.iterdir()] == ["index"]
