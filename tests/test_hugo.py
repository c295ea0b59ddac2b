import os
from pathlib import Path

import pytest
from site_files import SITE, addresses, remarks, skipped, titles, write

from chatsse.errors import ContentError

pytestmark = pytest.mark.usefixtures("in_tmp_path")


def test_hugos_pages_are_where_hugo_puts_them() -> None:
    write("blog/hugo.toml", text="baseURL = 'x'")
    for path in ("_index.md", "about.md", "posts/_index.md", "posts/My Tea.md", "posts/bundle/index.md"):
        write(f"blog/content/{path}")
    write("blog/content/posts/a.md", "slug: b")
    write("blog/content/posts/c.md", "url: /d/")
    write("blog/README.md")
    write("blog/themes/x/content/y.md")
    posts = {
        "blog/content/posts/_index.md": f"{SITE}/posts/",
        "blog/content/posts/My Tea.md": f"{SITE}/posts/my-tea/",
        "blog/content/posts/bundle/index.md": f"{SITE}/posts/bundle/",
        "blog/content/posts/a.md": f"{SITE}/posts/b/",
        "blog/content/posts/c.md": f"{SITE}/d/",
    }
    pages = {"blog/content/_index.md": f"{SITE}/", "blog/content/about.md": f"{SITE}/about/"}
    assert addresses(f"blog={SITE}") == pages | posts
    assert addresses(f"blog/content={SITE}/") == pages | posts
    assert addresses(f"blog/content/posts={SITE}/posts/") == posts


def site(settings: str, *paths: str, file: str = "hugo.toml") -> None:
    write(f"blog/{file}", text=settings)
    for path in paths:
        write(f"blog/content/{path}", "date: 2024-03-05")


# -- Permalinks.


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/:year/:month/:slug/", "2024/03/tea/"),
        ("/:year/:monthname/:day/:slug", "2024/march/05/tea/"),
        (":weekday-:weekdayname-:yearday/:title", "2-tuesday-65/tea/"),
        ("/:section/:slugorfilename/", "posts/hot-leaves/"),
        ("/:section/:slugorcontentbasename/", "posts/hot-leaves/"),
        ("/b/:filename/", "b/hot-leaves/"),
        ("/b/:contentbasename.html", "b/hot-leaves.html/"),
        ("/:sections/:filename/", "posts/green/hot-leaves/"),
        ("/:sections[1:]/:filename/", "green/hot-leaves/"),
        ("/:sections[last]/:sections[0]/:filename/", "green/posts/hot-leaves/"),
        ("/:sections[:last]/:sections[7]/:filename/", "posts/hot-leaves/"),
    ],
)
def test_a_post_is_where_the_permalinks_of_its_section_say(pattern: str, path: str) -> None:
    site(
        f"permalinks.posts = '{pattern}'",
        "posts/green/2024/Hot Leaves.md",
        "posts/green/_index.md",
        "about.md",
    )
    read = addresses(f"blog={SITE}")
    assert read == {
        "blog/content/posts/green/2024/Hot Leaves.md": f"{SITE}/{path}",
        "blog/content/posts/green/_index.md": f"{SITE}/posts/green/",
        "blog/content/about.md": f"{SITE}/about/",
    }
    assert addresses(f"blog/content/posts={SITE}/posts").items() < read.items()
    assert remarks(f"blog={SITE}") == []


def test_a_slug_and_a_title_are_cleaned_as_hugo_does() -> None:
    site("permalinks.page.posts = '/:slug/'\n")
    write("blog/content/posts/a.md", "title: 'What’s  new? - Grüße/C#'")
    write("blog/content/posts/b.md", "slug: Hot Leaves")
    write("blog/content/posts/_index.md", "x: 1")
    assert addresses(f"blog={SITE}") == {
        "blog/content/posts/a.md": f"{SITE}/whats-new-gr%C3%BC%C3%9Fe/c%23/",
        "blog/content/posts/b.md": f"{SITE}/hot-leaves/",
        "blog/content/posts/_index.md": f"{SITE}/posts/",
    }


@pytest.mark.parametrize(
    ("file", "settings"),
    [
        ("hugo.toml", "[Permalinks.Page]\nposts = '/p/:filename/'"),
        ("config.toml", "[permalinks]\nposts = '/p/:filename/'"),
        ("hugo.yaml", "permalinks:\n  page:\n    posts: /p/:filename/"),
        ("config.yml", "permalinks:\n  /posts/: /p/:filename/"),
        ("hugo.json", '{"permalinks": {"page": {"posts": "/p/:filename/"}}}'),
        ("config/_default/hugo.toml", "permalinks.posts = '/p/:filename/'"),
        ("config/_default/config.yaml", "permalinks: {posts: '/p/:filename/'}"),
        ("config/_default/permalinks.toml", "posts = '/p/:filename/'"),
        ("config/_default/hugo.en.toml", "permalinks.posts = '/p/:filename/'"),
    ],
)
def test_settings_are_found_in_all_the_files_that_hugo_knows(file: str, settings: str) -> None:
    site(settings, "posts/tea.md", file=file)
    write("blog/config/_default/permalinks.de.toml", text="page.posts = '/artikel/:filename/'")
    assert addresses(f"blog={SITE}") == {"blog/content/posts/tea.md": f"{SITE}/p/tea/"}
    write("blog/content/posts/tea.de.md")
    assert addresses(f"blog={SITE}")["blog/content/posts/tea.de.md"] == f"{SITE}/de/artikel/tea/"


def test_the_settings_of_production_come_last() -> None:
    site("permalinks.posts = '/a/:filename/'\nuglyURLs = true", "posts/tea.md")
    write("blog/config/_default/hugo.toml", text="permalinks.posts = '/b/:filename/'")
    write("blog/config/production/hugo.toml", text="permalinks.posts = '/c/:filename/'")
    assert addresses(f"blog={SITE}") == {"blog/content/posts/tea.md": f"{SITE}/c/tea.html"}


def test_sections_and_terms_have_patterns_of_their_own() -> None:
    site(
        "permalinks.section.posts = '/writing/'\npermalinks.term.tags = '/about/:slug/'",
        *("posts/_index.md", "posts/tea.md", "tags/_index.md", "tags/Green/_index.md", "_index.md"),
    )
    write("blog/content/tags/Green/_index.md", "slug: green-tea")
    assert set(addresses(f"blog={SITE}").values()) == {
        f"{SITE}/writing/",
        f"{SITE}/posts/tea/",
        f"{SITE}/tags/",
        f"{SITE}/about/green-tea/",
        f"{SITE}/",
    }


def test_a_folder_of_a_section_may_have_a_pattern_of_its_own() -> None:
    patterns = "permalinks.posts = '/p/:filename/'\npermalinks.'posts/green' = '/g/:filename/'"
    site(patterns, "posts/green/tea.md", "posts/greens/kale.md")
    assert set(addresses(f"blog={SITE}").values()) == {f"{SITE}/g/tea/", f"{SITE}/p/kale/"}


def test_pages_at_the_top_have_a_pattern_of_their_own() -> None:
    site("permalinks.page.'/' = '/p/:filename/'", "about.md", "posts/tea.md")
    assert set(addresses(f"blog={SITE}").values()) == {f"{SITE}/p/about/", f"{SITE}/posts/tea/"}


def test_a_page_without_a_date_is_at_no_address_that_needs_one() -> None:
    site("permalinks.posts = '/:year/:filename/'", "posts/tea.md")
    write("blog/content/posts/milk.md", "x: 1")
    assert skipped(f"blog={SITE}") == {"blog/content/posts/milk.md": ("does not say its address", False)}


def test_a_date_may_be_that_of_the_files_name() -> None:
    site("permalinks.posts = '/:year/:slug/'\nfrontmatter.date = ['born', ':filename', ':default']")
    write("blog/content/posts/2024-01-02-tea.md", "x: 1")
    write("blog/content/posts/2024-01-02-milk.md", "born: 2023-01-02")
    assert set(addresses(f"blog={SITE}").values()) == {f"{SITE}/2024/tea/", f"{SITE}/2023/milk/"}


def test_the_address_in_the_front_matter_may_be_a_pattern_or_a_path() -> None:
    site("", "posts/tea.md")
    write("blog/content/posts/a.md", "date: 2024-01-02\nurl: /:year/:slug/\nslug: b")
    write("blog/content/posts/c.md", "url: /d")
    write("blog/content/posts/e.md", "url: /f.html")
    assert set(addresses(f"blog={SITE}").values()) == {
        f"{SITE}/{path}" for path in ("posts/tea/", "2024/b/", "d/", "f.html")
    }


# -- Settings of paths.


def test_ugly_addresses_are_files() -> None:
    paths = ("_index.md", "posts/_index.md", "posts/tea.md", "posts/milk/index.md")
    site("uglyURLs = true", *paths)
    expected = {f"{SITE}/{path}" for path in ("", "posts.html", "posts/tea.html", "posts/milk.html")}
    assert set(addresses(f"blog={SITE}").values()) == expected
    site("[uglyURLs]\nposts = true", *paths, "news/rye.md")
    assert set(addresses(f"blog={SITE}").values()) == expected | {f"{SITE}/news/rye/"}


def test_letters_stay_large_where_the_settings_say_so() -> None:
    site("disablePathToLower = true", "Posts/My Té.md")
    assert set(addresses(f"blog={SITE}").values()) == {f"{SITE}/Posts/My-T%C3%A9/"}
    site("removePathAccents = true")
    assert set(addresses(f"blog={SITE}").values()) == {f"{SITE}/posts/my-te/"}


def test_the_text_may_be_in_another_folder() -> None:
    write("blog/hugo.toml", text="contentDir = 'text'")
    write("blog/text/posts/tea.md")
    write("blog/content/posts/milk.md")
    assert addresses(f"blog={SITE}") == {"blog/text/posts/tea.md": f"{SITE}/posts/tea/"}


def test_a_file_of_a_bundle_is_no_page() -> None:
    site(
        "", "posts/tea/index.md", "posts/tea/notes.md", "posts/tea/more/x.md", "posts/_index.md", "posts/a.md"
    )
    assert skipped(f"blog={SITE}") == {
        "blog/content/posts/tea/notes.md": ("belongs to a page's bundle", True),
        "blog/content/posts/tea/more/x.md": ("belongs to a page's bundle", True),
    }


# -- Languages.

LANGUAGES = "[languages.en]\nweight = 1\n[languages.de]\nweight = 2\n"


def test_a_file_that_the_settings_ignore_is_no_page() -> None:
    site(r"ignoreFiles = ['\.draft\.md$', '/notes/']", "tea.md", "tea.draft.md", "notes/x.md")
    ignored = ("left out by the site's settings", True)
    assert skipped(f"blog={SITE}") == {
        "blog/content/tea.draft.md": ignored,
        "blog/content/notes/x.md": ignored,
    }
    assert list(addresses(f"blog={SITE}")) == ["blog/content/tea.md"]


def test_a_language_may_be_in_the_files_names() -> None:
    site(LANGUAGES, "posts/tea.md", "posts/tea.de.md", "posts/milk/index.de.md", "_index.de.md", "node.js.md")
    read = {
        "blog/content/posts/tea.md": f"{SITE}/posts/tea/",
        "blog/content/posts/tea.de.md": f"{SITE}/de/posts/tea/",
        "blog/content/posts/milk/index.de.md": f"{SITE}/de/posts/milk/",
        "blog/content/_index.de.md": f"{SITE}/de/",
        "blog/content/node.js.md": f"{SITE}/node.js/",
    }
    assert addresses(f"blog={SITE}") == read
    assert addresses(f"blog/content={SITE}") == read
    site(f"defaultContentLanguageInSubdir = true\n{LANGUAGES}")
    for folder in ("blog", "blog/content"):
        assert addresses(f"{folder}={SITE}")["blog/content/posts/tea.md"] == f"{SITE}/en/posts/tea/"
    site(f"defaultContentLanguage = 'de'\n{LANGUAGES}")
    assert addresses(f"blog={SITE}")["blog/content/posts/tea.de.md"] == f"{SITE}/posts/tea/"
    assert addresses(f"blog={SITE}")["blog/content/posts/tea.md"] == f"{SITE}/posts/tea/"


def test_a_language_may_have_a_folder_and_patterns_of_its_own() -> None:
    write(
        "blog/hugo.toml",
        text="defaultContentLanguageInSubdir = true\npermalinks.posts = '/p/:filename/'\n"
        "[languages.en]\ncontentDir = 'content/en'\n"
        "[languages.de]\ncontentDir = 'german'\npermalinks.posts = '/artikel/:filename/'\n",
    )
    write("blog/content/en/posts/tea.md")
    write("blog/german/posts/tee.md")
    german = {"blog/german/posts/tee.md": f"{SITE}/de/artikel/tee/"}
    english = {"blog/content/en/posts/tea.md": f"{SITE}/en/p/tea/"}
    assert addresses(f"blog={SITE}") == german | english
    assert addresses(f"blog/german={SITE}/de") == german
    assert addresses(f"blog/content={SITE}") == english


def test_a_languages_folder_may_be_in_anothers() -> None:
    site(f"{LANGUAGES}contentDir = 'content/german'", "posts/tea.md", "german/posts/tee.md")
    assert addresses(f"blog={SITE}") == {
        "blog/content/posts/tea.md": f"{SITE}/posts/tea/",
        "blog/content/german/posts/tee.md": f"{SITE}/de/posts/tee/",
    }


def test_a_language_may_have_an_address_of_its_own_or_be_switched_off() -> None:
    site(
        "[languages.en]\n[languages.de]\nbaseURL = 'https://de.blog.test/'\n[languages.fr]\ndisabled = true",
        *("tea.md", "tea.de.md", "tea.fr.md"),
    )
    assert addresses(f"blog={SITE}") == {
        "blog/content/tea.md": f"{SITE}/tea/",
        "blog/content/tea.de.md": "https://de.blog.test/tea/",
    }
    assert skipped(f"blog={SITE}") == {"blog/content/tea.fr.md": ("in a language that is switched off", True)}


# -- What the settings say of the site's address.


def test_the_settings_name_the_address_where_the_owner_does_not() -> None:
    site("baseURL = 'https://kitchen.test/blog/'", "posts/tea.md")
    expected = {"blog/content/posts/tea.md": "https://kitchen.test/blog/posts/tea/"}
    for word in ("blog", "blog/content", "blog/content/posts", "blog/content/posts/tea.md"):
        assert addresses(word) == expected
        assert remarks(word) == [f"{word}: hugo.toml says that its pages are at https://kitchen.test/blog/"]


def test_a_file_that_the_owner_puts_somewhere_is_there_whatever_the_settings_say() -> None:
    site("baseURL = 'https://kitchen.test'\npermalinks.posts = '/:x/'", "posts/tea.md")
    word = f"blog/content/posts/tea.md={SITE}/x"
    assert list(addresses(word).values()) == [f"{SITE}/x"]
    assert remarks(word) == []


@pytest.mark.parametrize("base", ["https://example.org/", "http://localhost:1313", "/", "", "https://["])
def test_an_address_that_no_site_has_is_not_taken_from_the_settings(base: str) -> None:
    site(f"baseURL = '{base}'", "posts/tea.md")
    with pytest.raises(ContentError, match=r"say where its pages are, e\.g\. blog=https://blog\.example/"):
        addresses("blog")


@pytest.mark.parametrize(
    ("word", "path"),
    [
        ("blog=https://kitchen.test", "/blog/posts/tea/"),
        ("blog=https://kitchen.test/blog", "/blog/posts/tea/"),
        ("blog=https://kitchen.test/other", "/other/posts/tea/"),
        ("blog/content/posts=https://kitchen.test", "/blog/posts/tea/"),
    ],
)
def test_the_path_of_the_first_page_is_that_of_the_settings(word: str, path: str) -> None:
    site("baseURL = 'https://kitchen.test/blog/'", "posts/tea.md")
    assert list(addresses(word).values()) == [f"https://kitchen.test{path}"]


def test_another_address_than_the_settings_is_the_owners_to_name() -> None:
    site("baseURL = 'https://kitchen.test/blog/'", "posts/tea.md")
    assert list(addresses(f"blog={SITE}").values()) == [f"{SITE}/posts/tea/"]
    assert list(addresses(f"blog/content/posts={SITE}/x").values()) == [f"{SITE}/x/tea/"]


# -- What is not followed.


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        (
            "permalinks.posts = '/:sectionslug/:2006/:slug'",
            "permalinks.posts is not followed (:sectionslug :2006)",
        ),
        ("[[permalinks]]\npattern = '/:slug/'", "permalinks is not followed (a list)"),
        ("[[module.mounts]]\nsource = 'x'\ntarget = 'content/y'", "module.mounts is not followed (x)"),
        ("contentDir = '../secret'", "contentDir is not followed (../secret is not in blog)"),
        ("languages.de.contentDir = '/secret'", "contentDir is not followed (/secret is not in blog)"),
        ("ignoreFiles = ['x', '*.md']", "ignoreFiles is not followed (*.md)"),
        ("permalinks = [", "can't be read"),
    ],
)
def test_what_is_not_followed_is_told(settings: str, what: str) -> None:
    site(settings, "posts/tea.md", "about.md")
    assert remarks(f"blog={SITE}") == [
        f"blog={SITE}: hugo.toml: {what}, so addresses may be wrong or missing: name the sitemap instead"
    ]


def test_settings_that_are_no_file_are_not_waited_for() -> None:
    site("title = 'Tea'", "tea.md")
    Path("blog/config/_default").mkdir(parents=True)
    os.mkfifo("blog/config/_default/params.toml")
    assert addresses(f"blog={SITE}")


@pytest.mark.parametrize(
    "settings",
    [
        "params: &a {b: *a}",
        "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} {{b: *a{n - 1}, c: *a{n - 1}}}" for n in range(1, 40))]),
        "title: Tea #" + 256 * 1024 * " ",
    ],
    ids=["in itself", "doubled again and again", "large"],
)
def test_settings_without_an_end_are_told(settings: str) -> None:
    write("blog/hugo.yaml", text=settings)
    write("blog/content/tea.md")
    (remark,) = remarks(f"blog={SITE}")
    assert "hugo.yaml: can't be read, so" in remark


def test_the_settings_name_no_folder_outside_of_the_sites() -> None:
    site("contentDir = '../secret'", "tea.md")
    write("secret/x.md")
    assert addresses(f"blog={SITE}") == {"blog/content/tea.md": f"{SITE}/tea/"}
    Path("blog/content").rename("blog/notes")
    assert addresses(f"blog={SITE}") == {"blog/notes/tea.md": f"{SITE}/notes/tea"}
    (remark,) = remarks(f"blog={SITE}")
    assert "contentDir is not followed" in remark


def test_a_page_is_left_out_rather_than_named_by_a_pattern_that_is_not_known() -> None:
    site("permalinks.posts = '/:x/:slug/'", "posts/tea.md")
    with pytest.raises(ContentError, match="no page's address can be told: name the sitemap instead"):
        addresses(f"blog={SITE}")
    site("permalinks.posts = '/:x/:slug/'", "about.md")
    assert skipped(f"blog={SITE}") == {"blog/content/posts/tea.md": ("does not say its address", False)}


def test_mounts_of_what_is_read_anyway_are_none_to_tell_of() -> None:
    mounts = [("content", "content"), ("a", "assets")]
    tables = (f"[[module.mounts]]\nsource = '{source}'\ntarget = '{target}'" for source, target in mounts)
    site("\n".join(tables), "tea.md")
    assert remarks(f"blog={SITE}") == []


def test_a_page_without_a_title_is_named_after_its_file_or_its_bundle() -> None:
    site(LANGUAGES)
    for name in ("posts/hot-tea.de", "posts/cold-tea/index", "posts/_index"):
        write(f"blog/content/{name}.md")
    assert list(titles(f"blog={SITE}").values()) == ["Posts", "Cold tea", "Hot tea"]
