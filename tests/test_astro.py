import os

import pytest
from site_files import SITE, addresses, remarks, write

from chatsse.errors import ContentError

pytestmark = pytest.mark.usefixtures("in_tmp_path")


def test_astros_pages_are_where_astro_puts_them() -> None:
    write("site/astro.config.mjs", text="export default {}")
    write("site/src/content/blog/First Post.md")
    write("site/src/content/blog/second/index.mdx")
    write("site/src/content/blog/third.md", "slug: 3rd")
    write("site/README.md")
    expected = {
        "site/src/content/blog/First Post.md": f"{SITE}/blog/first-post/",
        "site/src/content/blog/second/index.mdx": f"{SITE}/blog/second/",
        "site/src/content/blog/third.md": f"{SITE}/blog/3rd/",
    }
    assert addresses(f"site={SITE}") == expected
    assert addresses(f"site/src/content/blog={SITE}/blog") == expected


ROUTE = """---
const posts = await getCollection('blog');
---
"""


def site(settings: str, *paths: str) -> None:
    write("site/astro.config.mjs", text=f"export default defineConfig({{\n{settings}\n}});\n")
    for path in paths:
        write(f"site/src/{path}", text=ROUTE if path.endswith(".astro") else "Tea.")


def test_names_are_cleaned_in_collections_and_stand_in_pages() -> None:
    site("", "content/blog/My Trip/Day 1.md", "pages/About Us.md", "pages/index.md")
    write("site/src/content/blog/My Trip/slug.md", "slug: trips/2")
    assert addresses(f"site={SITE}") == {
        "site/src/content/blog/My Trip/Day 1.md": f"{SITE}/blog/my-trip/day-1/",
        "site/src/content/blog/My Trip/slug.md": f"{SITE}/blog/trips/2/",
        "site/src/pages/About Us.md": f"{SITE}/About%20Us/",
        "site/src/pages/index.md": f"{SITE}/",
    }


# -- Routes.


@pytest.mark.parametrize(
    ("route", "path"),
    [
        ("posts/[slug].astro", "posts/tea/"),
        ("posts/[id].astro", "posts/tea/"),
        ("posts/[...slug].astro", "posts/tea/"),
        ("posts/[...slug]/index.astro", "posts/tea/"),
        ("[...slug].astro", "tea/"),
        ("posts/tags/[tag].astro", "blog/tea/"),
        ("posts/index.astro", "blog/tea/"),
    ],
)
def test_a_collection_is_where_its_only_route_shows_it(route: str, path: str) -> None:
    site("", "content/blog/tea.md", f"pages/{route}")
    write("site/src/pages/all/[...slug].astro", text=f"{ROUTE}paginate(posts)")
    write("site/src/pages/news/[slug].astro", text='getCollection("news"); getCollection("blog")')
    read = {"site/src/content/blog/tea.md": f"{SITE}/{path}"}
    assert addresses(f"site={SITE}") == read
    assert addresses(f"site/src/content/blog={SITE}/{path.removesuffix('tea/')}") == read
    assert remarks(f"site={SITE}") == []


@pytest.mark.parametrize(
    "routes", [("a/[slug].astro", "b/[slug].astro"), ("[lang]/[slug].astro",), ("[slug]/more.astro",)]
)
def test_routes_that_are_not_followed_are_told(routes: tuple[str, ...]) -> None:
    site("", "content/blog/tea.md", *(f"pages/{route}" for route in routes))
    assert list(addresses(f"site={SITE}").values()) == [f"{SITE}/blog/tea/"]
    (remark,) = remarks(f"site={SITE}")
    assert f'src/pages/{", ".join(routes)}: the collection "blog" is not followed, so' in remark


@pytest.mark.parametrize(
    "program",
    [
        "const posts = defineCollection({ loader: glob({ pattern: '**/*.md', base: './src/notes' }) });",
        "export const collections = { posts: defineCollection({ loader: glob({ base: 'src/notes' }) }) };",
        "const it = defineCollection({ loader: glob({ base: 'src/notes' }) }); collections = { posts: it };",
        "// no = defineCollection({ base: X });\nposts = defineCollection({ base: 'src/notes' }) // '**/*'",
    ],
)
def test_a_collection_may_be_loaded_from_another_folder(program: str) -> None:
    site("", "notes/Hot Tea.md", "content/blog/milk.md")
    write(
        "site/src/content.config.ts",
        text=f"const news = defineCollection({{ loader: glob('**/*.md') }});\n{program}",
    )
    write("site/src/pages/p/[slug].astro", text='getCollection("posts")')
    read = {"site/src/notes/Hot Tea.md": f"{SITE}/p/hot-tea/"}
    assert addresses(f"site={SITE}") == read | {"site/src/content/blog/milk.md": f"{SITE}/blog/milk/"}
    assert addresses(f"site/src/notes={SITE}/p") == read
    assert remarks(f"site={SITE}") == []


@pytest.mark.parametrize("base", ["`./${PATH}`", "PATH", "'.'"])
def test_a_collection_from_a_folder_that_is_worked_out_is_told(base: str) -> None:
    site("", "content/blog/tea.md")
    write("site/src/content.config.ts", text=f"const blog = defineCollection({{ base: {base} }})")
    (remark,) = remarks(f"site={SITE}")
    assert 'src/content.config.ts: base of "blog" is not followed, so' in remark


@pytest.mark.usefixtures("busy_deadline")
@pytest.mark.parametrize("program", [1_000_000 * "a", 1_000_000 * "/* "], ids=["a name", "a comment"])
def test_a_program_without_an_end_is_read_to_its_own(program: str) -> None:
    site("", "content/blog/tea.md")
    write("site/src/content.config.ts", text=program)
    assert addresses(f"site={SITE}")


def test_a_program_that_is_no_file_is_not_waited_for() -> None:
    site("", "content/blog/tea.md", "pages/index.md")
    os.mkfifo("site/src/content.config.ts")
    os.mkfifo("site/src/pages/[slug].astro")
    assert len(addresses(f"site={SITE}")) == 2


def test_starlights_pages_begin_at_the_sites_first_page() -> None:
    write("site/astro.config.mjs", text="import starlight from '@astrojs/starlight';\nexport default {}")
    for path in ("docs/index.mdx", "docs/guides/Tea Pot.md", "blog/tea.md"):
        write(f"site/src/content/{path}")
    assert addresses(f"site={SITE}") == {
        "site/src/content/docs/index.mdx": f"{SITE}/",
        "site/src/content/docs/guides/Tea Pot.md": f"{SITE}/guides/tea-pot/",
        "site/src/content/blog/tea.md": f"{SITE}/blog/tea/",
    }


def test_a_collection_from_outside_of_the_sites_folder_is_told() -> None:
    site("", "content/blog/tea.md")
    write("notes/x.md")
    write("site/src/content.config.ts", text="const notes = defineCollection({ base: '../notes' })")
    (remark,) = remarks(f"site={SITE}")
    assert 'src/content.config.ts: base of "notes" is not followed (../notes is not in site), so' in remark
    assert list(addresses(f"site={SITE}")) == ["site/src/content/blog/tea.md"]


# -- Settings.


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ('site: "https://kitchen.test",', "https://kitchen.test/blog/tea/"),
        ("site: 'https://kitchen.test/',\n  base: '/docs/',", "https://kitchen.test/docs/blog/tea/"),
        ('site: `https://kitchen.test`, trailingSlash: "never"', "https://kitchen.test/blog/tea"),
        (
            "site: 'https://kitchen.test', image: { format: x },\nbuild: { format: 'file' }",
            "https://kitchen.test/blog/tea.html",
        ),
        ("site: 'https://kitchen.test', // base: '/x',\n/* base: '/y', */", "https://kitchen.test/blog/tea/"),
    ],
)
def test_the_settings_name_the_address_where_the_owner_does_not(settings: str, address: str) -> None:
    site(settings, "content/blog/tea.md")
    assert list(addresses("site").values()) == [address]
    (remark,) = remarks("site")
    assert remark.startswith("site: astro.config.mjs says that its pages are at https://kitchen.test/")


def test_the_path_of_the_first_page_is_that_of_the_settings() -> None:
    site("site: 'https://example.com',\nbase: 'docs',", "content/blog/tea.md")
    for address in (SITE, f"{SITE}/docs"):
        assert list(addresses(f"site={address}").values()) == [f"{SITE}/docs/blog/tea/"]


def test_an_address_that_is_worked_out_is_the_owners_to_name() -> None:
    site("site: SITE.address,", "content/blog/tea.md")
    assert remarks(f"site={SITE}") == []
    with pytest.raises(ContentError, match="say where its pages are"):
        addresses("site")


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ("base: import.meta.env.BASE,", "base is not followed"),
        ("base: `/${name}`,", "base is not followed"),
        ("srcDir: './app',", "srcDir is not followed (./app)"),
        ("trailingSlash: isDev ? 'always' : 'never',", "trailingSlash is not followed"),
    ],
)
def test_what_is_not_followed_is_told(settings: str, what: str) -> None:
    site(settings, "content/blog/tea.md")
    (remark,) = remarks(f"site={SITE}")
    assert remark.startswith(f"site={SITE}: astro.config.mjs: {what}, so addresses may be wrong")
