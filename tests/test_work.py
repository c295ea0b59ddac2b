"""The work queue: each question is in one answerer's hands, and none is lost with it."""

from collections.abc import Iterable, Iterator

import gevent
import pytest
from processes import until

from chatsse.connections import Connections
from chatsse.errors import RedisAway
from chatsse.work import GROUP, WORK, Job, Work

SHORT_LEASE_S = 0.05
LONG_LEASE_S = 600


def add(connections: Connections, work: Work, *answer_ids: str) -> None:
    for answer_id in answer_ids:
        connections.commands.execute(*work.adding(answer_id, f"conversation of {answer_id}"))


def ids_of(jobs: list[Job]) -> list[str]:
    return [job.answer_id for job in jobs]


def take_all(work: Work, count: int) -> list[Job]:
    """Return `count` questions; the first read may find that there is no group yet."""
    jobs: list[Job] = []
    with gevent.Timeout(60):
        while len(jobs) < count:
            jobs += work.take(count - len(jobs))
    return jobs


@pytest.fixture
def others(redis_url: str) -> Iterator[Connections]:
    """Connections of another process."""
    others = Connections(redis_url)
    yield others
    others.close()


@pytest.fixture
def another(others: Connections) -> Work:
    """The queue as another process sees it, that believes in the shortest lease."""
    return Work(others.commands, others.work, SHORT_LEASE_S, ttl_s=3600)


@pytest.fixture
def patient(others: Connections) -> Work:
    """The queue as another process sees it, in whose eyes no lease runs out while a test is run."""
    return Work(others.commands, others.work, LONG_LEASE_S, ttl_s=3600)


def fall_silent(connections: Connections, jobs: Iterable[Job]) -> None:
    """Have it look as if nobody had kept these for longer than any lease."""
    for job in jobs:
        ((entry,),) = connections.commands.execute(("XPENDING", WORK, GROUP, job.entry_id, job.entry_id, 1))
        idle = ("IDLE", 2000 * LONG_LEASE_S, "JUSTID")
        connections.commands.execute(("XCLAIM", WORK, GROUP, entry[1], 0, job.entry_id, *idle))


def test_questions_are_taken_in_the_order_they_were_asked(connections: Connections, work: Work) -> None:
    add(connections, work, "a", "b", "c")
    jobs = take_all(work, 3)
    assert ids_of(jobs) == ["a", "b", "c"]
    assert {(job.attempt, job.is_taken_over) for job in jobs} == {(1, False)}
    assert jobs[0].conversation == "conversation of a"


def test_no_more_are_taken_than_there_is_room_for(connections: Connections, work: Work) -> None:
    add(connections, work, "a", "b", "c")
    assert ids_of(take_all(work, 1)) == ["a"]
    assert ids_of(work.take(2)) == ["b", "c"]


def test_a_question_is_taken_by_one(connections: Connections, work: Work, another: Work) -> None:
    answer_ids = [str(n) for n in range(50)]
    add(connections, work, *answer_ids)
    taken: list[str] = []

    def take(queue: Work) -> None:
        while len(taken) < len(answer_ids):
            taken.extend(ids_of(queue.take(3)))

    gevent.joinall([gevent.spawn(take, queue) for queue in (work, another)], timeout=60, raise_error=True)
    assert sorted(taken, key=int) == answer_ids


def test_a_question_asked_meanwhile_ends_the_wait(connections: Connections, work: Work) -> None:
    add(connections, work, "a")
    take_all(work, 1)
    taking = gevent.spawn(work.take, 1)
    until(lambda: b"cmd=xreadgroup" in connections.commands.execute(("CLIENT", "LIST"))[0], "it waits")
    add(connections, work, "b")
    assert ids_of(taking.get(timeout=60)) == ["b"]


def test_a_silent_answerers_question_is_taken_over(
    connections: Connections, work: Work, another: Work
) -> None:
    add(connections, work, "a")
    (job,) = take_all(work, 1)
    taken: list[Job] = []
    until(lambda: taken.extend(another.take_over(5)) or taken, "the lease has run out")
    assert taken == [job._replace(is_taken_over=True)]


def test_a_live_answerers_question_is_not(connections: Connections, work: Work, patient: Work) -> None:
    add(connections, work, "kept", "let go")
    kept, let_go = take_all(work, 2)
    fall_silent(connections, [kept, let_go])
    work.keep([kept.entry_id])
    assert ids_of(patient.take_over(5)) == ["let go"]


def test_what_another_has_taken_over_is_not_taken_back_by_who_was_silent(
    connections: Connections, work: Work, patient: Work
) -> None:
    add(connections, work, "lost", "kept")
    lost, kept = take_all(work, 2)
    fall_silent(connections, [lost])
    assert ids_of(patient.take_over(5)) == ["lost"]
    assert work.keep([lost.entry_id, kept.entry_id]) == [lost.entry_id]
    assert patient.keep([lost.entry_id, kept.entry_id]) == [kept.entry_id]


@pytest.mark.parametrize("loss", [("XGROUP", "DESTROY", WORK, GROUP), ("DEL", WORK)])
def test_what_the_queue_has_lost_is_held_again_and_taken_over_when_nobody_keeps_it(
    connections: Connections, work: Work, another: Work, loss: tuple[str, ...]
) -> None:
    add(connections, work, "a")
    (job,) = take_all(work, 1)
    connections.commands.execute(loss)
    assert work.keep([job.entry_id]) == [job.entry_id]
    again = work.hold(job, attempt=1)
    assert work.keep([again.entry_id]) == []
    taken: list[Job] = []
    until(lambda: taken.extend(another.take_over(5)) or taken, "the lease has run out")
    assert (taken[0].answer_id, taken[0].conversation) == (job.answer_id, job.conversation)
    assert connections.commands.execute(("XLEN", WORK)) == [1]
    assert 0 < connections.commands.execute(("TTL", WORK))[0] <= 3600


def test_a_question_that_is_held_is_nobody_elses_though_the_queue_delivers_it(
    connections: Connections, work: Work, another: Work
) -> None:
    add(connections, work, "held")
    (job,) = take_all(work, 1)
    connections.commands.execute(("DEL", WORK))
    job = work.hold(job, attempt=1)
    add(connections, work, "new")
    assert ids_of(take_all(another, 1)) == ["new"]
    assert work.keep([job.entry_id]) == [job.entry_id]
    assert work.hold(job, attempt=1) == job
    assert work.keep([job.entry_id]) == []


@pytest.mark.parametrize("fields", [("nothing", "of this"), ("id", "x", "conversation", "y", "attempt", "z")])
def test_what_is_no_question_is_deleted_and_does_not_hold_up_the_others(
    connections: Connections, work: Work, another: Work, fields: tuple[str, ...]
) -> None:
    connections.commands.execute(("XADD", WORK, "*", *fields))
    add(connections, work, "a")
    assert ids_of(take_all(work, 1)) == ["a"]
    assert connections.commands.execute(("XLEN", WORK)) == [1]
    # Delivered to one that knew no better.
    connections.commands.execute(("XADD", WORK, "*", *fields))
    connections.commands.execute(("XREADGROUP", "GROUP", GROUP, "old", "STREAMS", WORK, ">"))
    taken: list[Job] = []
    until(lambda: taken.extend(another.take_over(5)) or taken, "the lease has run out")
    assert ids_of(taken) == ["a"]
    until(lambda: another.take_over(5) or length(connections) == 1, "it is deleted")


def test_who_was_cut_off_from_redis_takes_nothing_over_until_the_others_could_be_heard(
    connections: Connections, others: Connections, work: Work
) -> None:
    add(connections, work, "a")
    take_all(work, 1)
    back = Work(others.commands, others.work, lease_s=1, ttl_s=3600)
    (client,) = others.commands.execute(("CLIENT", "ID"))
    until(lambda: idle_ms(connections) > 1000, "the lease has run out")
    connections.commands.execute(("CLIENT", "KILL", "ID", client))
    assert back.take_over(5) == []
    until(lambda: back.take_over(5), "another lease has passed")


def length(connections: Connections) -> int:
    (length,) = connections.commands.execute(("XLEN", WORK))
    return int(length)


def idle_ms(connections: Connections) -> int:
    ((entry,),) = connections.commands.execute(("XPENDING", WORK, GROUP, "-", "+", 1))
    return int(entry[2])


def test_what_is_done_is_gone(connections: Connections, work: Work, another: Work) -> None:
    add(connections, work, "a")
    (job,) = take_all(work, 1)
    work.done(job)
    assert connections.commands.execute(("XLEN", WORK)) == [0]
    (pending, *_), = connections.commands.execute(("XPENDING", WORK, GROUP))  # fmt: skip
    assert pending == 0
    work.done(job)


def test_what_another_has_taken_over_is_not_put_away(
    connections: Connections, work: Work, another: Work
) -> None:
    add(connections, work, "a")
    (job,) = take_all(work, 1)
    until(lambda: another.take_over(5), "the lease has run out")
    work.done(job)
    assert connections.commands.execute(("XLEN", WORK)) == [1]
    another.done(job)
    assert connections.commands.execute(("XLEN", WORK)) == [0]


def test_a_dead_answerers_question_is_found_behind_many_that_are_live(
    connections: Connections, work: Work, patient: Work
) -> None:
    add(connections, work, *(str(n) for n in range(300)), "dead")
    *live, dead = take_all(work, 301)
    fall_silent(connections, [*live, dead])
    work.keep(job.entry_id for job in live)
    assert ids_of(patient.take_over(16)) == ["dead"]


def test_who_leaves_is_forgotten_unless_it_still_holds_something(
    connections: Connections, work: Work, another: Work
) -> None:
    add(connections, work, "a")
    (job,) = take_all(work, 1)
    work.leave()
    assert len(consumers(connections)) == 1
    work.done(job)
    work.leave()
    assert consumers(connections) == []


def consumers(connections: Connections) -> list[object]:
    (reply,) = connections.commands.execute(("XINFO", "CONSUMERS", WORK, GROUP))
    return list(reply)


def test_what_is_handed_back_is_taken_at_once_by_whoever_is_free(
    connections: Connections, work: Work, patient: Work
) -> None:
    add(connections, work, "a")
    (job,) = take_all(work, 1)
    work.hand_back(job, attempt=2)
    (again,) = take_all(patient, 1)
    assert (again.answer_id, again.attempt, again.is_taken_over) == ("a", 2, False)
    assert again.conversation == job.conversation
    assert connections.commands.execute(("XLEN", WORK)) == [1]


def test_what_is_let_go_is_taken_over_at_once(connections: Connections, work: Work, patient: Work) -> None:
    leaving = Work(connections.commands, connections.work, LONG_LEASE_S, ttl_s=3600)
    add(connections, work, "a")
    (job,) = take_all(leaving, 1)
    assert patient.take_over(1) == []
    leaving.let_go(job)
    assert patient.take_over(1) == [job._replace(is_taken_over=True)]
    leaving.let_go(job)
    assert leaving.take_over(1) == []


def test_an_empty_queue_gives_nothing_and_makes_its_group(connections: Connections, work: Work) -> None:
    assert work.take(1) == []
    (groups,) = connections.commands.execute(("XINFO", "GROUPS", WORK))
    assert [group[1] for group in groups] == [GROUP.encode()]
    assert 0 < connections.commands.execute(("TTL", WORK))[0] <= 3600


def test_a_question_asked_before_there_was_a_group_is_not_lost(connections: Connections, work: Work) -> None:
    add(connections, work, "early")
    assert work.take(1) == []
    assert ids_of(work.take(1)) == ["early"]


def test_a_deleted_question_is_passed_over(connections: Connections, work: Work, another: Work) -> None:
    add(connections, work, "deleted", "left")
    deleted, _ = take_all(work, 2)
    connections.commands.execute(("XDEL", WORK, deleted.entry_id))
    taken: list[Job] = []
    until(lambda: taken.extend(another.take_over(5)) or taken, "the lease has run out")
    assert ids_of(taken) == ["left"]


def test_a_key_that_is_no_queue_is_trouble_with_redis(connections: Connections, work: Work) -> None:
    connections.commands.execute(("SET", WORK, "x", "EX", 60))
    with pytest.raises(RedisAway):
        work.take(1)
