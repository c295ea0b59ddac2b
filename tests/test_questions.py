"""What is kept of questions and conversations, how much of it goes to the model, and for how long."""

import threading
from pathlib import Path
from uuid import uuid4

import pytest
from client import Reader, ask, call
from processes import App
from standin import StandIn, Wait

from chatsse.connections import Connections
from chatsse.errors import BadRequest, Fenced, NotFound
from chatsse.event import START
from chatsse.journal import Journal, hash_key, log_key
from chatsse.questions import (
    CONTEXT_CHARS,
    CONTEXT_TURNS,
    ERASED_TTL_S,
    SHOWN_TURNS,
    Question,
    Questions,
    ending,
    new_id,
)
from chatsse.work import WORK


def answer(journal: Journal, question: Question, text: str) -> None:
    """Answer a question as a producer does."""
    writer = journal.claim(question.id, 0, lambda: None)
    writer.token(text)
    writer.finish("done", {"stop_reason": "end_turn"}, ending("done", writer.events()))
    writer.wait()


def asked_and_answered(
    questions: Questions, journal: Journal, conversation: str, prompt: str, text: str
) -> Question:
    question = questions.ask(prompt, conversation, None, None)
    answer(journal, question, text)
    return question


def turns_before(questions: Questions, question: Question) -> list[tuple[str, str]]:
    _, turns = questions.take_up(question.id, question.conversation)
    return turns


def keys_of(connections: Connections) -> list[str]:
    """Return the names of all keys of the test's database."""
    cursor, names = b"0", []
    while True:
        ((cursor, found),) = connections.commands.execute(("SCAN", cursor, "COUNT", 1000))
        names += [name.decode() for name in found]
        if cursor == b"0":
            return names


def ttl_s(connections: Connections, key: str) -> int:
    (ttl,) = connections.commands.execute(("TTL", key))
    assert isinstance(ttl, int)
    return ttl


# For how long


def kind_of(key: str) -> str:
    """Return a key's name without the id and the minute in it."""
    prefix, _, rest = key.partition("{")
    name = rest.partition("}")[2]
    return prefix + name.rstrip("0123456789")


def test_every_key_expires_from_the_moment_it_is_made(
    redis_url: str, connections: Connections, model: StandIn, tmp_path: Path, word: str, gate: threading.Event
) -> None:
    model.answer(f"{word} slow", ["a", Wait(gate), "b"])
    model.answer(f"{word} quick", ["c"])
    headers = {"Idempotency-Key": uuid4().hex, "X-Forwarded-For": "198.51.100.7"}

    def check() -> None:
        keys = keys_of(connections)
        assert {kind_of(key) for key in keys} == {
            "chatsse:", "chatsse::log", "chatsse::turns", "chatsse::once", "chatsse::asked:", WORK,
                "chatsse:ready",
        }  # fmt: skip
        assert [key for key in keys if ttl_s(connections, key) < 0] == []

    with App(redis_url, model.url, tmp_path) as app:
        asked = call("POST", f"{app.url}/chat", {"prompt": f"{word} slow"}, headers).json
        reader = Reader(app.url + asked["stream"]).read(until="a")
        check()
        gate.set()
        reader.read()
        quick = ask(app.url, f"{word} quick", conversation=asked["conversation"])
        Reader(app.url + quick["stream"]).read()
        check()
        assert call("DELETE", f"{app.url}/conversations/{asked['conversation']}").status == 204
        assert [key for key in keys_of(connections) if ttl_s(connections, key) < 0] == []


def test_a_conversation_is_kept_longer_than_its_logs(
    questions: Questions, journal: Journal, connections: Connections
) -> None:
    question = asked_and_answered(questions, journal, new_id(), "q", "a")
    assert 3600 < ttl_s(connections, hash_key(question.id)) <= 7200
    assert 3600 < ttl_s(connections, f"chatsse:{{{question.conversation}}}:turns") <= 7200
    assert 0 < ttl_s(connections, log_key(question.id)) <= 3600
    connections.commands.execute(("DEL", log_key(question.id)))
    (turn,) = questions.conversation(question.conversation)
    assert (turn["prompt"], turn["answer"]) == ("q", "a")


# How much goes to the model


def test_the_newest_turns_go_along_oldest_first(questions: Questions, journal: Journal) -> None:
    conversation = new_id()
    for n in range(CONTEXT_TURNS + 2):
        asked_and_answered(questions, journal, conversation, f"q{n}", f"a{n}")
    question = questions.ask("and now?", conversation, None, None)
    assert turns_before(questions, question) == [(f"q{n}", f"a{n}") for n in range(2, CONTEXT_TURNS + 2)]


@pytest.mark.parametrize(("over", "turns"), [(0, 2), (1, 1)])
def test_turns_go_along_as_far_as_they_fit(
    questions: Questions, journal: Journal, over: int, turns: int
) -> None:
    conversation = new_id()
    asked_and_answered(questions, journal, conversation, "q" * 100, "👍" * (CONTEXT_CHARS - 300 + over))
    asked_and_answered(questions, journal, conversation, "r" * 100, "b" * 100)
    question = questions.ask("and now?", conversation, None, None)
    assert [turn[0][0] for turn in turns_before(questions, question)] == ["q", "r"][-turns:]


def test_what_is_older_than_a_turn_that_does_not_fit_is_left_out_too(
    questions: Questions, journal: Journal
) -> None:
    conversation = new_id()
    for prompt, length in (("old", 1), ("long", CONTEXT_CHARS), ("new", 1)):
        asked_and_answered(questions, journal, conversation, prompt, "a" * length)
    question = questions.ask("and now?", conversation, None, None)
    assert [turn[0] for turn in turns_before(questions, question)] == ["new"]


def test_turns_without_an_answer_are_left_out(questions: Questions, journal: Journal) -> None:
    conversation = new_id()
    asked_and_answered(questions, journal, conversation, "q", "a")
    questions.ask("unanswered", conversation, None, None)
    question = questions.ask("and now?", conversation, None, None)
    assert turns_before(questions, question) == [("q", "a")]


def test_turns_asked_later_are_not_among_those_before(questions: Questions, journal: Journal) -> None:
    conversation = new_id()
    slow = questions.ask("slow", conversation, None, None)
    asked_and_answered(questions, journal, conversation, "quick", "a")
    assert turns_before(questions, slow) == []


@pytest.mark.parametrize("later", [0, CONTEXT_TURNS + 2])
def test_a_question_cuts_what_was_asked_since_the_one_it_follows(
    questions: Questions, journal: Journal, later: int
) -> None:
    conversation = new_id()
    first, *_ = [asked_and_answered(questions, journal, conversation, f"q{n}", "a") for n in range(3 + later)]
    edited = questions.ask("edited", conversation, None, None, first.id)
    assert turns_before(questions, edited) == [("q0", "a")]
    answer(journal, edited, "b")
    question = questions.ask("and now?", conversation, None, None)
    assert turns_before(questions, question) == [("q0", "a"), ("edited", "b")]
    prompts = [turn["prompt"] for turn in questions.conversation(conversation)]
    assert prompts == ["q0", "edited", "and now?"]


def test_a_question_that_was_cut_meanwhile_keeps_the_turns_before_it(
    questions: Questions, journal: Journal
) -> None:
    conversation = new_id()
    first = asked_and_answered(questions, journal, conversation, "q", "a")
    cut = questions.ask("cut", conversation, None, None)
    questions.ask("edited", conversation, None, None, first.id)
    assert turns_before(questions, cut) == [("q", "a")]


def test_a_question_may_follow_one_that_is_not_known(questions: Questions, journal: Journal) -> None:
    conversation = new_id()
    asked_and_answered(questions, journal, conversation, "q", "a")
    question = questions.ask("and now?", conversation, None, None, new_id())
    assert turns_before(questions, question) == [("q", "a")]


def test_erasing_a_conversation_erases_what_was_cut_too(
    questions: Questions, connections: Connections
) -> None:
    conversation = new_id()
    first, cut = (questions.ask(prompt, conversation, None, None) for prompt in ("q", "a secret"))
    questions.ask("edited", conversation, None, None, first.id)
    questions.erase(conversation)
    assert connections.commands.execute(("HGET", hash_key(cut.id), "prompt")) == [None]


def test_the_sources_of_what_was_taken_back_are_not_kept(questions: Questions, journal: Journal) -> None:
    question = questions.ask("?", None, None, None)
    first = journal.claim(question.id, 0, lambda: None)
    assert first
    first.append("sources", {"sources": [{"n": 1, "title": "old", "url": "/old"}]})
    first.wait()
    second = journal.claim(question.id, None, lambda: None, is_takeover=True)
    assert second
    second.append("rewind", {"length": 0})
    second.token("new")
    second.finish("done", {"stop_reason": "end_turn"}, ending("done", second.events()))
    second.wait()
    (turn,) = questions.conversation(question.conversation)
    assert (turn["answer"], turn["sources"]) == ("new", [])


# What is kept


def test_of_a_long_conversation_the_newest_turns_are_shown(
    questions: Questions, journal: Journal, connections: Connections
) -> None:
    conversation = new_id()
    for n in range(SHOWN_TURNS + 5):
        questions.ask(str(n), conversation, None, None)
    turns = questions.conversation(conversation)
    assert [turn["prompt"] for turn in turns] == [str(n) for n in range(5, SHOWN_TURNS + 5)]


def test_erasing_a_conversation_erases_what_is_no_longer_shown_too(
    questions: Questions, connections: Connections
) -> None:
    conversation = new_id()
    first = questions.ask("a secret", conversation, None, None)
    for n in range(SHOWN_TURNS):
        questions.ask(str(n), conversation, None, None)
    questions.erase(conversation)
    assert connections.commands.execute(("HGET", hash_key(first.id), "prompt")) == [None]


def test_an_erased_conversation_leaves_marks_that_expire_soon(
    questions: Questions, journal: Journal, connections: Connections
) -> None:
    conversation = new_id()
    ended = asked_and_answered(questions, journal, conversation, "secret q", "secret a")
    waiting = questions.ask("secret too", conversation, None, None)
    questions.erase(conversation)
    with pytest.raises(NotFound):
        questions.conversation(conversation)
    with pytest.raises(NotFound):
        questions.erase(conversation)
    for question in (ended, waiting):
        with pytest.raises(NotFound):
            questions.take_up(question.id, conversation)
        with pytest.raises(NotFound):
            questions.stop(question.id)
        for key in (hash_key(question.id), log_key(question.id)):
            assert 0 < ttl_s(connections, key) <= ERASED_TTL_S
        fields, log = connections.commands.execute(
            ("HGETALL", hash_key(question.id)), ("XRANGE", log_key(question.id), "-", "+")
        )
        assert "secret" not in f"{fields} {log}"
        assert len(log) == 1


def test_a_producer_of_an_erased_answer_is_shut_out(
    questions: Questions, journal: Journal, connections: Connections
) -> None:
    question = questions.ask("q", None, None, None)
    writer = journal.claim(question.id, 0, lambda: None)
    writer.token("said")
    writer.wait()
    questions.erase(question.conversation)
    writer.token("never")
    with pytest.raises(Fenced):
        writer.wait()
    assert [event.kind for event in journal.after(question.id, START)] == ["done"]


def test_a_stopped_answer_keeps_what_was_said(questions: Questions, journal: Journal) -> None:
    question = questions.ask("q", None, None, None)
    writer = journal.claim(question.id, 0, lambda: None)
    writer.token("said")
    writer.wait()
    assert questions.stop(question.id)
    assert not questions.stop(question.id)
    last = journal.after(question.id, START)[-1]
    assert (last.kind, last.data) == ("done", '{"stop_reason": "stopped"}')
    (turn,) = questions.conversation(question.conversation)
    assert turn["answer"] == "said"


# Once


def queued(connections: Connections) -> int:
    (count,) = connections.commands.execute(("XLEN", WORK))
    assert isinstance(count, int)
    return count


def test_the_same_key_is_the_same_question(questions: Questions, connections: Connections) -> None:
    first = questions.ask("q", None, "https://blog.example/", "key")
    assert questions.ask("q", None, "https://blog.example/", "key") == first
    assert queued(connections) == 1
    assert len(questions.conversation(first.conversation)) == 1
    # Of the second, nothing is left.
    assert len([key for key in keys_of(connections) if kind_of(key) == "chatsse:"]) == 1


@pytest.mark.parametrize(
    "other", [("r", None, None), ("q", "c" * 22, None), ("q", None, "https://blog.example/")]
)
def test_another_question_under_the_same_key_is_refused_and_not_kept(
    questions: Questions, connections: Connections, other: tuple[str, str | None, str | None]
) -> None:
    first = questions.ask("q", None, None, "key")
    with pytest.raises(BadRequest) as raised:
        questions.ask(*other, "key")
    assert (raised.value.code, raised.value.status) == ("idempotency_key_reused", 422)
    assert questions.ask("q", None, None, "key") == first
    assert queued(connections) == 1


def test_without_a_key_the_same_question_is_another(questions: Questions, connections: Connections) -> None:
    assert questions.ask("q", None, None, None).id != questions.ask("q", None, None, None).id
    assert queued(connections) == 2
