import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsse.knowledge.stopwords import STOP_WORDS, likeliest_language
from chatsse.knowledge.terms import Stems, fold, words


def stems(text: str, language: str = "en") -> list[str]:
    return Stems(language, 100).of_text(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("C++", ("c++", "c")),
        ("C#,", ("c#", "c")),
        (".NET", (".net", "net")),
        ("node.js", ("nodejs", "node", "js")),
        ("asyncio.gather()", ("asynciogather", "asyncio", "gather")),
        ("X-Accel-Buffering:", ("xaccelbuffering", "x", "accel", "buffering")),
        ("setUp", ("setup", "set", "up")),
        ("HTTPConnection", ("httpconnection", "http", "connection")),
        ("URLs", ("urls",)),
        ("max_age", ("maxage", "max", "age")),
        ("a.set_it", ("asetit", "a", "setit", "set", "it")),
        ("__init__", ("__init__", "init")),
        ("3.11", ("3.11", "3", "11")),
        ("don’t", ("dont", "don", "t")),
        ("e\N{NON-BREAKING HYPHEN}mail", ("email", "e", "mail")),
        ("so\N{SOFT HYPHEN}ft", ("soft",)),
        ("#tag", ("tag",)),
        ("The end.", ("the", "end")),
        ("x", ("x",)),
    ],
)
def test_a_compound_is_looked_up_as_a_whole_and_by_its_parts(text: str, found: tuple[str, ...]) -> None:
    assert tuple(word for compound in words(text) for word in compound) == found


def test_a_compound_is_the_same_word_however_it_is_written() -> None:
    wholes = {compound[0] for compound in words("max_age max-age maxAge MaxAge MAXAGE max.age")}
    assert wholes == {"maxage"}


@pytest.mark.parametrize(
    ("language", "some", "same"),
    [
        ("en", "connections", "connecting"),
        ("de", "Häuser", "Hauses"),
        ("fr", "continuellement", "continuelle"),
        ("es", "canciones", "canción"),
        ("ru", "книги", "книгой"),
    ],
)
def test_forms_of_a_word_have_the_same_stem_in_their_language(language: str, some: str, same: str) -> None:
    assert stems(some, language) == stems(same, language)
    assert stems(some, "xx") != stems(same, "xx")


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("Café", "CAFE"),
        ("naïve", "naive"),
        ("Straße", "strasse"),
        ("\uff57\uff49\uff44\uff45", "wide"),
        ("ﬁne", "fine"),
    ],
)
def test_case_accents_and_width_make_no_difference(written: str, typed: str) -> None:
    assert stems(written) == stems(typed)


def test_points_of_hebrew_and_arabic_make_no_difference() -> None:
    assert stems("שָׁלוֹם", "he") == stems("שלום", "he")


def test_scripts_without_spaces_are_cut_into_pairs() -> None:
    assert stems("黒い猫。WebSocketとは") == [
        "黒い",
        "い猫",
        "猫",
        "websocket",
        "web",
        "socket",
        "とは",
        "は",
    ]
    assert list(words("黒い猫")) == [("黒い",), ("い猫",)]
    assert list(words("猫")) == [("猫",)]


@pytest.mark.parametrize("text", ["한국어를", "ภาษาไทย", "हिन्दी"])
def test_what_is_asked_in_any_script_is_part_of_what_holds_it(text: str) -> None:
    assert {word for compound in words(text) for word in compound} <= set(stems(f"…{text}…"))


def test_an_endless_word_is_cut_off() -> None:
    assert [len(stem) for stem in stems("x" * 10_000)] == [64]


@given(st.text(st.characters()))
def test_the_words_of_any_text_have_no_space_and_no_quote(text: str) -> None:
    for stem in stems(text):
        assert stem
        assert not set(stem) & set(' \t\n\r"\0*():^')


@given(st.text(st.characters(), max_size=50))
def test_what_is_asked_has_the_stems_of_what_is_written(text: str) -> None:
    english = Stems("en", 100)
    asked = {english.of(word) for compound in words(text) for word in compound}
    assert asked <= set(english.of_text(text))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("how do I get there", "en"),
        ("und wie komme ich dahin", "de"),
        ("et comment je fais pour y aller", "fr"),
        ("y cómo puedo llegar hasta allí", "es"),
        ("e como é que posso ir para lá", "pt"),
        ("それはどうやってしますか", "ja"),
        ("这是什么", "zh"),
        ("كيف يمكن أن أصل إلى هناك", "ar"),
        ("", ""),
        ("猫", ""),
        ("C++ or C", "en"),
        ("C++", ""),
    ],
)
def test_stop_words_give_a_language_away(text: str, language: str) -> None:
    assert likeliest_language(fold(word) for compound in words(text) for word in compound) == language


def test_stop_words_are_written_as_they_are_looked_up() -> None:
    for stop in STOP_WORDS.values():
        assert {word for compound in words(" ".join(stop)) for word in map(fold, compound)} == stop
