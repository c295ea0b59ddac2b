from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsse.knowledge.page import Passage
from chatsse.knowledge.passages import (
    MOST_CODE_WORDS,
    MOST_WORDS,
    Block,
    Heading,
    count_words,
    split,
)

URL = "https://blog.example/post"
TEA, COFFEE = Heading(2, "Tea", "tea"), Heading(2, "Coffee", "coffee")
GREEN, BLACK = Heading(3, "Green", "green"), Heading(3, "Black", "black")


def words(count: int, word: str = "word") -> str:
    return " ".join(f"{word}{n}" for n in range(count))


def paragraph(count: int, *under: Heading, word: str = "word") -> Block:
    return Block("paragraph", words(count, word), under)


def size(passage: Passage) -> int:
    return sum(map(count_words, passage.blocks))


def test_each_main_section_is_a_passage_under_its_heading_and_its_anchor() -> None:
    passages = split(URL, [paragraph(150), paragraph(150, TEA), paragraph(150, COFFEE)])
    assert [(passage.url, passage.headings) for passage in passages] == [
        (URL, ()),
        (f"{URL}#tea", ("Tea",)),
        (f"{URL}#coffee", ("Coffee",)),
    ]


def test_a_long_section_is_cut_between_its_blocks_into_even_passages() -> None:
    passages = split(URL, [paragraph(70, TEA, word=f"p{n}x") for n in range(8)])
    assert [len(passage.blocks) for passage in passages] == [4, 4]
    assert [passage.headings for passage in passages] == [("Tea",)] * 2


def test_a_later_passage_of_a_section_opens_at_its_own_words_or_at_the_heading() -> None:
    _, later = split(URL, [paragraph(200, TEA), paragraph(200, TEA, word="later")])
    expected = "#tea:~:text=" + "%20".join(f"later{n}" for n in range(8))
    assert later.url == URL + expected


def test_a_section_without_an_anchor_opens_at_its_first_words() -> None:
    (passage,) = split(URL, [Block("paragraph", "Well-known, R&D says so. More.", (Heading(2, "Who", ""),))])
    assert passage.url == f"{URL}#:~:text=Well%2Dknown%2C%20R%26D%20says%20so.%20More."


def test_a_section_without_an_anchor_falls_back_to_that_of_the_section_around_it() -> None:
    _, passage = split(URL, [paragraph(150, TEA), paragraph(150, TEA, Heading(3, "Green", ""), word="leaf")])
    assert passage.url.startswith(f"{URL}#tea:~:text=leaf0%20leaf1")


@pytest.mark.parametrize(
    ("kind", "text", "named"),
    [
        ("list", "- The first of them\n- second", "The first of them"),
        ("list", "1. The first of them\n2. second", "The first of them"),
        ("table", "Size in grams | Minutes\n1 | 2", "Size in grams"),
        ("table", " | Server events | Sockets\na | b | c", "Server events"),
        ("paragraph", "First line\nsecond line", "First line"),
        (
            "paragraph",
            'It\'s "so": four words that nobody sets otherwise',
            "four words that nobody sets otherwise",
        ),
        ("paragraph", "東京都は、日本の首都である。", "東京都は"),
        (
            "paragraph",
            "国境の長いトンネルを抜けると雪国であった。",
            "国境の長いトンネルを抜けると雪国であった",
        ),
        ("paragraph", "東京" * 40, "東京" * 8),
        ("paragraph", "ขนมปังทำจากแป้ง " * 9, " ".join(["ขนมปังทำจากแป้ง"] * 3)),
        ("code", "def f():\n  pass", "def f():"),
        ("code", "if x == 1:    # or so\n  pass", "if x == 1:"),
    ],
)
def test_a_text_fragment_is_of_one_line_or_cell_as_it_stands_on_the_page(
    kind: str, text: str, named: str
) -> None:
    (passage,) = split(URL, [Block(kind, text, (Heading(2, "x", ""),))])
    assert unquote(passage.url.partition(":~:text=")[2]) == named


def test_a_text_fragment_is_of_words_enough_to_be_found_by() -> None:
    under = (Heading(2, "x", ""),)
    note, text = Block("paragraph", "Note", under), Block("paragraph", "Tea is hot.", under)
    (passage,) = split(URL, [note, text])
    assert passage.url == f"{URL}#:~:text=Tea%20is%20hot."
    (passage,) = split(URL, [note])
    assert passage.url == f"{URL}#:~:text=Note"


def test_an_anchor_is_percent_encoded() -> None:
    (passage,) = split(URL, [paragraph(9, Heading(2, "Größe", "größe"))])
    assert passage.url == f"{URL}#gr%C3%B6%C3%9Fe"


def test_short_neighbours_go_together_under_the_heading_they_share() -> None:
    (passage,) = split(URL, [paragraph(50, TEA, GREEN), paragraph(60, TEA, BLACK, word="b")])
    assert (passage.url, passage.headings) == (f"{URL}#green", ("Tea",))
    assert passage.blocks == ("Green", words(50), "Black", words(60, "b"))


def test_a_short_beginning_goes_with_its_first_sub_section() -> None:
    (passage,) = split(URL, [paragraph(30, TEA), paragraph(100, TEA, GREEN)])
    assert (passage.url, passage.headings) == (f"{URL}#tea", ("Tea",))
    assert passage.blocks == (words(30), "Green", words(100))


def test_neighbours_stop_joining_when_there_is_enough() -> None:
    sections = [paragraph(70, TEA, Heading(3, f"h{n}", f"h{n}")) for n in range(6)]
    assert [size(passage) // 70 for passage in split(URL, sections)] == [2, 2, 2]


def test_main_sections_stay_apart_unless_one_is_tiny() -> None:
    assert len(split(URL, [paragraph(60, TEA), paragraph(60, COFFEE)])) == 2
    (passage,) = split(URL, [paragraph(60, TEA), paragraph(15, COFFEE)])
    assert passage.headings == ()
    assert passage.blocks[2] == "Coffee"


def test_a_tiny_section_does_not_take_its_neighbours_to_each_other() -> None:
    milk = Heading(2, "Milk", "milk")
    passages = split(URL, [paragraph(60, TEA), paragraph(60, COFFEE), paragraph(10, milk)])
    assert [(passage.url, size(passage)) for passage in passages] == [
        (f"{URL}#tea", 60),
        (f"{URL}#coffee", 72),
    ]


def test_sections_under_different_headings_are_not_joined() -> None:
    assert len(split(URL, [paragraph(20, TEA, GREEN), paragraph(20, COFFEE, BLACK)])) == 2


def test_headings_of_the_same_words_are_two() -> None:
    twins = [Heading(2, "Example", ""), Heading(2, "Example", "")]
    passages = split(URL, [paragraph(150, twins[0]), paragraph(100, twins[1])])
    assert [size(passage) for passage in passages] == [150, 100]


def test_text_after_the_sub_sections_opens_at_its_own_words() -> None:
    *_, last = split(
        URL, [paragraph(150, TEA), paragraph(150, TEA, GREEN), paragraph(150, TEA, word="after")]
    )
    assert last.url.startswith(f"{URL}#tea:~:text=after0")


def test_a_heading_with_nothing_under_it_is_not_lost() -> None:
    passages = split(URL, [Block("heading", "", (TEA,)), paragraph(150, COFFEE)])
    assert any("Tea" in passage.blocks for passage in passages)
    assert split(URL, [Block("heading", "", (TEA,))]) == ()


def test_a_line_that_leads_on_stays_with_what_follows() -> None:
    lead, code = Block("paragraph", "Like this:", (TEA,)), Block("code", words(160), (TEA,))
    assert [len(passage.blocks) for passage in split(URL, [paragraph(160, TEA), lead, code])] == [1, 2]
    long = Block("paragraph", f"{words(150)}:", (TEA,))
    assert [len(passage.blocks) for passage in split(URL, [long, paragraph(160, TEA)])] == [1, 1]


def test_no_passage_is_too_long_where_its_blocks_are_not() -> None:
    passages = split(URL, [paragraph(count, TEA) for count in (200, 180, 220)])
    assert max(map(size, passages)) <= MOST_WORDS


def test_a_long_paragraph_is_cut_at_the_ends_of_sentences() -> None:
    sentences = [f"Sentence {n} says {words(17)}." for n in range(40)]
    passages = split(URL, [Block("paragraph", " ".join(sentences), ())])
    assert max(map(size, passages)) <= MOST_WORDS
    assert all(block.endswith(".") for passage in passages for block in passage.blocks)


def test_a_long_list_is_cut_between_its_items() -> None:
    items = [f"- {words(30, f'item{n}x')}" for n in range(30)]
    passages = split(URL, [Block("list", "\n".join(items), ())])
    assert [line for passage in passages for block in passage.blocks for line in block.split("\n")] == items
    assert max(map(size, passages)) <= MOST_WORDS + 30


def test_code_stays_whole_unless_it_is_beyond_all_measure() -> None:
    code = "\n".join(f"  line {n}" for n in range(400))
    (passage,) = split(URL, [Block("code", code, ())])
    assert passage.blocks == (code,)
    long = split(URL, [Block("code", "\n".join([code] * 5), ())])
    assert max(map(size, long)) <= MOST_CODE_WORDS
    assert "".join(block for passage in long for block in passage.blocks).count("line 399") == 5


def test_text_without_spaces_is_measured_and_cut_all_the_same() -> None:
    japanese = "東京は日本の首都である。" * 200
    passages = split(URL, [Block("paragraph", japanese, ())])
    assert "".join(block for passage in passages for block in passage.blocks) == japanese
    assert all(150 <= size(passage) <= MOST_WORDS for passage in passages)
    assert all(size(passage) <= MOST_WORDS for passage in split(URL, [Block("paragraph", "x" * 50_000, ())]))


def test_ten_thousand_empty_sections_are_no_burden() -> None:
    blocks = [Block("heading", "", (Heading(1, f"h{n}", ""),)) for n in range(10_000)]
    blocks.append(paragraph(9))
    assert max(map(size, split(URL, blocks))) <= MOST_WORDS


@st.composite
def pages(draw: st.DrawFn) -> list[Block]:
    """Blocks under headings in capitals, so that both can be told apart."""
    under: tuple[Heading, ...] = ()
    blocks: list[Block] = []
    for _ in range(draw(st.integers(1, 12))):
        level = draw(st.integers(1, 4))
        heading = Heading(level, f"HEADING{len(blocks)}", draw(st.sampled_from(["", "anchor"])))
        under = (*(above for above in under if above.level < level), heading) if draw(st.booleans()) else ()
        for _ in range(draw(st.integers(1, 4))):
            kind = draw(st.sampled_from(["paragraph", "list", "table", "code"]))
            blocks.append(Block(kind, draw(texts()), under))
    return blocks


def texts() -> st.SearchStrategy[str]:
    atom = st.sampled_from(["tea", "cup. ", "leaf\n", "water: ", "、茶道。", "x" * 600, "\n\n  - ", "a | b "])
    return st.tuples(st.lists(atom, min_size=1, max_size=30), st.integers(1, 40)).map(
        lambda made: " ".join(made[0] * made[1])
    )


def said(texts: Iterator[str]) -> str:
    return "".join("".join(texts).split())


@given(pages())
def test_no_text_is_lost_doubled_or_moved_by_splitting(blocks: list[Block]) -> None:
    passages = split(URL, blocks)
    kept = (text for passage in passages for text in passage.blocks if not text.startswith("HEADING"))
    assert said(kept) == said(block.text for block in blocks)
    assert all(passage.blocks for passage in passages)
