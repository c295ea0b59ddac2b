import pytest
from site_files import SITE, addresses, remarks, skipped, titles, write

pytestmark = pytest.mark.usefixtures("in_tmp_path")


@pytest.mark.parametrize(
    ("permalink", "address"),
    [
        ("", "/tea/2024/01/02/hot-leaves.html"),
        ("permalink: pretty", "/tea/2024/01/02/hot-leaves/"),
        ("permalink: none", "/tea/hot-leaves.html"),
        ("permalink: /blog/:year/:i_month/:slug:output_ext", "/blog/2024/1/hot-leaves.html"),
        ("permalink: /:short_year:month:day_:title/", "/240102_hot-leaves/"),
        ("permalink: [", "/tea/2024/01/02/hot-leaves.html"),
    ],
)
def test_jekylls_posts_are_where_its_permalinks_say(permalink: str, address: str) -> None:
    write("blog/_config.yml", text=permalink)
    write("blog/_posts/2024-01-02-hot-leaves.md", "categories: Tea")
    assert addresses(f"blog={SITE}") == {"blog/_posts/2024-01-02-hot-leaves.md": SITE + address}
    assert addresses(f"blog/_posts={SITE}/") == {"blog/_posts/2024-01-02-hot-leaves.md": SITE + address}


@pytest.mark.parametrize(
    ("front", "path"),
    [
        ("categories: Green Tea", "green/tea"),
        ("categories: [Green Tea, Leaves]", "green%20tea/leaves"),
        ("category: Green Tea", "green%20tea"),
    ],
)
def test_jekylls_categories_are_read_as_jekyll_reads_them(front: str, path: str) -> None:
    write("blog/_config.yml", text="title: x")
    write("blog/_posts/2024-01-02-a.md", front)
    assert addresses(f"blog={SITE}") == {"blog/_posts/2024-01-02-a.md": f"{SITE}/{path}/2024/01/02/a.html"}
    write("blog/_config.yml", text="permalink: /:slugified_categories/:title")
    slugs = path.replace("%20", "-")
    assert addresses(f"blog={SITE}") == {"blog/_posts/2024-01-02-a.md": f"{SITE}/{slugs}/a"}


def test_jekylls_pages_are_where_jekyll_puts_them() -> None:
    write("blog/_config.yml", text="title: x")
    for path in ("index.md", "about.md", "_site/about.html", "_layouts/post.html", "vendor/x.md"):
        write(f"blog/{path}", "layout: page")
    write("blog/imprint.md", "permalink: /legal/")
    write("blog/news/_posts/2024-01-02-a.md", "date: 2024-03-04")
    assert addresses(f"blog={SITE}/b") == {
        "blog/index.md": f"{SITE}/b/",
        "blog/about.md": f"{SITE}/b/about.html",
        "blog/imprint.md": f"{SITE}/b/legal/",
        "blog/news/_posts/2024-01-02-a.md": f"{SITE}/b/news/2024/03/04/a.html",
    }
    news = {"blog/news/_posts/2024-01-02-a.md": f"{SITE}/news/2024/03/04/a.html"}
    assert addresses(f"blog/news/_posts={SITE}/news") == news


def test_what_jekyll_makes_no_page_of_is_none() -> None:
    write("blog/_config.yml", text="title: x")
    write("blog/README.md", text="How to build this site.")
    write("blog/about.md", text="---\n---\nAbout tea.")
    assert skipped(f"blog={SITE}") == {"blog/README.md": ("without front matter", True)}
    assert list(addresses(f"blog={SITE}")) == ["blog/about.md"]


def site(settings: str, *paths: str) -> None:
    write("blog/_config.yml", text=settings)
    for path in paths:
        write(f"blog/{path}", "x: 1")


# -- Permalinks.


@pytest.mark.parametrize(
    ("style", "path"),
    [
        ("ordinal", "2024/032/Hot-leaves.html"),
        ("weekdate", "2024/W05/THU/Hot-leaves.html"),
        ("/:short_month/:long_day/:slug/", "FEB/Thursday/hot-leaves/"),
        ("/:year/:title", "2024/Hot-leaves"),
    ],
)
def test_all_of_jekylls_styles_and_tokens_are_known(style: str, path: str) -> None:
    site(f"permalink: {style}", "_posts/2024-2-1-Hot leaves.md")
    assert list(addresses(f"blog={SITE}").values()) == [f"{SITE}/{path}"]
    assert remarks(f"blog={SITE}") == []


@pytest.mark.parametrize(
    ("style", "path"),
    [("date", "about.html"), ("pretty", "about/"), ("/:title/", "about/"), ("/:title", "about")],
)
def test_pages_end_as_posts_do(style: str, path: str) -> None:
    site(f"permalink: {style}", "about.md")
    assert list(addresses(f"blog={SITE}").values()) == [f"{SITE}/{path}"]


def test_defaults_stand_where_a_page_says_nothing() -> None:
    site(
        """
defaults:
  - {scope: {path: news, type: posts}, values: {permalink: "/news/:title/", category: x}}
  - {scope: {path: "", type: posts}, values: {permalink: "/posts/:title/"}}
  - {values: {permalink: "/:path/:basename/"}}
""",
        *("_posts/2024-01-02-a.md", "news/_posts/2024-01-02-b.md", "about/tea.md"),
    )
    write("blog/own.md", "permalink: /mine/")
    assert set(addresses(f"blog={SITE}").values()) == {
        f"{SITE}/{path}" for path in ("posts/a/", "news/b/", "about/tea/", "mine/")
    }


def test_what_the_defaults_hide_is_no_page() -> None:
    site(
        "defaults: [{scope: {path: _posts/hidden}, values: {published: false}}]",
        *("_posts/2024-01-02-a.md", "_posts/hidden/2024-01-02-b.md"),
    )
    write("blog/_posts/hidden/2024-01-02-c.md", "published: true")
    assert skipped(f"blog={SITE}") == {"blog/_posts/hidden/2024-01-02-b.md": ("draft", True)}
    assert list(addresses(f"blog={SITE}")) == [
        "blog/_posts/2024-01-02-a.md",
        "blog/_posts/hidden/2024-01-02-c.md",
    ]


# -- Collections.

RECIPES = """
collections:
  recipes: {output: true, permalink: "/food/:name/"}
  people: {output: true}
  notes: {output: false}
"""


def test_a_collection_is_where_its_permalink_says() -> None:
    site(RECIPES, "_recipes/soups/Hot Pot.md", "_people/staff/ann.md", "_unknown/x.md")
    read = {
        "blog/_recipes/soups/Hot Pot.md": f"{SITE}/food/hot-pot/",
        "blog/_people/staff/ann.md": f"{SITE}/people/staff/ann.html",
    }
    assert addresses(f"blog={SITE}") == read
    assert addresses(f"blog/_people={SITE}/people").items() < read.items()
    assert addresses(f"blog/_recipes={SITE}/recipes").items() < read.items()
    site(f"permalink: pretty\n{RECIPES}")
    assert addresses(f"blog={SITE}")["blog/_people/staff/ann.md"] == f"{SITE}/people/staff/ann/"


def test_a_collection_that_is_not_published_is_told_of() -> None:
    site(RECIPES, "_notes/tea.md", "about.md")
    assert skipped(f"blog={SITE}") == {"blog/_notes/tea.md": ("in a collection that is not published", True)}
    site("collections: [notes]")
    assert list(skipped(f"blog={SITE}")) == ["blog/_notes/tea.md"]


def test_collections_may_have_a_folder_in_common() -> None:
    site(f"collections_dir: parts\n{RECIPES}", "parts/_recipes/a.md", "parts/_posts/2024-01-02-b.md")
    assert set(addresses(f"blog={SITE}").values()) == {f"{SITE}/food/a/", f"{SITE}/2024/01/02/b.html"}


def test_posts_may_have_a_permalink_as_a_collection() -> None:
    site("collections: {posts: {output: true, permalink: '/p/:title/'}}", "_posts/2024-01-02-a.md")
    assert list(addresses(f"blog={SITE}").values()) == [f"{SITE}/p/a/"]


# -- What else the settings say.


def test_the_settings_name_the_address_where_the_owner_does_not() -> None:
    site("url: https://kitchen.test\nbaseurl: /blog/", "about.md")
    assert addresses("blog") == {"blog/about.md": "https://kitchen.test/blog/about.html"}
    assert remarks("blog") == ["blog: _config.yml says that its pages are at https://kitchen.test/blog/"]


@pytest.mark.parametrize("url", ["https://kitchen.test", "http://example.com", "''", "kitchen.test"])
def test_the_path_of_the_first_page_is_that_of_the_settings(url: str) -> None:
    site(f"url: {url}\nbaseurl: /blog", "about.md")
    for address in ("https://kitchen.test", "https://kitchen.test/blog/"):
        assert list(addresses(f"blog={address}").values()) == ["https://kitchen.test/blog/about.html"]


def test_a_site_may_be_in_a_folder_of_its_own() -> None:
    site("source: src", "src/about.md", "README.md")
    assert addresses(f"blog={SITE}") == {"blog/src/about.md": f"{SITE}/about.html"}


def test_what_the_settings_leave_out_and_posts_without_a_date_are_no_pages() -> None:
    site("exclude: [docs/, '*.tmp.md']", "docs/a.md", "b.tmp.md", "_posts/tea.md", "about.md")
    assert skipped(f"blog={SITE}") == {
        "blog/docs/a.md": ("left out by the site's settings", True),
        "blog/b.tmp.md": ("left out by the site's settings", True),
        "blog/_posts/tea.md": ("a post without a date in its name", True),
    }


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ("permalink: /:hour/:title/", "permalink is not followed (:hour)"),
        ("collections: {a: {permalink: '/:x/'}}", "collections.a.permalink is not followed (:x)"),
        ("source_dir: source", "source_dir is not followed (Hexo's)"),
        ("plugins: [jekyll-polyglot, x]", "plugins is not followed (jekyll-polyglot)"),
        ("source: ../secret", "source is not followed (../secret is not in blog)"),
        ("permalink: [", "can't be read"),
    ],
)
def test_what_is_not_followed_is_told(settings: str, what: str) -> None:
    site(settings, "about.md")
    assert remarks(f"blog={SITE}") == [
        f"blog={SITE}: _config.yml: {what}, so addresses may be wrong or missing: name the sitemap instead"
    ]


def test_a_post_is_left_out_rather_than_named_by_a_pattern_that_is_not_known() -> None:
    site("permalink: /:years/:month/:hour/", "_posts/2024-01-02-a.md", "about.md")
    assert skipped(f"blog={SITE}") == {"blog/_posts/2024-01-02-a.md": ("does not say its address", False)}


def test_a_page_without_a_title_is_named_after_its_file() -> None:
    site(RECIPES)
    for path in ("_posts/2024-01-02-hot-tea.md", "_recipes/index.md"):
        write(f"blog/{path}", text="---\n---\nTea.")
    assert list(titles(f"blog={SITE}").values()) == ["Hot tea", ""]
