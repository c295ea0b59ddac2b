"""Reading a blog from end to end: from its server, by `chatsse index`, into what answers are made from."""

import gzip
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent
import gevent.os
import pytest
from blog_server import BlogServer, Cut, Drip, Endless, Silence
from posts import POSTS, post, serve_post, serve_posts, serve_sitemap
from processes import TREE, until

from chatsse.connections import Connections
from chatsse.knowledge.editions import Editions
from chatsse.knowledge.fetcher import Limits
from chatsse.knowledge.indexing import index
from chatsse.knowledge.library import Library
from chatsse.knowledge.lock import LOCK
from chatsse.knowledge.report import Report


@pytest.fixture
def blog() -> Iterator[BlogServer]:
    """A blog of three posts, with a sitemap."""
    with BlogServer() as blog:
        serve_posts(blog)
        yield blog


@pytest.fixture
def editions(connections: Connections) -> Editions:
    return Editions(connections.commands)


@pytest.fixture
def read(editions: Editions) -> Callable[..., Report]:
    def read(*words: str) -> Report:
        return index(words, editions, lambda *_: None)

    return read


def titles(editions: Editions, question: str) -> list[str]:
    library = Library(editions, is_expected=True)
    library.look()
    assert library.index
    return [hit.title for hit in library.index.search(question)]


def ways(report: Report) -> dict[str, str]:
    return {each.location.rpartition("/")[2]: each.why for each in report.skipped}


class Command:
    """`chatsse index` as a process of its own."""

    def __init__(self, redis_url: str, *words: str, env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chatsse.cli", "index", *words],
            cwd=TREE,
            env={**os.environ, "REDIS_URL": redis_url, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def end(self) -> tuple[int, str]:
        """Return the exit status and what was printed, waiting for both."""
        printed, _ = self.process.communicate(timeout=60)
        return self.process.returncode, printed.decode()


# What comes of it


def test_a_blog_is_read_and_answered_from(
    blog: BlogServer, read: Callable[..., Report], editions: Editions
) -> None:
    report = read(f"{blog.url}/sitemap.xml")
    assert (report.read, report.unchanged, report.skipped, report.lost) == (3, 0, [], [])
    assert (report.pages, report.passages) == (3, 3)
    assert titles(editions, "What does bread need?")[0] == "bread"


def test_what_has_not_changed_is_not_fetched_again_and_the_edition_stays(
    blog: BlogServer, read: Callable[..., Report], editions: Editions
) -> None:
    read(f"{blog.url}/sitemap.xml")
    before = editions.state()
    report = read(f"{blog.url}/sitemap.xml")
    assert (report.read, report.unchanged) == (0, 3)
    assert "if-none-match" in blog.request("/tea").headers
    assert editions.state().version == before.version
    assert editions.state().checked_at > before.checked_at


def test_pages_that_say_the_same_in_other_bytes_make_no_new_edition(
    blog: BlogServer, read: Callable[..., Report], editions: Editions
) -> None:
    read(f"{blog.url}/sitemap.xml")
    before = editions.state()
    for name, text in POSTS.items():
        blog.serve(f"/{name}", post(name, text) + "<!-- served at noon -->")
    assert read(f"{blog.url}/sitemap.xml").read == 3
    assert editions.state().version == before.version


def test_two_addresses_of_one_page_make_no_new_edition_whichever_comes_first(
    blog: BlogServer, read: Callable[..., Report], editions: Editions
) -> None:
    whole = post("tea", POSTS["tea"]).replace("<title>", f'<link rel=canonical href="{blog.url}/tea"><title>')
    for place in ("/tea", "/tea?amp"):
        blog.serve(place, whole)
    serve_sitemap(blog, "tea", "tea?amp")
    read(f"{blog.url}/sitemap.xml")
    before = editions.state()
    serve_sitemap(blog, "tea?amp", "tea")
    assert read(f"{blog.url}/sitemap.xml").pages == 1
    assert editions.state().version == before.version


def test_what_has_changed_is_read_and_the_rest_taken_over(
    blog: BlogServer, read: Callable[..., Report], editions: Editions
) -> None:
    read(f"{blog.url}/sitemap.xml")
    serve_post(blog, "tea", "Black tea likes it hotter.")
    report = read(f"{blog.url}/sitemap.xml")
    assert (report.read, report.unchanged, report.pages) == (1, 2, 3)
    assert titles(editions, "black")[0] == "tea"
    assert titles(editions, "eighty degrees") == []
    assert titles(editions, "butter")[0] == "cake"


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_page_that_is_gone_is_forgotten(
    blog: BlogServer, read: Callable[..., Report], editions: Editions, is_listed: bool
) -> None:
    read(f"{blog.url}/sitemap.xml")
    if is_listed:
        blog.serve("/cake", status=410)
    else:
        serve_sitemap(blog, "bread", "tea")
    report = read(f"{blog.url}/sitemap.xml")
    assert report.pages == 2
    assert titles(editions, "cake") == []


def test_a_page_that_fails_leaves_its_old_version_in_place(
    blog: BlogServer, read: Callable[..., Report], editions: Editions
) -> None:
    read(f"{blog.url}/sitemap.xml")
    blog.serve("/cake", status=500)
    blog.serve("/tea", [b"<h1>", Endless()])
    serve_post(blog, "bread", "Now with rye.")
    report = read(f"{blog.url}/sitemap.xml")
    assert set(ways(report)) == {"cake", "tea"}
    assert "500" in ways(report)["cake"]
    assert "larger" in ways(report)["tea"]
    assert [titles(editions, word)[0] for word in ("rye", "butter", "eighty")] == ["bread", "cake", "tea"]


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "hangs": ({"before": Silence()}, "fell silent"),
    "drips": ({"body": [Drip(0.01)]}, "took longer"),
    "huge": ({"body": [Endless(most=100 << 20)]}, "larger than 5 MB"),
    "cut": ({"body": [b"<h1>", Cut()]}, "broke off"),
    "loop": ({"status": 301, "headers": {"Location": "/loop"}}, "in a circle"),
    "elsewhere": ({"status": 302, "headers": {"Location": "http://192.0.2.7/"}}, "another site"),
    "error": ({"status": 500}, "500"),
    "image": ({"body": b"GIF89a", "kind": "image/gif"}, "image/gif"),
    "nothing": ({"body": b""}, "no text"),
    "junk": ({"body": bytes(range(256)) * 40}, ""),
    "unclosed": ({"body": "<div><p>Words <b>that <table>nobody <!-- closes"}, ""),
    "deep": ({"body": "<div>" * 100_000 + "Words"}, ""),
}


def test_whatever_pages_do_the_old_versions_stay_in_use_and_the_report_says_why(
    blog: BlogServer,
    read: Callable[..., Report],
    editions: Editions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chatsse.knowledge.web.Limits", lambda: Limits(page_s=8, silent_s=4))
    for name in FAULTS:
        serve_post(blog, name, f"What {name} said before was fine.")
    serve_sitemap(blog, *POSTS, *FAULTS)
    assert read(f"{blog.url}/sitemap.xml").read == len(POSTS) + len(FAULTS)
    for name, (reply, _) in FAULTS.items():
        blog.serve(f"/{name}", **reply)
    report = read(f"{blog.url}/sitemap.xml")
    told = ways(report)
    for name, (_, why) in FAULTS.items():
        assert why in told.get(name, "")
        if name in told:
            assert titles(editions, f"What did {name} say before?")[0] == name
    assert report.pages == len(POSTS) + len(FAULTS)


@pytest.mark.parametrize(
    "bomb",
    [
        b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>',
        gzip.compress(b"<urlset>" + b" " * (60 << 20)),
        b"<sitemapindex><sitemap><loc>/sitemap.xml</loc></sitemap></sitemapindex>",
        b"\xff\xfe\x00junk",
    ],
    ids=["entities", "gzip", "itself", "junk"],
)
def test_a_sitemap_that_is_a_bomb_leaves_everything_in_place(
    blog: BlogServer, read: Callable[..., Report], editions: Editions, bomb: bytes
) -> None:
    read(f"{blog.url}/sitemap.xml")
    before = editions.state()
    blog.serve("/sitemap.xml", bomb, kind="application/xml")
    report = read(f"{blog.url}/sitemap.xml")
    assert report.lost or report.is_empty
    assert editions.state() == before


def test_a_feed_in_another_encoding_than_it_says_is_read(
    blog: BlogServer, read: Callable[..., Report]
) -> None:
    items = f"<item><title>Brötchen</title><link>{blog.url}/bread</link></item>"
    feed = f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>{items}</channel></rss>'
    blog.serve("/feed.xml", feed.encode("latin-1"), kind="application/rss+xml; charset=utf-16")
    assert read(f"{blog.url}/feed.xml").pages == 1


def serve_members_feed(blog: BlogServer, **texts: str) -> str:
    """Have the blog show these posts in its feed only, and return its address."""
    items = ""
    for name, text in texts.items():
        whole = f"{text} {'And so on. ' * 30}"
        items += f"<item><title>{name}</title><link>/{name}</link><description>{whole}</description></item>"
        blog.serve(f"/{name}", status=401)
    blog.serve("/feed.xml", f"<rss><channel>{items}</channel></rss>", kind="application/rss+xml")
    return f"{blog.url}/feed.xml"


def test_a_blog_whose_feed_alone_is_for_everybody_is_read_from_it(
    blog: BlogServer, read: Callable[..., Report], editions: Editions
) -> None:
    word = serve_members_feed(blog, **POSTS)
    report = read(word)
    assert (report.read, report.unchanged, report.skipped, report.pages) == (3, 0, [], 3)
    told = report.lines()
    assert told[:3] == ["read            3", "unchanged       0", "  from the feed: 401 Unauthorized (3)"]
    assert sorted(told[3:6]) == [f"    {blog.url}/{name}" for name in sorted(POSTS)]
    assert told[6] == "skipped         0"
    assert titles(editions, "butter")[0] == "cake"
    before = editions.state()
    report = read(word)
    assert (report.read, report.unchanged, editions.state().version) == (0, 3, before.version)
    assert "  from the feed: 401 Unauthorized (3)" in report.lines()


def test_an_edited_entry_is_news_and_the_page_is_as_soon_as_it_can_be_read(
    blog: BlogServer, read: Callable[..., Report], editions: Editions
) -> None:
    read(serve_members_feed(blog, **POSTS))
    read(serve_members_feed(blog, **POSTS | {"tea": "Black tea likes it hotter."}))
    assert (titles(editions, "black")[0], titles(editions, "eighty degrees")) == ("tea", [])
    serve_post(blog, "tea", "White tea is best, and there is more to be said of it. " * 6)
    report = read(f"{blog.url}/feed.xml")
    assert (report.read, report.unchanged, titles(editions, "white")[0]) == (1, 2, "tea")


def test_posts_that_a_feed_holds_no_longer_stay_in_the_index(
    blog: BlogServer, read: Callable[..., Report], editions: Editions
) -> None:
    read(serve_members_feed(blog, **POSTS))
    report = read(serve_members_feed(blog, rice="Rice wants to be washed."))
    assert (report.read, report.pages) == (1, 4)
    assert set(ways(report).values()) == {"401 Unauthorized"}
    assert titles(editions, "butter")[0] == "cake"


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 500), (b"", 404), (b"<urlset><url><loc>", 200), (b"<urlset></urlset>", 200), ([Endless()], 200)],
)
def test_a_sitemap_that_cannot_be_read_leaves_everything_in_place(
    blog: BlogServer, read: Callable[..., Report], editions: Editions, body: bytes, status: int
) -> None:
    read(f"{blog.url}/sitemap.xml")
    before = editions.state()
    blog.serve("/sitemap.xml", body, status=status, kind="application/xml")
    report = read(f"{blog.url}/sitemap.xml")
    assert report.lost
    assert editions.state().version == before.version
    # So that it is tried again before the day is over.
    assert editions.state().checked_at == before.checked_at


def test_of_several_sources_one_that_fails_does_not_hold_up_the_others(
    blog: BlogServer, read: Callable[..., Report], editions: Editions, tmp_path: Path
) -> None:
    (tmp_path / "rice.md").write_text("---\ntitle: Rice\n---\n\nRice wants to be washed.\n")
    words = (f"{blog.url}/sitemap.xml", f"{tmp_path}={blog.url}/rice")
    read(*words)
    blog.serve("/sitemap.xml", status=500)
    (tmp_path / "rice.md").write_text("---\ntitle: Rice\n---\n\nRice wants to be soaked.\n")
    report = read(*words)
    assert [error.word for error in report.lost] == [words[0]]
    assert titles(editions, "soaked")[0] == "Rice"
    assert titles(editions, "butter")[0] == "cake"


def test_nothing_to_answer_from_replaces_nothing(
    blog: BlogServer, read: Callable[..., Report], editions: Editions
) -> None:
    read(f"{blog.url}/sitemap.xml")
    for name in POSTS:
        blog.serve(f"/{name}", status=404)
    report = read(f"{blog.url}/sitemap.xml")
    assert report.is_empty
    assert report.lines()[-1].startswith("nothing to answer from")
    assert titles(editions, "butter")[0] == "cake"


def test_a_folder_lets_run_what_keeps_the_lock_and_hears_signals(editions: Editions, tmp_path: Path) -> None:
    for n in range(100):
        (tmp_path / f"{n}.md").write_text(f"---\ntitle: Post {n}\n---\n\n" + f"Word {n}. " * 100)
    turns = 0
    seen: list[int] = []

    def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            gevent.sleep(0.001)

    taking = gevent.spawn(take_turns)
    index([f"{tmp_path}=https://blog.example"], editions, lambda *_: seen.append(turns))
    taking.kill()
    assert seen[-1] > seen[0]


def test_what_is_remarked_on_folders_is_in_the_table_and_in_the_log(
    read: Callable[..., Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("blog", "empty"):
        (tmp_path / folder).mkdir()
    (tmp_path / "blog" / "_config.yml").write_text("permalink: /:hour/:title/")
    (tmp_path / "blog" / "tea.md").write_text("---\ntitle: Tea\n---\nTea is hot.\n")
    report = read("blog=https://blog.example", "empty=https://blog.example/x")
    for lines in (report.lines(), report.log_lines()):
        assert lines[-3].startswith(
            "blog=https://blog.example: _config.yml: permalink is not followed (:hour)"
        )
        assert lines[-2] == "empty=https://blog.example/x: holds no Markdown and no HTML"


def test_a_page_that_two_sources_name_is_there_once(blog: BlogServer, read: Callable[..., Report]) -> None:
    report = read(f"{blog.url}/sitemap.xml", f"{blog.url}/tea")
    assert report.pages == 3


# The command


def test_the_command_says_what_it_did(blog: BlogServer, redis_url: str) -> None:
    blog.serve("/cake", status=500)
    status, printed = Command(redis_url, f"{blog.url}/sitemap.xml").end()
    assert status == 0
    assert f"reading {blog.url}/sitemap.xml" in printed
    assert "2 pages read, 0 unchanged, 1 skipped" in printed
    assert f"skipped: 500 Internal Server Error: {blog.url}/cake" in printed
    assert "in the index: 2 passages of 2 pages" in printed


def test_the_command_says_what_it_has_from_the_feed(blog: BlogServer, redis_url: str) -> None:
    status, printed = Command(redis_url, serve_members_feed(blog, tea=POSTS["tea"])).end()
    assert status == 0
    assert "1 page read, 0 unchanged, 0 skipped" in printed
    assert f"from the feed: 401 Unauthorized: {blog.url}/tea" in printed


def test_the_command_reads_what_the_environment_names(blog: BlogServer, redis_url: str) -> None:
    status, printed = Command(redis_url, env={"CHATSSE_CONTENT": f"{blog.url}/sitemap.xml"}).end()
    assert (status, "3 pages read" in printed) == (0, True)


def test_the_command_without_anything_to_read_says_what_to_name(redis_url: str) -> None:
    status, printed = Command(redis_url, env={"CHATSSE_CONTENT": ""}).end()
    assert status == 2
    assert printed.startswith("chatsse: CHATSSE_CONTENT: not set")


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("blog.example", "a site begins with https://"),
        ("nowhere=https://blog.example", "no such file or folder"),
        ("templates/posts=blog.example", "say where the pages are, e.g. templates/posts=https://"),
    ],
)
def test_a_word_that_names_nothing_is_told_with_what_may_be_meant(
    redis_url: str, word: str, hint: str
) -> None:
    status, printed = Command(redis_url, word).end()
    assert status == 2
    assert printed.startswith(f"chatsse: {word}: ")
    assert hint in printed


def test_somebody_who_looks_sees_a_bar_and_then_a_table(blog: BlogServer, redis_url: str) -> None:
    blog.serve("/cake", status=500)
    words = [sys.executable, "-m", "chatsse.cli", "index", f"{blog.url}/sitemap.xml"]
    terminal, ours = pty.openpty()
    env = {**os.environ, "REDIS_URL": redis_url}
    with subprocess.Popen(words, cwd=TREE, env=env, stdin=ours, stdout=ours, stderr=ours) as process:
        os.close(ours)
        seen = b""
        with suppress(OSError):  # What reading from a terminal without a process is.
            while chunk := gevent.os.tp_read(terminal, 4096):
                seen += chunk
        process.wait()
    os.close(terminal)
    text = seen.decode()
    assert "of 3 pages" in text
    assert "read            2\r\n" in text
    assert f"500 Internal Server Error (1)\r\n    {blog.url}/cake\r\n" in text
    assert text.endswith("in the index: 2 passages of 2 pages\r\n")


def test_what_cannot_be_read_at_all_is_told_and_is_a_failure(redis_url: str, blog: BlogServer) -> None:
    status, printed = Command(redis_url, f"{blog.url}/nowhere.xml").end()
    assert status == 1
    assert f"could not be read: {blog.url}/nowhere.xml: 404" in printed


# Whatever happens on the way


@pytest.mark.parametrize("seen", ["/sitemap.xml", "/bread", "/cake"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_at_any_moment_it_leaves_the_old_index_in_use(
    blog: BlogServer,
    read: Callable[..., Report],
    editions: Editions,
    redis_url: str,
    connections: Connections,
    seen: str,
    number: int,
) -> None:
    read(f"{blog.url}/sitemap.xml")
    before = editions.state()
    for name in POSTS:
        serve_post(blog, name, "Everything is new.")
    blog.serve(seen, before=Silence())
    asked = len(blog.requests)
    command = Command(redis_url, f"{blog.url}/sitemap.xml")
    until(lambda: seen in [each.path for each in blog.requests[asked:]], f"asked for {seen}")
    command.process.send_signal(number)
    status, printed = command.end()
    assert status != 0
    assert "Traceback" not in printed
    assert editions.state() == before
    assert titles(editions, "eighty degrees")[0] == "tea"
    # A dead process's lock runs out; this one's at once, to save the test the time.
    connections.commands.execute(("DEL", LOCK))
    blog.serve(seen, post("new", "Everything is new."))
    serve_sitemap(blog, *POSTS)
    assert read(f"{blog.url}/sitemap.xml").read == 3


def test_what_a_killed_reading_left_on_the_disk_is_cleared_away_a_day_later(
    blog: BlogServer, read: Callable[..., Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name, age_s in (("chatsse-reading-old", 90_000), ("chatsse-reading-new", 0), ("another's", 90_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "new").write_bytes(b"half an index")
        os.utime(tmp_path / name, (time.time() - age_s,) * 2)
    read(f"{blog.url}/sitemap.xml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["another's", "chatsse-reading-new"]


def test_a_full_redis_keeps_the_old_index_and_the_command_says_so(
    blog: BlogServer,
    read: Callable[..., Report],
    editions: Editions,
    redis_url: str,
    connections: Connections,
) -> None:
    read(f"{blog.url}/sitemap.xml")
    before = editions.state()
    serve_post(blog, "tea", "Black tea.")
    command = None
    try:
        connections.commands.execute(("CONFIG", "SET", "maxmemory", 1))
        command = Command(redis_url, f"{blog.url}/sitemap.xml")
        status, printed = command.end()
    finally:
        connections.commands.execute(("CONFIG", "SET", "maxmemory", 0))
    assert status == 1
    assert "redis does not take it: OOM" in printed
    assert editions.state() == before


def test_a_full_disk_keeps_the_old_index_and_the_command_says_so(
    blog: BlogServer, read: Callable[..., Report], editions: Editions, redis_url: str, tmp_path: Path
) -> None:
    read(f"{blog.url}/sitemap.xml")
    before = editions.state()
    serve_post(blog, "tea", "Black tea. " * 20_000)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", tmp_path], check=True)
    try:
        status, printed = Command(redis_url, f"{blog.url}/sitemap.xml", env={"TMPDIR": str(tmp_path)}).end()
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert status == 1
    assert "full" in printed or "No space left" in printed
    assert "Traceback" not in printed
    assert editions.state() == before
