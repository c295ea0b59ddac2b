import os
from datetime import date
from pathlib import Path

import pytest
from site_files import SITE, addresses, outcomes, remarks, skipped, titles, write

from chatsse.errors import ContentError
from chatsse.knowledge.folder import MAX_BYTES, Folder
from chatsse.knowledge.page import Read, Receipt, Skipped, Unchanged

TEMPLATES = Path(__file__).parent.parent / "templates"
pytestmark = pytest.mark.usefixtures("in_tmp_path")


# -- Where pages are.


def test_the_sample_blogs_posts_are_on_the_chats_own_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TEMPLATES.parent)
    read = addresses("templates/posts=/posts")
    assert read["templates/posts/one-way-is-enough.md"] == "/posts/one-way-is-enough"
    assert len(read) == len(list((TEMPLATES / "posts").glob("*.md")))


def test_a_folder_may_be_the_whole_of_the_chats_own_server() -> None:
    write("notes/tea.md")
    write("notes/milk.md", "url: /milk/")
    assert addresses("notes=/") == {"notes/tea.md": "/tea", "notes/milk.md": "/milk/"}


def test_a_plain_folders_pages_are_where_their_files_lie() -> None:
    for path in (
        "tea.md",
        "a/b c.markdown",
        "a/index.md",
        "index.md",
        "x.mdx",
        "y/z.html",
        "y/index.htm",
        "n.txt",
    ):
        write(f"notes/{path}")
    write("notes/slug.md", "slug: other")
    write("notes/url.md", "permalink: /else/where/")
    write("notes/own.md", f"canonicalURL: {SITE}/own")
    assert addresses(f"notes={SITE}/n/") == {
        "notes/tea.md": f"{SITE}/n/tea",
        "notes/a/b c.markdown": f"{SITE}/n/a/b%20c",
        "notes/a/index.md": f"{SITE}/n/a/",
        "notes/index.md": f"{SITE}/n/",
        "notes/x.mdx": f"{SITE}/n/x",
        "notes/y/z.html": f"{SITE}/n/y/z.html",
        "notes/y/index.htm": f"{SITE}/n/y/",
        "notes/slug.md": f"{SITE}/n/other",
        "notes/url.md": f"{SITE}/n/else/where/",
        "notes/own.md": f"{SITE}/own",
    }


def test_a_folder_may_be_beside_the_one_to_start_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("notes/tea.md")
    write("here/_config.yml", text="title: x")
    monkeypatch.chdir(tmp_path / "here")
    assert addresses(f"../notes={SITE}") == {"../notes/tea.md": f"{SITE}/tea"}


def test_a_single_file_is_at_the_address_that_the_owner_names() -> None:
    write("notes/tea.md")
    write("notes/milk.md")
    assert addresses(f"notes/tea.md={SITE}/x") == {"notes/tea.md": f"{SITE}/x"}


def test_without_an_address_each_page_has_to_say_its_own() -> None:
    write("out/tea.html", text=f"<link rel=canonical href='{SITE}/tea'><p>Tea.")
    write("out/milk.md", f"url: {SITE}/milk")
    write("out/none.html", text="<p>Nowhere.")
    write("out/path.md", "url: /path")
    assert addresses("out") == {"out/tea.html": f"{SITE}/tea", "out/milk.md": f"{SITE}/milk"}
    homeless = ("does not say its address", False)
    assert skipped("out") == {"out/none.html": homeless, "out/path.md": homeless}


def test_a_folder_of_which_no_page_says_an_address_is_an_error_that_says_what_to_do() -> None:
    write("notes/tea.md")
    with pytest.raises(
        ContentError, match=r"^notes: say where its pages are, e\.g\. notes=https://blog\.example/$"
    ):
        outcomes("notes")


@pytest.mark.parametrize("word", ["nowhere", f"nowhere={SITE}", f"={SITE}", "notes=posts"])
def test_a_word_that_names_nothing_is_an_error(word: str) -> None:
    write("notes/tea.md")
    with pytest.raises(ContentError, match="no such file or folder"):
        outcomes(word)


def test_a_name_may_have_an_equals_sign() -> None:
    write("a=b/tea.md")
    assert addresses(f"a=b={SITE}/x?y=z") == {"a=b/tea.md": f"{SITE}/x?y=z/tea"}


def test_a_page_without_a_title_is_named_after_its_file() -> None:
    for name in ("2024-05-06-slug-war", "2024-05-06", "teas/_index", "teas/index", "index"):
        write(f"notes/{name}.md")
    assert titles(f"notes={SITE}") == {
        "notes/2024-05-06-slug-war.md": "Slug war",
        "notes/2024-05-06.md": "2024-05-06",
        "notes/teas/_index.md": "Teas",
        "notes/teas/index.md": "Teas",
        "notes/index.md": "",
    }


# -- What is read.


def test_what_no_reader_of_the_site_sees_is_left_out() -> None:
    for path in (
        "tea.md",
        ".hidden.md",
        ".git/x.md",
        "_drafts/x.md",
        "_includes/x.html",
        "node_modules/x/y.md",
        "404.html",
    ):
        write(f"notes/{path}")
    assert list(outcomes(f"notes={SITE}")) == ["notes/tea.md"]


@pytest.mark.parametrize(
    ("front", "why"),
    [
        ("draft: true", "draft"),
        ("draft: 'true'", "draft"),
        ("Draft: yes", "draft"),
        ("published: false", "draft"),
        ("headless: true", "draft"),
        ("build: {render: never}", "a part of other pages"),
        ("_build: {render: false}", "a part of other pages"),
        ("publishDate: 9999-01-01", "not published yet"),
        ("expiryDate: 2020-01-01", "published no more"),
    ],
)
def test_a_page_that_the_site_does_not_show_is_gone(front: str, why: str) -> None:
    write("notes/tea.md", front)
    assert skipped(f"notes={SITE}") == {"notes/tea.md": (why, True)}


def test_a_page_of_tomorrow_waits_where_its_generator_makes_it_wait() -> None:
    write("notes/tea.md", "date: 9999-01-01")
    assert addresses(f"notes={SITE}")
    write("notes/_config.yml", text="title: x")
    assert skipped(f"notes={SITE}") == {"notes/tea.md": ("not published yet", True)}


def test_a_page_is_of_the_day_in_its_files_name_unless_it_says_another() -> None:
    write("blog/_config.yml", text="title: x")
    write("blog/_posts/2024-05-06-tea.md", "title: Tea")
    write("blog/_posts/2024-05-07-milk.md", "date: 2024-05-08")
    write("blog/_posts/9999-01-01-soon.md", "title: Soon")
    days = [each.page.date for each in Folder({}).pages(f"blog={SITE}") if isinstance(each, Read)]
    assert days == [date(2024, 5, 6), date(2024, 5, 8)]
    assert skipped(f"blog={SITE}") == {"blog/_posts/9999-01-01-soon.md": ("not published yet", True)}


def test_pages_that_are_not_to_be_found_are_gone() -> None:
    write("notes/tea.md", "robots: noindex, nofollow")
    write("notes/milk.html", text="<meta name=robots content=noindex><p>Milk.")
    assert set(skipped(f"notes={SITE}").values()) == {("noindex", True)}


def test_pages_that_fail_are_reported_and_keep_no_others_from_being_read() -> None:
    write("notes/tea.md")
    write("notes/broken.md", text="+++\nx =\n+++\nTea.")
    write("notes/empty.md", text="\n")
    write("notes/template.html", "layout: x")
    Path("notes/latin.md").write_bytes(b"\xff")
    Path("notes/huge.md").write_bytes(b"x" * (MAX_BYTES + 1))
    assert skipped(f"notes={SITE}") == {
        "notes/broken.md": ("front matter can't be read, line 2: invalid value", False),
        "notes/empty.md": ("no text", False),
        "notes/template.html": ("a template, not a page", False),
        "notes/latin.md": ("not in UTF-8", False),
        "notes/huge.md": ("larger than 5 MB", False),
    }
    assert list(addresses(f"notes={SITE}")) == ["notes/tea.md"]


def test_a_page_that_breaks_its_reader_keeps_no_others_from_being_read() -> None:
    # More digits than Python writes.
    write("notes/broken.md", f"title: 0x{6000 * 'F'}")
    write("notes/tea.md")
    assert skipped(f"notes={SITE}") == {"notes/broken.md": ("failed to be read", False)}
    assert list(addresses(f"notes={SITE}")) == ["notes/tea.md"]


def test_a_date_that_is_doubled_again_and_again_is_none() -> None:
    doubled = (f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))
    write("notes/tea.md", "\n".join(["a0: &a0 [x]", *doubled, "date: *a39"]))
    (read,) = outcomes(f"notes={SITE}").values()
    assert isinstance(read, Read)
    assert read.page.date is None


def test_no_link_leads_out_of_the_folder() -> None:
    write("secret/x.md")
    write("notes/tea.md")
    Path("notes/link.md").symlink_to(Path("secret/x.md").absolute())
    Path("notes/folder").symlink_to(Path("secret").absolute())
    Path("notes/loop").symlink_to(Path("notes").absolute())
    Path("notes/inside.md").symlink_to("tea.md")
    assert skipped(f"notes={SITE}") == {"notes/link.md": ("leads out of the folder", False)}
    assert list(addresses(f"notes={SITE}")) == ["notes/inside.md", "notes/tea.md"]


def test_no_link_in_the_place_of_a_sites_text_leads_out_of_the_folder() -> None:
    write("secret/x.md")
    write("blog/hugo.toml", text="title = 'Tea'")
    Path("blog/content").symlink_to(Path("secret").absolute())
    assert skipped(f"blog={SITE}") == {"blog/content/x.md": ("leads out of the folder", False)}


def test_what_is_no_file_is_not_waited_for() -> None:
    write("notes/tea.md")
    os.mkfifo("notes/pipe.md")
    assert list(outcomes(f"notes={SITE}")) == ["notes/tea.md"]


# -- What the owner is told.


def test_a_folder_without_pages_is_told() -> None:
    write("notes/tea.txt")
    assert remarks(f"notes={SITE}") == [f"notes={SITE}: holds no Markdown and no HTML"]
    write("notes/tea.md")
    assert remarks(f"notes={SITE}") == []


# -- Receipts.


def known_of(word: str) -> dict[str, Receipt]:
    return {path: read.receipt for path, read in outcomes(word).items() if isinstance(read, Read)}


def test_a_page_comes_with_its_receipt() -> None:
    write("notes/tea.md", "date: 2024-01-02")
    (read,) = outcomes(f"notes={SITE}").values()
    assert isinstance(read, Read)
    assert read.page.date == date(2024, 1, 2)
    assert (read.receipt.location, read.receipt.source) == ("notes/tea.md", f"notes={SITE}")
    assert (read.receipt.etag, read.receipt.last_modified, len(read.receipt.digest)) == ("", "", 32)


def test_only_what_has_changed_is_read_again() -> None:
    write("notes/tea.md")
    write("notes/milk.md")
    known = known_of(f"notes={SITE}")
    write("notes/milk.md", text="Oats.")
    again = outcomes(f"notes={SITE}", known)
    assert again["notes/tea.md"] == Unchanged(known["notes/tea.md"])
    assert isinstance(again["notes/milk.md"], Read)


def test_a_page_that_has_moved_is_read_again() -> None:
    write("blog/_config.yml", text="permalink: pretty")
    write("blog/tea.md", "layout: page")
    known = known_of(f"blog={SITE}")
    write("blog/_config.yml", text="permalink: date")
    assert isinstance(outcomes(f"blog={SITE}", known)["blog/tea.md"], Read)


def test_a_page_that_became_a_draft_is_gone_though_its_bytes_are_known() -> None:
    write("notes/tea.md", "draft: true")
    receipt = Receipt("notes/tea.md", f"notes={SITE}", "", "", "0" * 32)
    (outcome,) = outcomes(f"notes={SITE}", {"notes/tea.md": receipt}).values()
    assert outcome == Skipped("notes/tea.md", f"notes={SITE}", "draft", is_gone=True)


def test_the_number_of_files_is_known_when_the_first_is_read() -> None:
    for n in range(3):
        write(f"notes/{n}.md")
    folder = Folder({})
    next(folder.pages(f"notes={SITE}"))
    assert folder.total == 3
