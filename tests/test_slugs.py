import pytest

from chatsse.knowledge.slugs import Slugs, slug_of


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("What's new?", "whats-new"),
        ("A  &  B", "a----b"),
        ("snake_case and kebab-case", "snake_case-and-kebab-case"),
        ("Größe: 10 €", "größe-10-"),
        ("中文 标题！", "中文-标题"),
        ("हिन्दी", "हिन्दी"),
        ("  C++ / C#  ", "c--c"),
    ],
)
def test_a_slug_is_what_github_makes_of_a_heading(text: str, slug: str) -> None:
    assert slug_of(text) == slug


def test_a_slug_that_is_taken_gets_a_number_that_is_not() -> None:
    slugs = Slugs()
    assert [slugs.of(text) for text in ("a", "a", "a 1", "a", "a-1")] == ["a", "a-1", "a-1-1", "a-2", "a-1-2"]
    slugs = Slugs()
    assert [slugs.of(text) for text in ("a", "a-1", "a")] == ["a", "a-1", "a-2"]
