"""Asking in the terminal, as a person does who tries the blog."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from blog_server import BlogServer
from posts import serve_posts
from processes import TREE
from standin import Block, Citation, StandIn, Status

QUESTION = "Who shuts out a writer that only slept?"
SETTINGS = ("CHATSSE_", "ANTHROPIC_", "REDIS_URL")


@pytest.fixture
def blog() -> Iterator[BlogServer]:
    with BlogServer() as blog:
        serve_posts(blog)
        yield blog


def chatsse(redis_url: str, *words: str, **env: str) -> tuple[int, str, str]:
    """Return the exit status of a command, and what it printed on both outputs."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    done = subprocess.run(
        [sys.executable, "-m", "chatsse.cli", *words],
        cwd=TREE,
        env={**inherited, "REDIS_URL": redis_url, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_demo_answers_from_the_sample_blog_and_lists_its_sources(redis_url: str) -> None:
    status, out, _ = chatsse(redis_url, "ask", QUESTION)
    assert status == 0
    assert out.startswith("This is the demo")
    assert " [1]\n" in out
    assert "\n[1] A Redis Stream is a log: When the writer dies\n    /posts/a-stream-is-a-log#when" in out


def test_what_was_found_is_shown_with_its_scores_best_first(redis_url: str) -> None:
    _, out, _ = chatsse(redis_url, "ask", "--passages", QUESTION)
    found, _, _ = out.partition("This is the demo")
    scores = [float(score) for score in re.findall(r"^ *([0-9.e-]+)  \S", found, re.MULTILINE)]
    assert len(scores) > 2
    assert scores == sorted(scores, reverse=True)
    assert "/posts/a-stream-is-a-log#when-the-writer-dies" in found


def test_the_page_that_is_asked_on_counts_for_more(redis_url: str) -> None:
    page = "https://chat.example/posts/the-proxy-has-a-clock"
    _, out, _ = chatsse(redis_url, "ask", "--passages", "--page", page, "What is this page about?")
    assert "The proxy has a clock" in out.splitlines()[0]


def test_a_model_answers_from_the_blog_that_was_read(redis_url: str, blog: BlogServer, word: str) -> None:
    with StandIn() as model:
        model.answer(word, ["Eighty ", "degrees.", Citation(f"{blog.url}/tea", "q", "tea"), Block(), " So."])
        claude = {"ANTHROPIC_API_KEY": "sk-test-key", "ANTHROPIC_BASE_URL": model.url}
        chatsse(redis_url, "index", f"{blog.url}/sitemap.xml")
        status, out, _ = chatsse(redis_url, "ask", f"{word} tea?", **claude)
        content = model.call(0).body["messages"][0]["content"]
    assert (status, out) == (0, f"Eighty degrees. [1] So.\n\n[1] tea\n    {blog.url}/tea\n")
    assert [block["type"] for block in content] == ["search_result", "text"]


def test_a_model_that_fails_is_told_of_in_one_line(redis_url: str, word: str) -> None:
    with StandIn() as model:
        model.answer(word, [Status(401)])
        claude = {"ANTHROPIC_API_KEY": "sk-test-key", "ANTHROPIC_BASE_URL": model.url}
        status, out, err = chatsse(redis_url, "ask", word, **claude)
    assert (status, out) == (1, "")
    assert err.strip().startswith("chatsse: model_rejected: 401")
    assert "Traceback" not in err
    assert "sk-test-key" not in err


def test_content_that_nobody_has_read_yet_is_told_of(redis_url: str, tmp_path: Path) -> None:
    status, _, err = chatsse(redis_url, "ask", "How hot?", CHATSSE_CONTENT=f"{tmp_path}=https://blog.example")
    assert status == 2
    assert err == "chatsse: CHATSSE_CONTENT: not read yet: `chatsse index` reads it\n"


def test_an_empty_question_is_told_of(redis_url: str) -> None:
    assert chatsse(redis_url, "ask", " ") == (2, "", "chatsse: question: it is empty\n")


def test_a_redis_that_is_not_there_is_told_of() -> None:
    status, _, err = chatsse("redis://127.0.0.1:1", "ask", "How hot?")
    assert status == 1
    assert err.startswith("chatsse: redis does not take it:")
