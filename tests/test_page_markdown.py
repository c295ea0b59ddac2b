from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatsse.errors import Unreadable
from chatsse.knowledge.page import Page
from chatsse.knowledge.page_markdown import parse_document, read_markdown

URL = "https://blog.example/posts/tea/"
POSTS = Path(__file__).parent.parent / "templates" / "posts"


def page(source: str) -> Page:
    return read_markdown(parse_document(source.encode()), URL)


def text(read: Page) -> str:
    return "\n".join(block for passage in read.passages for block in passage.blocks)


YAML = """---
title: "On tea"
Date: 2024-05-06 10:00:00 +0900
description: Hot leaves.
tags: [tea, water]
categories: drinks
lang: en-GB
---
Tea.
"""
TOML = """+++
title = "On tea"
date = 2024-05-06T10:00:00+09:00
summary = "Hot leaves."
tags = ["tea", "water"]
categories = ["drinks"]
language = "en"
+++
Tea.
"""
JSON = """{
  "title": "On tea", "date": "2024-05-06T10:00:00+09:00", "description": "Hot leaves.",
  "tags": "tea, water", "category": "drinks", "locale": "en_US"
}
Tea.
"""


@pytest.mark.parametrize("source", [YAML, TOML, JSON, f"\ufeff{YAML}", YAML.replace("\n", "\r\n")])
def test_front_matter_comes_in_three_kinds(source: str) -> None:
    read = page(source)
    assert (read.url, read.title, read.language, read.date) == (URL, "On tea", "en", date(2024, 5, 6))
    assert read.summary == "Hot leaves.\ntea, water, drinks"
    assert text(read) == "Tea."


@pytest.mark.parametrize(
    ("name", "title"),
    [("slug-war", "Slug war"), ("über_uns", "Über uns"), ("My Note - one", "My Note - one"), ("", "")],
)
def test_a_page_without_title_and_heading_is_named_after_its_file(name: str, title: str) -> None:
    assert read_markdown(parse_document(b"## Rye\n\nTea."), URL, name).title == title
    assert read_markdown(parse_document(b"# Rye\n\nTea."), URL, name).title == "Rye"


def test_a_page_without_front_matter_has_the_title_that_it_begins_with() -> None:
    read = page("# On *tea*<b hidden>secret</b>\n\nTea.\n")
    assert (read.title, read.language, read.date, read.summary) == ("On tea", "", None, "")
    assert text(read) == "Tea."


def test_a_rule_is_no_front_matter() -> None:
    assert text(page("Tea.\n\n---\n\nMilk: no.\n\n---\n\nMore.\n")) == "Tea.\nMilk: no.\nMore."
    assert text(page("{/* no JSON */}\n\nTea.")) == "Tea."


@pytest.mark.parametrize(
    "source",
    [
        "---\ntitle: [\n---\nTea.",
        "+++\ntitle = \n+++\nTea.",
        "---\ndate: 2024-13-45\n---\nTea.",
        "---\n\0\n---\nTea.",
    ],
)
def test_broken_front_matter_makes_a_page_unreadable(source: str) -> None:
    with pytest.raises(Unreadable, match="front matter"):
        page(source)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("---\ntitle: Tea\nx: secret: y\n---\nTea.", r", line 3: mapping values are not allowed"),
        ("---\n\n\nx: *secret\n---\nTea.", r", line 4: found undefined alias$"),
        ("---\r\nx: [secret\r\n---\r\nTea.", r", line 2: "),
        ("---\nx: !secret 1\n---\nTea.", r", line 2: could not determine a constructor for the tag$"),
        ("---\na: 1\nx: \0\n---\nTea.", r", line 3: \w+ characters are not allowed$"),
        ("---\ndate: 2024-13-45\n---\nTea.", r": month must be in 1..12$"),
        ("+++\nsecret = 1\nsecret = 2\n+++\nTea.", r", line 3: cannot overwrite a value$"),
        ("+++\n[a.secret]\n[a.secret]\n+++\nTea.", r", line 3: cannot declare twice$"),
        ("+++\nx = 1\ny = [secret\n+++\nTea.", r", line 3: invalid value$"),
    ],
)
def test_what_is_wrong_with_front_matter_is_told_without_its_words(source: str, why: str) -> None:
    with pytest.raises(Unreadable, match=f"^front matter can't be read{why}") as error:
        page(source)
    assert "secret" not in error.value.why


def test_bytes_that_are_no_utf_8_are_unreadable() -> None:
    with pytest.raises(Unreadable, match="UTF-8"):
        parse_document("é".encode("latin-1"))


def test_a_page_without_text_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="no text"):
        page("---\ntitle: Tea\n---\n<!-- later -->\n")


def test_headings_have_the_anchors_that_the_site_gives_them() -> None:
    filling = " ".join(["tea"] * 130)
    headings = ["What's new?", "What's new?", "The `kettle()` & **me**", "Größe {#size}", "Last {: #end .x}"]
    read = page("".join(f"## {heading}\n\n{filling}\n\n" for heading in headings))
    assert [(passage.url.partition("#")[2], *passage.headings) for passage in read.passages] == [
        ("whats-new", "What's new?"),
        ("whats-new-1", "What's new?"),
        ("the-kettle--me", "The kettle() & me"),
        ("size", "Größe"),
        ("end", "Last"),
    ]


def test_code_lists_and_tables_are_blocks() -> None:
    read = page(
        "Do:\n\n```sh\na\n\n  b\n```\n\n1. one\n2. two\n   - three\n\n| x | y |\n|---|---|\n| 1 | 2 |\n"
    )
    assert read.passages[0].blocks == ("Do:", "a\n\n  b", "1. one\n2. two\n  - three", "x | y\n1 | 2")


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ('Tea {{< figure src="x.png" >}}.', "Tea ."),
        ("{{% note %}}\nTea **is** hot.\n{{% /note %}}", "Tea is hot."),
        ("{{</* ref */>}}", "{{< ref >}}"),
        ("{{< highlight go >}}\nx := `y`\n{{< /highlight >}}", "x := `y`"),
        ('[Tea]({{< relref "tea.md" >}}) time', "Tea time"),
        ("{% include ad.html %}\nTea", "Tea"),
        ("{% comment %}\nsecret\n{% endcomment %}\nTea", "Tea"),
        ("{% raw %}Tea{% endraw %}", "Tea"),
        ("{% highlight ruby %}\nputs 1\n{% endhighlight %}", "puts 1"),
        ("Tea of {{ site.title }}", "Tea of"),
        ("* TOC\n{:toc}\n\nTea\n{: .lead}", "Tea"),
        ("[[toc]]\n\nTea", "Tea"),
        ("import X from '../x.astro'\nimport './y.css';\n\nTea", "Tea"),
        ("export const meta = {\n  a: 1\n}\n\nTea", "Tea"),
        ('<Callout type="note">\n\nTea *is* hot\n\n</Callout>\n{/* secret */}', "Tea is hot"),
        ("Import taxes rose.\n\nexport was slow", "Import taxes rose.\nexport was slow"),
        ("Tea <!-- secret --> hot", "Tea hot"),
        ("Tea <script>secret()</script>\n\n<script>\nsecret()\n</script>", "Tea"),
        ('<p style="display:none">secret</p>\n\nTea <span hidden>secret</span>', "Tea"),
        ("![secret](x.png)\n\nTea\u200b\U000e0041", "Tea"),
        ("~~Milk~~ Tea", "Milk Tea"),
        ("Tea %%secret%% is%%secret%% hot", "Tea is hot"),
        ("Tea\n\n%%\nsecret\n\n`secret`\n%%\n\nhot", "Tea\nhot"),
        ("Tea %%secret\n\nsecret%% hot", "Tea hot"),
        ("Tea\n\n%% secret\n\nsecret", "Tea"),
        ("100%% sure\n\nfor 5%% more", "100%% sure\nfor 5%% more"),
        ("Say %%i, then\n\nfor %%i in (*) do %%i", "Say %%i, then\nfor %%i in (*) do %%i"),
        (
            "[[Tea]], [[Tea|hot *leaves*]], [[Tea#Kinds]], [[#Kinds]], [[Tea#^a1]]",
            "Tea, hot leaves, Tea > Kinds, Kinds, Tea",
        ),
        ("| a | b |\n|---|---|\n| [[Tea\\|hot]] | 2 |", "a | b\nhot | 2"),
        (
            "[[1]](https://x.example) [[1, 2], [3]] \\[[x]] if [[ -f x ]]",
            "[1] [[1, 2], [3]] [[x]] if [[ -f x ]]",
        ),
        ("Tea ![[leaves.png]]\n\n![[Milk#Oats|300]]", "Tea"),
        ("> [!warning] Hot *tea*\n> Don't drink.\n>\n> Wait.", "Hot tea\nDon't drink.\nWait."),
        ("> [!NOTE]\n> Tea", "Tea"),
        ("> > [!faq|wide]- Why?\n> > Tea", "Why?\nTea"),
        ("> [!tea is hot\n> indeed", "[!tea is hot indeed"),
        ("[!note] Tea", "[!note] Tea"),
        ("- [ ] buy\n- [x] boil\n- [b] other\n- [leaves](x)", "- buy\n- boil\n- [b] other\n- leaves"),
        ("- `[ ] x`\n- y", "- [ ] x\n- y"),
        ("1. [X] boil\n\n2. pour", "1. boil\n2. pour"),
        (
            "Tea[^1] is[^2] hot [^3].\n\n[^1]: Leaves.\n[^2]: https://x.example\n\n    Too.\n\nEnd",
            "Tea is hot [^3].\n- Leaves.\n- https://x.example\n  Too.\nEnd",
        ),
    ],
)
def test_what_only_a_generator_or_a_model_reads_is_left_out(source: str, shown: str) -> None:
    assert text(page(source)) == shown


@pytest.mark.parametrize(
    "code",
    [
        "%%tea%%",
        "[[tea]]",
        "[^1]",
        "![[tea]]",
        "{% if tea %}",
        "{{< tea >}}",
        "import x from 'y'",
        "{/* tea */}",
        "<!-- tea -->",
        "{{ site.tea }}",
    ],
)
def test_code_is_shown_as_it_is(code: str) -> None:
    assert text(page(f"```\n{code}\n```")) == code
    assert text(page(f"~~~~ jinja\n~~~\n{code}\n~~~~\n")) == f"~~~\n{code}"
    assert text(page(f"Write `{code}` or ``a ` {code}``.")) == f"Write {code} or a ` {code}."


@pytest.mark.parametrize(
    "tag", ["{{< x", "{% x", "{/* x", "{{</* x", "{{< x {{< y", "`x", "import x", "%%x", "[[x", "![[x"]
)
def test_a_tag_that_never_ends_is_text(tag: str) -> None:
    assert text(page(f"Tea {tag}")) == f"Tea {tag}"


def test_the_posts_of_the_sample_blog_can_be_read() -> None:
    for path in POSTS.glob("*.md"):
        read = read_markdown(parse_document(path.read_bytes()), f"/posts/{path.stem}")
        assert read.title
        assert read.date
        assert all(passage.url.startswith(f"/posts/{path.stem}") for passage in read.passages)


@given(st.text(max_size=200), st.sampled_from(["", "---\n", "+++\n", "{"]))
def test_no_text_does_harm(source: str, beginning: str) -> None:
    try:
        read = page(f"{beginning}{source}".encode("utf-8", "replace").decode())
    except Unreadable:
        return
    assert read.passages
