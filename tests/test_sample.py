from pathlib import Path

import pytest

from chatsse.knowledge.sample import Post, Sample, read_post

TEMPLATES = Path(__file__).parent.parent / "templates"

TEA = """---
title: On tea
date: 2026-03-01
description: Hot leaves.
question: How hot should tea water be?
---

Green tea likes *water* of `80` degrees,
black tea more.

## How long?

Three things decide:

- the leaf
- the [cup](https://example.com)

```sh
kettle --on
```

## How long?

| Tea | Minutes |
|---|---|
| Oolong | four |

<b>Not markup.</b>
"""


@pytest.fixture
def tea(tmp_path: Path) -> Post:
    path = tmp_path / "tea.md"
    path.write_text(TEA, encoding="utf-8")
    return read_post(path)


@pytest.fixture(scope="module")
def sample() -> Sample:
    return Sample.read(TEMPLATES)


def test_a_passage_is_a_block_of_plain_text_without_code(tea: Post) -> None:
    assert [passage.text for passage in tea.passages] == [
        "Green tea likes water of 80 degrees, black tea more.",
        "Three things decide: the leaf the cup",
        "Tea Minutes Oolong four",
        "<b>Not markup.</b>",
    ]


def test_each_heading_has_an_id_of_its_own_and_its_passages_point_to_it(tea: Post) -> None:
    assert '<h2 id="how-long">' in tea.html
    assert '<h2 id="how-long-2">' in tea.html
    assert [passage.url for passage in tea.passages] == [
        "/posts/tea",
        "/posts/tea#how-long",
        "/posts/tea#how-long-2",
        "/posts/tea#how-long-2",
    ]


def test_html_in_a_post_stays_text(tea: Post) -> None:
    assert "&lt;b&gt;Not markup.&lt;/b&gt;" in tea.html


def test_posts_come_newest_first(sample: Sample) -> None:
    dates = [post.date for post in sample.posts]
    assert len(set(dates)) == 10
    assert dates == sorted(dates, reverse=True)


def test_every_passage_of_the_sample_points_to_a_place_that_exists(sample: Sample) -> None:
    for post in sample.posts:
        for passage in post.passages:
            path, _, anchor = passage.url.partition("#")
            assert path == f"/posts/{post.slug}"
            assert not anchor or f'id="{anchor}"' in post.html


def test_each_post_answers_its_own_question(sample: Sample) -> None:
    for post in sample.posts:
        assert sample.search(post.question, 3)[0].title.startswith(post.title)


@pytest.mark.parametrize(
    ("question", "place"),
    [
        ("Why do proxies buffer?", "/posts/the-first-word#what-stands-in-the-way"),
        ("what is a FENCING token", "/posts/a-stream-is-a-log#when-the-writer-dies"),
        ("how many connections may a browser open?", "/posts/one-way-is-enough#three-things-to-know"),
        ("WebSocketとは何ですか", "/posts/one-way-is-enough"),
    ],
)
def test_the_best_passage_comes_first(sample: Sample, question: str, place: str) -> None:
    assert sample.search(question, 3)[0].url == place


@pytest.mark.parametrize(
    "question",
    ["", "  ", "???", "\x00\ud800", "🙂", "何ですか", "What is the capital of France?", "the of and"],
)
def test_nothing_is_found_where_nothing_fits(sample: Sample, question: str) -> None:
    assert sample.search(question, 3) == []


def test_at_most_limit_passages_are_returned(sample: Sample) -> None:
    assert len(sample.search("stream", 100)) > 2
    assert len(sample.search("stream", 2)) == 2
    assert sample.search("stream", 0) == []


def test_an_empty_blog_has_no_passages(tmp_path: Path) -> None:
    assert Sample.read(tmp_path).search("anything", 3) == []
