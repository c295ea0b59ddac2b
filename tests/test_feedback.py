"""What readers think of an answer."""

import pytest
from client import Reader, Reply, ask, call
from processes import App
from standin import StandIn

from chatsse.questions import new_id


def rated(app: App, answer_id: str, rating: str) -> Reply:
    return call("POST", app.url + "/feedback", {"id": answer_id, "rating": rating})


def test_a_rating_is_kept_with_the_answer_until_it_is_taken_back(app: App, model: StandIn, word: str) -> None:
    model.answer(word, ["a"])
    asked = ask(app.url, word)
    Reader(app.url + asked["stream"]).read()
    for rating in ("up", "down", ""):
        assert rated(app, asked["id"], rating).status == 204
        (turn,) = call("GET", f"{app.url}/conversations/{asked['conversation']}").json["turns"]
        assert turn["rating"] == rating


def test_what_is_not_there_can_not_be_rated(app: App) -> None:
    for _ in range(2):
        assert rated(app, new_id(), "up").code == "not_found"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"x", 400, "invalid_json"),
        (b"[]", 400, "invalid_json"),
        (b'{"rating": "up"}', 400, "id_invalid"),
        (b'{"id": 7, "rating": "up"}', 400, "id_invalid"),
        (b'{"id": "short", "rating": "up"}', 400, "id_invalid"),
        (b'{"id": "AAAAAAAAAAAAAAAAAAAAAA"}', 400, "rating_invalid"),
        (b'{"id": "AAAAAAAAAAAAAAAAAAAAAA", "rating": null}', 400, "rating_invalid"),
        (b'{"id": "AAAAAAAAAAAAAAAAAAAAAA", "rating": ["up"]}', 400, "rating_invalid"),
        (b'{"id": "AAAAAAAAAAAAAAAAAAAAAA", "rating": "five stars"}', 400, "rating_invalid"),
    ],
)
def test_a_rating_that_breaks_a_rule_is_refused_by_name(
    app: App, body: bytes, status: int, code: str
) -> None:
    reply = call("POST", app.url + "/feedback", body)
    assert (reply.status, reply.code) == (status, code)


def test_pages_of_sites_that_may_not_ask_may_not_rate(app: App) -> None:
    body = {"id": new_id(), "rating": "up"}
    assert (
        call("POST", app.url + "/feedback", body, {"Origin": "https://any.example"}).code
        == "origin_not_allowed"
    )
