from pathlib import Path

import pytest

from chatsse.knowledge.index import Index
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

## How long?

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


@pytest.fixture(scope="module")
def index(sample: Sample) -> Index:
    return sample.index()


def test_each_heading_has_an_id_of_its_own(tea: Post) -> None:
    assert '<h2 id="how-long">' in tea.html
    assert '<h2 id="how-long-1">' in tea.html


def test_html_in_a_post_stays_text(tea: Post) -> None:
    assert "&lt;b&gt;Not markup.&lt;/b&gt;" in tea.html


def test_posts_come_newest_first(sample: Sample) -> None:
    dates = [post.date for post in sample.posts]
    assert len(dates) == 10
    assert dates == sorted(dates, reverse=True)
    assert len(set(dates)) == len(dates)


def test_every_passage_points_to_a_place_that_exists(sample: Sample, index: Index) -> None:
    for post in sample.posts:
        _, page = index.read(f"/posts/{post.slug}")
        assert page.passages
        for passage in page.passages:
            path, _, fragment = passage.url.partition("#")
            anchor = fragment.partition(":~:")[0]
            assert path == f"/posts/{post.slug}"
            assert not anchor or f'id="{anchor}"' in post.html


def test_each_post_answers_its_own_question(sample: Sample, index: Index) -> None:
    for post in sample.posts:
        assert post.title in [hit.title for hit in index.search(post.question)[:3]]


@pytest.mark.parametrize(
    ("question", "place"),
    [
        ("Why do proxies buffer?", "/posts/the-first-word#what-stands-in-the-way"),
        ("what is a FENCING token", "/posts/a-stream-is-a-log#when-the-writer-dies"),
        ("how many connections may a browser open?", "/posts/one-way-is-enough#three-things-to-know"),
    ],
)
def test_the_best_passage_comes_first(index: Index, question: str, place: str) -> None:
    assert index.search(question)[0].passage.url.startswith(place)


@pytest.mark.parametrize("question", ["", "???", "🙂", "何ですか", "Kuchenrezept?"])
def test_nothing_is_found_where_nothing_fits(index: Index, question: str) -> None:
    assert index.search(question) == []
