"""The log: claim, compare-and-append, group commit, range reads."""

from collections.abc import Iterator

import gevent
import pytest
from processes import Redis
from relay import Relay, RepliesLost

from chatsse import journal as journal_module
from chatsse.connections import Connections, fields_of
from chatsse.errors import Fenced, NotFound, RedisAway
from chatsse.event import START, Event, EventId, text_of, token_data
from chatsse.journal import Journal, hash_key, log_key, turns_key
from chatsse.questions import Questions, new_id
from chatsse.writer import Writer

FENCED: list[str] = []


@pytest.fixture
def others(redis_url: str) -> Iterator[Connections]:
    """Connections of somebody else."""
    others = Connections(redis_url)
    yield others
    others.close()


def claim(journal: Journal, answer_id: str) -> Writer:
    writer = journal.claim(answer_id, None, lambda: FENCED.append(answer_id))
    assert writer
    return writer


def ids(events: list[Event]) -> list[str]:
    return [str(event.id) for event in events]


def test_a_claim_is_the_attempts_first_entry(journal: Journal) -> None:
    answer_id = new_id()
    assert claim(journal, answer_id).attempt == 1
    assert claim(journal, answer_id).attempt == 2
    assert [(str(e.id), e.kind) for e in journal.after(answer_id, START)] == [
        ("1-0", "claim"),
        ("2-0", "claim"),
    ]


def test_of_two_claims_at_once_one_holds(journal: Journal) -> None:
    answer_id = new_id()
    journal.claim(answer_id, 0, lambda: None)
    with pytest.raises(Fenced):
        journal.claim(answer_id, 0, lambda: None)


def test_events_are_stored_in_order_under_ids_of_the_attempt(journal: Journal) -> None:
    answer_id = new_id()
    writer = claim(journal, answer_id)
    writer.append("status", {"stage": "thinking"})
    writer.token("Grüße")
    writer.wait()
    writer.token(" 👍")
    writer.finish("done", {"stop_reason": "end_turn"}, {})
    writer.wait()
    events = journal.after(answer_id, START)
    assert ids(events) == ["1-0", "1-1", "1-2", "1-3", "1-4"]
    assert [event.kind for event in events] == ["claim", "status", "token", "token", "done"]
    assert text_of(events) == "Grüße 👍"


def test_tokens_that_wait_for_the_same_commit_are_stored_as_one(journal: Journal) -> None:
    answer_id = new_id()
    writer = claim(journal, answer_id)
    for text in ("a", "b", "c"):
        writer.token(text)
    writer.wait()
    assert [event.data for event in journal.after(answer_id, EventId(1, 0))] == ['{"token": "abc"}']


def test_a_range_follows_its_cursor(journal: Journal) -> None:
    answer_id = new_id()
    writer = claim(journal, answer_id)
    for _ in range(3):
        writer.append("status", {"stage": "thinking"})
    writer.wait()
    assert ids(journal.after(answer_id, EventId(1, 1))) == ["1-2", "1-3"]
    assert journal.after(answer_id, EventId(9, 9)) == []


def test_a_later_claim_shuts_the_earlier_producer_out(journal: Journal) -> None:
    answer_id = new_id()
    first = claim(journal, answer_id)
    first.token("kept")
    first.wait()
    claim(journal, answer_id)
    first.token("never seen")
    with pytest.raises(Fenced):
        first.wait()
    with pytest.raises(Fenced):
        first.token("nor this")
    assert text_of(journal.after(answer_id, START)) == "kept"
    assert FENCED.count(answer_id) == 1


def test_a_probe_finds_a_claim_in_silence(journal: Journal) -> None:
    answer_id = new_id()
    first = claim(journal, answer_id)
    claim(journal, answer_id)
    first.probe()
    with gevent.Timeout(60):
        while answer_id not in FENCED:
            gevent.sleep(0.001)


def test_a_retry_of_what_had_arrived_adds_nothing(journal: Journal, connections: Connections) -> None:
    answer_id = new_id()
    writer = claim(journal, answer_id)
    writer.token("once")
    # What a lost reply looks like: the entry is there, the writer does not know.
    connections.commands.execute(
        ("XADD", log_key(answer_id), "1-1", "kind", "token", "data", '{"token": "once"}')
    )
    writer.wait()
    writer.token(" more")
    writer.wait()
    assert ids(journal.after(answer_id, START)) == ["1-0", "1-1", "1-2"]
    assert text_of(journal.after(answer_id, START)) == "once more"


def test_a_claim_whose_reply_was_lost_is_still_ones_own(
    journal: Journal, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_id = new_id()
    twice = connections.commands.execute

    def lose_the_first_reply(*commands: tuple[str | bytes | int, ...]) -> list[object]:
        twice(*commands)
        return twice(*commands)

    monkeypatch.setattr(connections.commands, "execute", lose_the_first_reply)
    assert claim(journal, answer_id).attempt == 1
    assert len(journal.after(answer_id, START)) == 1


@pytest.mark.parametrize("kept", ["nothing", "1-0", "1-2"])
def test_a_log_that_lost_its_tail_is_written_again_under_the_same_ids(
    journal: Journal, connections: Connections, kept: str
) -> None:
    answer_id = new_id()
    writer = claim(journal, answer_id)
    for n in range(4):
        writer.token(f"{n} ")
        writer.wait()
    before = journal.after(answer_id, START)
    lose_after(connections, answer_id, before, kept)
    writer.token("end")
    writer.finish("done", {"stop_reason": "end_turn"}, {})
    writer.wait()
    after = journal.after(answer_id, START)
    assert after[: len(before)] == before
    assert text_of(after) == "0 1 2 3 end"


def test_a_loss_is_found_in_silence(journal: Journal, connections: Connections) -> None:
    answer_id = new_id()
    writer = claim(journal, answer_id)
    writer.token("said")
    writer.wait()
    connections.commands.execute(("DEL", log_key(answer_id)))
    writer.probe()
    with gevent.Timeout(60):
        while text_of(journal.after(answer_id, START)) != "said":
            gevent.sleep(0.001)


def test_a_question_that_was_lost_with_its_log_is_stored_again_as_it_was(
    journal: Journal, connections: Connections, questions: Questions
) -> None:
    question = questions.ask("?", None, "https://blog.example/", None)
    writer = journal.claim(question.id, 0, lambda: None, "what the model is asked")
    keys = (hash_key(question.id), turns_key(question.conversation))
    looks = (("HGETALL", keys[0]), ("LRANGE", keys[1], 0, -1))
    before = connections.commands.execute(*looks)
    connections.commands.execute(("DEL", log_key(question.id)), *(("DEL", key) for key in keys))
    writer.token("said")
    writer.wait()
    assert connections.commands.execute(*looks) == before
    connections.commands.execute(("DEL", log_key(question.id)), *(("DEL", key) for key in keys))
    writer.finish("done", {"stop_reason": "end_turn"}, {"ended": "done", "answer": ""})
    writer.wait()
    fields, turns = connections.commands.execute(*looks)
    ending = {b"ended": b"done", b"answer": b""}
    kept = {name: value for name, value in fields_of(before[0]).items() if name != b"request"}
    assert (fields_of(fields), turns) == (kept | ending, before[1])
    assert all(ttl > 3600 for ttl in connections.commands.execute(*(("TTL", key) for key in keys)))


def test_nothing_is_said_to_be_unknown_just_after_redis_was_away(
    journal: Journal, connections: Connections, others: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    (client,) = connections.commands.execute(("CLIENT", "ID"))
    others.commands.execute(("CLIENT", "KILL", "ID", client))
    with pytest.raises(RedisAway):
        journal.missed(new_id(), START)
    monkeypatch.setattr(journal_module, "RESTORED_S", 0)
    with pytest.raises(NotFound):
        journal.missed(new_id(), START)


def test_what_can_not_be_stored_holds_up_only_its_own_answer(journal: Journal) -> None:
    answer_id = new_id()
    good, bad = claim(journal, answer_id), claim(journal, new_id())
    bad.append("no such kind", {})
    good.token("said")
    with pytest.raises(ValueError, match="no such kind"):
        bad.wait()
    good.wait()
    assert text_of(journal.after(answer_id, START)) == "said"
    with pytest.raises(ValueError, match="no such kind"):
        bad.token("too late")


def test_an_earlier_attempts_events_are_written_again_too(journal: Journal, connections: Connections) -> None:
    answer_id = new_id()
    first = claim(journal, answer_id)
    first.token("first")
    first.wait()
    second = claim(journal, answer_id)
    before = journal.after(answer_id, START)
    connections.commands.execute(("DEL", log_key(answer_id)))
    second.token(" second")
    second.wait()
    assert journal.after(answer_id, START)[:3] == before
    assert text_of(journal.after(answer_id, START)) == "first second"


@pytest.mark.parametrize("said", [0, 1])
def test_a_lost_claim_whose_number_another_has_got_does_not_count_any_more(
    journal: Journal, connections: Connections, said: int
) -> None:
    answer_id = new_id()
    first = claim(journal, answer_id)
    for _ in range(said):
        first.append("status", {"stage": "thinking"})
    first.wait()
    connections.commands.execute(("DEL", log_key(answer_id)))
    second = claim(journal, answer_id)
    assert second.attempt == first.attempt
    # Their logs look alike, up to the claims.
    for _ in range(said):
        second.append("status", {"stage": "thinking"})
    second.wait()
    first.token("never seen")
    with pytest.raises(Fenced):
        first.wait()
    second.token("seen")
    second.wait()
    assert text_of(journal.after(answer_id, START)) == "seen"


def test_nothing_is_written_again_after_an_end_that_took_its_place(
    journal: Journal, connections: Connections
) -> None:
    answer_id = new_id()
    first, second = claim(journal, answer_id), claim(journal, answer_id)
    lose_after(connections, answer_id, journal.after(answer_id, START), "1-0")
    first.finish("done", {"stop_reason": "end_turn"}, {})
    first.wait()
    second.token("too late")
    with pytest.raises(Fenced):
        second.wait()
    assert [event.kind for event in journal.after(answer_id, START)] == ["claim", "done"]


def test_a_log_whose_every_append_lost_its_reply_once_has_each_event_once(
    redis: Redis, redis_url: str, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "RETRY_S", (0.001, 0.01))
    answer_id, replies = new_id(), RepliesLost(b"EVALSHA")
    with Relay(redis.port, replies) as relay:
        lossy = Connections(relay.url(int(redis_url.rsplit("/", 1)[1])))
        writer = claim(Journal(lossy.commands, lossy.appends, stream_ttl_s=3600), answer_id)
        for n in range(200):
            writer.token(f"{n} ")
            writer.wait()
        writer.finish("done", {"stop_reason": "end_turn"}, {})
        writer.wait()
        lossy.close()
    assert len(replies.lost) == 201
    *tokens, end = journal.after(answer_id, EventId(1, 0))
    assert [event.data for event in tokens] == [token_data(f"{n} ") for n in range(200)]
    assert end.kind == "done"


def test_the_answer_is_in_the_hash_when_the_end_is_in_the_log(
    journal: Journal, connections: Connections
) -> None:
    answer_id = new_id()
    writer = claim(journal, answer_id)
    writer.token("text")
    writer.finish("done", {"stop_reason": "end_turn"}, {"ended": "done", "answer": "text"})
    writer.wait()
    (fields,) = connections.commands.execute(("HMGET", hash_key(answer_id), "ended", "answer"))
    assert fields == [b"done", b"text"]


def test_a_fenced_producer_does_not_touch_the_hash(journal: Journal, connections: Connections) -> None:
    answer_id = new_id()
    first = claim(journal, answer_id)
    claim(journal, answer_id)
    first.finish("done", {"stop_reason": "end_turn"}, {"ended": "done", "answer": "stale"})
    with pytest.raises(Fenced):
        first.wait()
    assert connections.commands.execute(("EXISTS", hash_key(answer_id))) == [0]


def test_a_log_has_a_ttl_from_its_first_entry_and_the_configured_one_from_its_end(
    connections: Connections,
) -> None:
    journal = Journal(connections.commands, connections.appends, stream_ttl_s=60)
    answer_id = new_id()
    writer = claim(journal, answer_id)
    assert 60 < connections.commands.execute(("TTL", log_key(answer_id)))[0] <= 3600
    writer.finish("done", {"stop_reason": "end_turn"}, {})
    writer.wait()
    assert 0 < connections.commands.execute(("TTL", log_key(answer_id)))[0] <= 60


def test_a_server_that_forgot_the_script_is_told_it_again(journal: Journal, connections: Connections) -> None:
    writer = claim(journal, new_id())
    writer.token("a")
    writer.wait()
    connections.commands.execute(("SCRIPT", "FLUSH"))
    writer.token("b")
    writer.wait()
    assert text_of(writer.events()) == "ab"


def test_what_could_not_be_stored_is_stored_when_the_connection_is_back(
    journal: Journal, connections: Connections
) -> None:
    answer_id = new_id()
    writer = claim(journal, answer_id)
    for n in range(20):
        connections.commands.execute(("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))
        writer.token(f"{n} ")
        writer.wait()
    assert text_of(journal.after(answer_id, START)) == "".join(f"{n} " for n in range(20))


def test_many_answers_share_a_commit_and_none_mixes_with_another(journal: Journal) -> None:
    writers = {answer_id: claim(journal, answer_id) for answer_id in (new_id() for _ in range(50))}
    for n in range(10):
        for answer_id, writer in writers.items():
            writer.token(f"{answer_id}:{n} ")
        gevent.sleep(0)
    for writer in writers.values():
        writer.wait()
    for answer_id in writers:
        said = "".join(f"{answer_id}:{n} " for n in range(10))
        assert text_of(journal.after(answer_id, START)) == said


def test_an_answer_can_be_ended_for_its_producer(journal: Journal) -> None:
    answer_id = new_id()
    writer = claim(journal, answer_id)
    writer.token("said")
    writer.wait()
    assert journal.end(answer_id, "done", {"stop_reason": "stopped"}, lambda kind, log: {})
    assert not journal.end(answer_id, "done", {"stop_reason": "stopped"}, lambda kind, log: {})
    writer.token("too late")
    with pytest.raises(Fenced):
        writer.wait()
    events, has_ended = journal.missed(answer_id, START)
    assert has_ended
    assert ids(events) == ["1-0", "1-1", "2-0", "2-1"]
    assert events[-1].data == '{"stop_reason": "stopped"}'


def test_an_ended_answer_can_not_be_claimed(journal: Journal) -> None:
    answer_id = new_id()
    assert journal.end(answer_id, "done", {"stop_reason": "stopped"}, lambda kind, log: {})
    assert journal.claim(answer_id, None, lambda: None) is None
    assert journal.claim(answer_id, 0, lambda: None) is None


def test_a_writer_knows_how_many_fell_silent_before_it(journal: Journal) -> None:
    answer_id = new_id()
    journal.claim(answer_id, 0, lambda: None)
    journal.claim(answer_id, 1, lambda: None)
    journal.claim(answer_id, None, lambda: None, is_takeover=True)
    writer = journal.claim(answer_id, None, lambda: None, is_takeover=True)
    assert writer
    assert (writer.attempt, writer.takeovers) == (4, 2)


def test_an_answer_nobody_asked_for_is_not_found(journal: Journal) -> None:
    with pytest.raises(NotFound):
        journal.missed(new_id(), START)


def test_an_expired_log_is_not_found_though_its_question_is_kept(
    journal: Journal, connections: Connections
) -> None:
    answer_id = new_id()
    connections.commands.execute(("HSET", hash_key(answer_id), "prompt", "?", "ended", "done"))
    with pytest.raises(NotFound):
        journal.missed(answer_id, START)


def test_an_asked_question_without_a_log_is_waiting(journal: Journal, connections: Connections) -> None:
    answer_id = new_id()
    connections.commands.execute(("HSET", hash_key(answer_id), "prompt", "?"))
    assert journal.missed(answer_id, START) == ([], False)


def test_an_end_that_comes_after_the_range_was_read_is_for_the_next_time(
    journal: Journal, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_id = new_id()
    writer = claim(journal, answer_id)
    execute = connections.commands.execute

    def end_after_the_first(*commands: tuple[str | bytes | int, ...]) -> list[object]:
        monkeypatch.undo()
        replies = execute(commands[0])
        writer.finish("done", {"stop_reason": "end_turn"}, {})
        writer.wait()
        return replies + execute(*commands[1:])

    monkeypatch.setattr(connections.commands, "execute", end_after_the_first)
    assert journal.missed(answer_id, EventId(1, 0)) == ([], False)
    events, has_ended = journal.missed(answer_id, EventId(1, 0))
    assert (ids(events), has_ended) == (["1-1"], True)


def lose_after(connections: Connections, answer_id: str, events: list[Event], kept: str) -> None:
    """Make the log what a server has that lost all after an id, as one does whose disk was behind."""
    key = log_key(answer_id)
    connections.commands.execute(("DEL", key))
    for event in events:
        if kept != "nothing" and str(event.id) <= kept:
            connections.commands.execute(("XADD", key, str(event.id), "kind", event.kind, "data", event.data))
