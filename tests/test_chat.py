"""Asking over HTTP: what is taken, what is refused, what is asked once."""

import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from client import Reader, ask, call
from processes import DEADLINE_S, App, Redis
from standin import ErrorEvent, StandIn, Wait

from chatsse.questions import new_id
from chatsse.views.chat import visitor_address


def asked_of(model: StandIn, word: str) -> list[dict[str, object]]:
    return [c.body for c in model.calls if word in c.prompt]


def test_a_question_is_created_with_an_id_a_stream_and_a_conversation(
    app: App, model: StandIn, word: str
) -> None:
    model.answer(word, ["a"])
    reply = call("POST", f"{app.url}/chat", {"prompt": word})
    assert reply.status == 201
    assert reply.json["stream"] == f"/stream/{reply.json['id']}"
    assert len(reply.json["id"]) >= 22
    assert set(reply.json) == {"id", "stream", "conversation"}


DEEP = b'{"prompt": "x", "page": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"
REFUSED = {
    "no json": (b"prompt=x", 400, "invalid_json"),
    "empty": (b"", 400, "invalid_json"),
    "cut short": (b'{"prompt": "x', 400, "invalid_json"),
    "no utf-8": (b'{"prompt": "\xff"}', 400, "invalid_json"),
    "deep": (DEEP, 400, "invalid_json"),
    "a list": (b'["prompt"]', 400, "invalid_json"),
    "null": (b"null", 400, "invalid_json"),
    "no prompt": (b"{}", 400, "prompt_missing"),
    "prompt null": (b'{"prompt": null}', 400, "prompt_missing"),
    "prompt a number": (b'{"prompt": 7}', 400, "prompt_invalid"),
    "prompt a list": (b'{"prompt": ["x"]}', 400, "prompt_invalid"),
    "prompt true": (b'{"prompt": true}', 400, "prompt_invalid"),
    "prompt empty": (b'{"prompt": ""}', 400, "prompt_empty"),
    "prompt blank": (b'{"prompt": " \\n\\t"}', 400, "prompt_empty"),
    "NUL": (b'{"prompt": "a\\u0000b"}', 400, "prompt_invalid"),
    "lone surrogate": (b'{"prompt": "a\\ud800b"}', 400, "prompt_invalid"),
    "surrogates the wrong way round": (b'{"prompt": "\\udc00\\ud800"}', 400, "prompt_invalid"),
    "prompt too long": (b'{"prompt": "' + b"x" * 4001 + b'"}', 413, "prompt_too_long"),
    "conversation a number": (b'{"prompt": "x", "conversation": 7}', 400, "conversation_invalid"),
    "conversation short": (b'{"prompt": "x", "conversation": "abc"}', 400, "conversation_invalid"),
    "after a number": (b'{"prompt": "x", "after": 7}', 400, "after_invalid"),
    "after short": (b'{"prompt": "x", "after": "abc"}', 400, "after_invalid"),
    "conversation odd": (b'{"prompt": "x", "conversation": "{}:*$ aaaaaaaaaa"}', 400, "conversation_invalid"),
    "page a number": (b'{"prompt": "x", "page": 7}', 400, "page_invalid"),
    "page no address": (b'{"prompt": "x", "page": "javascript:alert(1)"}', 400, "page_invalid"),
    "page broken": (b'{"prompt": "x", "page": "https://[::"}', 400, "page_invalid"),
    "page long": (b'{"prompt": "x", "page": "https://x/' + b"x" * 2048 + b'"}', 400, "page_invalid"),
    "page with a NUL": (b'{"prompt": "x", "page": "https://x/\\u0000"}', 400, "page_invalid"),
    "huge": (b'{"prompt": "' + b"x" * 200_000 + b'"}', 413, "body_too_large"),
    "a huge number": (b'{"prompt": ' + b"9" * 60_000 + b"}", 400, "invalid_json"),
}  # fmt: skip


@pytest.mark.parametrize("address", ["/chat", "/chat/stream"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_taken_is_refused_by_name(app: App, name: str, address: str) -> None:
    body, status, code = REFUSED[name]
    reply = call("POST", app.url + address, body)
    assert (reply.status, reply.code) == (status, code)
    assert set(reply.json["error"]) == {"code", "message"}


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data"]
)
def test_only_json_is_taken(app: App, kind: str) -> None:
    reply = call("POST", f"{app.url}/chat", b'{"prompt": "x"}', {"Content-Type": kind})
    assert (reply.status, reply.code) == (415, "not_json")


def test_a_prompt_of_the_full_length_in_any_script_is_taken(app: App, model: StandIn, word: str) -> None:
    model.answer(word, ["a"])
    prompt = word + "👍" * (4000 - len(word))
    assert Reader(app.url + ask(app.url, prompt)["stream"]).read().text == "a"
    assert [c.prompt for c in model.calls if word in c.prompt] == [prompt]


def test_a_method_that_is_none_here_is_refused_in_the_same_form(app: App) -> None:
    reply = call("PUT", f"{app.url}/chat", {"prompt": "x"})
    assert (reply.status, reply.code) == (405, "method_not_allowed")
    assert "POST" in reply.headers["Allow"]


def test_fifty_equal_posts_at_once_are_one_question(
    app: App, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, [Wait(gate), "once"])
    replies: list[dict[str, str]] = []
    headers = {"Idempotency-Key": uuid4().hex}

    def post() -> None:
        reply = call("POST", f"{app.url}/chat", {"prompt": word}, headers)
        assert reply.status == 201, reply.body
        replies.append(reply.json)

    posts = [threading.Thread(target=post) for _ in range(50)]
    for each in posts:
        each.start()
    for each in posts:
        each.join()
    gate.set()
    assert len(replies) == 50
    assert len({json.dumps(reply, sort_keys=True) for reply in replies}) == 1
    assert Reader(app.url + replies[0]["stream"]).read().text == "once"
    assert len(asked_of(model, word)) == 1
    (turns,) = {
        len(call("GET", f"{app.url}/conversations/{r['conversation']}").json["turns"]) for r in replies
    }
    assert turns == 1


def test_a_key_that_was_used_for_something_else_is_refused(app: App, model: StandIn, word: str) -> None:
    model.answer(word, ["a"])
    headers = {"Idempotency-Key": uuid4().hex}
    assert call("POST", f"{app.url}/chat", {"prompt": word}, headers).status == 201
    reply = call("POST", f"{app.url}/chat", {"prompt": f"{word} other"}, headers)
    assert (reply.status, reply.code) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "\xe9"])
def test_a_key_that_is_none_is_refused(app: App, key: str) -> None:
    reply = call("POST", f"{app.url}/chat", {"prompt": "x"}, {"Idempotency-Key": key})
    assert (reply.status, reply.code) == (400, "idempotency_key_invalid")


def test_a_question_whose_asker_died_half_way_is_asked_by_the_retry(
    app: App, redis: Redis, model: StandIn, word: str
) -> None:
    model.answer(word, ["answered"])
    key = uuid4().hex
    first = call("POST", f"{app.url}/chat", {"prompt": word}, {"Idempotency-Key": key}).json
    Reader(app.url + first["stream"]).read()
    # As it is when the process dies between storing a question and putting it into the queue.
    redis.ask("HDEL", f"chatsse:{{{first['id']}}}", "queued", "ended", "answer", "sources")
    redis.ask("DEL", f"chatsse:{{{first['id']}}}:log")
    again = call("POST", f"{app.url}/chat", {"prompt": word}, {"Idempotency-Key": key}).json
    assert again == first
    assert Reader(app.url + again["stream"]).read().text == "answered"


def test_a_later_question_is_answered_with_the_turns_before_it(app: App, model: StandIn, word: str) -> None:
    model.answer(f"{word} one", ["first ", "answer"])
    model.answer(f"{word} two", ["second answer"])
    model.answer(f"{word} three", ["third answer"])
    first = ask(app.url, f"{word} one")
    Reader(app.url + first["stream"]).read()
    for n in ("two", "three"):
        asked = ask(app.url, f"{word} {n}", conversation=first["conversation"])
        assert asked["conversation"] == first["conversation"]
        Reader(app.url + asked["stream"]).read()
    messages = asked_of(model, f"{word} three")[0]["messages"]
    said = [(m["role"], json.dumps(m["content"])) for m in messages]  # type: ignore[attr-defined]
    assert [role for role, _ in said] == ["user", "assistant", "user", "assistant", "user"]
    for (_, content), text in zip(
        said, [f"{word} one", "first answer", f"{word} two", "second answer", f"{word} three"], strict=True
    ):
        assert text in content


def test_a_question_asked_in_another_s_place_is_answered_without_it(
    app: App, model: StandIn, word: str
) -> None:
    model.answer(f"{word} one", ["an answer"])
    first = ask(app.url, f"{word} one")
    asked = [first]
    for n, after in (("two", None), ("three", None), ("four", first["id"])):
        model.answer(f"{word} {n}", ["an answer"])
        Reader(app.url + asked[-1]["stream"]).read()
        asked.append(ask(app.url, f"{word} {n}", conversation=first["conversation"], after=after))
    Reader(app.url + asked[-1]["stream"]).read()
    said = json.dumps(asked_of(model, f"{word} four")[0]["messages"])
    assert [f"{word} {n}" in said for n in ("one", "two", "three", "four")] == [True, False, False, True]
    turns = call("GET", f"{app.url}/conversations/{first['conversation']}").json["turns"]
    assert [turn["stream"] for turn in turns] == [first["stream"], asked[-1]["stream"]]


def test_another_place_in_the_conversation_is_another_question(app: App, model: StandIn, word: str) -> None:
    model.answer(word, ["a"])
    first = ask(app.url, word)
    for after, status in ((None, 201), (None, 201), (first["id"], 422)):
        body = {"prompt": "x", "conversation": first["conversation"], "after": after}
        reply = call("POST", f"{app.url}/chat", body, {"Idempotency-Key": word})
        assert reply.status == status


def test_a_failed_turn_without_a_word_is_left_out_of_the_next(app: App, model: StandIn, word: str) -> None:
    model.answer(f"{word} one", [ErrorEvent("api_error")])
    model.answer(f"{word} two", ["ok"])
    first = ask(app.url, f"{word} one")
    assert Reader(app.url + first["stream"]).read().end.event == "failed"
    second = ask(app.url, f"{word} two", conversation=first["conversation"])
    assert Reader(app.url + second["stream"]).read().text == "ok"
    assert len(asked_of(model, f"{word} two")[0]["messages"]) == 1  # type: ignore[arg-type]


def test_a_conversation_can_be_read_and_erased(app: App, redis: Redis, model: StandIn, word: str) -> None:
    model.answer(word, ["Grüße"])
    asked = ask(app.url, word)
    Reader(app.url + asked["stream"]).read()
    address = f"{app.url}/conversations/{asked['conversation']}"
    (turn,) = call("GET", address).json["turns"]
    assert turn.pop("at").endswith("+00:00")
    assert turn == {"prompt": word, "answer": "Grüße", "stream": asked["stream"], "rating": "", "sources": []}
    assert call("DELETE", address).status == 204
    assert call("GET", address).status == 404
    assert call("DELETE", address).status == 404
    assert call("GET", app.url + asked["stream"]).status == 404
    assert b"Gr" not in redis.ask("XRANGE", f"chatsse:{{{asked['id']}}}:log", "-", "+")


def test_erasing_stops_what_is_still_being_said(
    app: App, model: StandIn, word: str, gate: threading.Event
) -> None:
    model.answer(word, ["secret", Wait(gate), "more"])
    asked = ask(app.url, word)
    Reader(app.url + asked["stream"]).read(until="secret")
    assert call("DELETE", f"{app.url}/conversations/{asked['conversation']}").status == 204
    (call_,) = [c for c in model.calls if word in c.prompt]
    assert call_.closed.wait(DEADLINE_S)
    assert call("GET", app.url + asked["stream"]).status == 404


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("conversation", [new_id(), "x", "*", "a" * 3000])
def test_an_unknown_conversation_is_not_found(app: App, method: str, conversation: str) -> None:
    reply = call(method, f"{app.url}/conversations/{conversation}")
    assert (reply.status, reply.code) == (404, "not_found")


def test_health_and_readiness(app: App) -> None:
    assert call("GET", f"{app.url}/healthz").status == 200
    assert call("GET", f"{app.url}/readyz").status == 200


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "visitor"),
    [
        ("8.8.4.4", None, "8.8.4.4"),
        ("8.8.4.4", "198.51.100.1", "8.8.4.4"),
        ("10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", None, None),
        ("::1", None, None),
        ("2a00:1450:1:2:3::4", None, "2a00:1450:1:2::/64"),
        ("10.1.2.3", "[2a00:1450:1:2:3::4]:443", "2a00:1450:1:2::/64"),
        ("10.1.2.3", "8.8.4.4:5678", "8.8.4.4"),
        ("10.1.2.3", "::ffff:8.8.4.4", "8.8.4.4"),
        ("10.1.2.3", "fe80::1%eth0", "fe80::/64"),
        ("10.1.2.3", "unknown", "10.1.2.3"),
        ("10.1.2.3", "", "10.1.2.3"),
        ("::ffff:10.1.2.3", None, "10.1.2.3"),
        ("", "8.8.4.4", None),
        (None, None, None),
    ],
)
def test_questions_count_against_the_visitor(
    peer: str | None, forwarded_for: str | None, visitor: str | None
) -> None:
    assert visitor_address(peer, forwarded_for) == visitor


def test_an_address_that_asks_too_much_waits(redis: Redis, model: StandIn, tmp_path: Path, word: str) -> None:
    model.answer(word, ["a"])
    with App(redis.url(1), model.url, tmp_path, {"CHATSSE_MAX_PROMPTS_PER_MINUTE": "2"}) as app:
        replies = [
            call("POST", f"{app.url}/chat", {"prompt": word}, {"X-Forwarded-For": "198.51.100.9"})
            for _ in range(5)
        ]
        other = call("POST", f"{app.url}/chat", {"prompt": word}, {"X-Forwarded-For": "198.51.100.10"})
    # The minute may turn in between.
    refused = [reply for reply in replies if reply.status == 429]
    assert refused
    assert {reply.code for reply in refused} == {"rate_limited"}
    assert all(1 <= int(reply.headers["Retry-After"]) <= 60 for reply in refused)
    assert other.status == 201


BLOG = "https://blog.example"


@pytest.fixture(scope="module")
def blogs_app(redis: Redis, model: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    env = {"CHATSSE_ORIGINS": f"{BLOG} https://www.blog.example"}
    with App(redis.url(2), model.url, tmp_path_factory.mktemp("blogs"), env) as app:
        yield app


def test_a_blog_in_the_list_may_ask_and_is_named(blogs_app: App, model: StandIn, word: str) -> None:
    model.answer(word, ["a"])
    reply = call("POST", f"{blogs_app.url}/chat", {"prompt": word}, {"Origin": BLOG})
    assert reply.status == 201
    assert reply.headers["Access-Control-Allow-Origin"] == BLOG
    assert "Origin" in reply.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in reply.headers


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://blog.example", "null", "https://blog.example.evil"]
)
def test_another_page_may_not_ask(blogs_app: App, origin: str) -> None:
    reply = call("POST", f"{blogs_app.url}/chat", {"prompt": "x"}, {"Origin": origin})
    assert (reply.status, reply.code) == (403, "origin_not_allowed")
    assert "Access-Control-Allow-Origin" not in reply.headers
    assert call("POST", f"{blogs_app.url}/chat", {"prompt": "x"}, {"Origin": origin}).status == 403
    assert blogs_app.log.read_text().count(f"the pages of {origin!r}") == 1


def test_the_servers_own_pages_may_ask(blogs_app: App, model: StandIn, word: str) -> None:
    model.answer(word, ["a"])
    assert call("POST", f"{blogs_app.url}/chat", {"prompt": word}, {"Origin": blogs_app.url}).status == 201


def test_a_preflight_says_what_may_be_sent(blogs_app: App) -> None:
    reply = call(
        "OPTIONS", f"{blogs_app.url}/chat", None, {"Origin": BLOG, "Access-Control-Request-Method": "POST"}
    )
    assert reply.status == 204
    assert reply.headers["Access-Control-Allow-Origin"] == BLOG
    assert "Idempotency-Key" in reply.headers["Access-Control-Allow-Headers"]
    assert "DELETE" in reply.headers["Access-Control-Allow-Methods"]


def test_a_stream_can_be_read_from_the_blog(blogs_app: App, model: StandIn, word: str) -> None:
    model.answer(word, ["a"])
    stream = ask(blogs_app.url, word)["stream"]
    reply = call("GET", blogs_app.url + stream, None, {"Origin": BLOG})
    assert reply.headers["Access-Control-Allow-Origin"] == BLOG


# What tutorials teach: `fetch` with a `getReader()` loop, and curl.
FETCH = """
const [url, prompt, field] = process.argv.slice(1);
const response = await fetch(url, {
  method: 'POST',
  headers: {'Content-Type': 'application/json'},
  body: JSON.stringify({[field]: prompt}),
});
const reader = response.body.getReader();
const decoder = new TextDecoder();
let buffer = '', text = '', finished = false;
while (!finished) {
  const {done, value} = await reader.read();
  if (done) break;
  buffer += decoder.decode(value, {stream: true});
  const lines = buffer.split('\\n');
  buffer = lines.pop();
  for (const line of lines) {
    if (!line.startsWith('data: ')) continue;
    const data = line.slice(6);
    if (data === '[DONE]') { finished = true; break; }
    text += JSON.parse(data).token;
  }
}
process.stdout.write(JSON.stringify({text, finished}));
"""


@pytest.mark.parametrize("field", ["prompt", "message"])
def test_the_tutorials_fetch_loop_reads_an_answer(app: App, model: StandIn, word: str, field: str) -> None:
    model.answer(word, ["Grü", "ße\n", "👍", ' "quoted"'])
    command = ["node", "--input-type=module", "-e", FETCH, f"{app.url}/chat/stream", word, field]
    out = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    assert json.loads(out) == {"text": 'Grüße\n👍 "quoted"', "finished": True}


def test_curl_reads_an_answer(app: App, model: StandIn, word: str) -> None:
    model.answer(word, ["a", "b"])
    command = [
        "curl", "-sN", "-i", f"{app.url}/chat/stream", "-H", "Content-Type: application/json",
        "-d", json.dumps({"prompt": word}),
    ]  # fmt: skip
    out = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout.decode()
    head, body = out.split("\r\n\r\n", 1)
    assert "Chatsse-Stream: /stream/" in head
    data = [line.removeprefix("data: ") for line in body.split("\n") if line.startswith("data:")]
    assert data[-1] == "[DONE]"
    assert "".join(json.loads(line)["token"] for line in data[:-1]) == "ab"
    assert all(line.startswith(("data: ", ":")) or not line for line in body.split("\n"))


def test_a_tutorials_reader_is_told_of_a_failure(app: App, model: StandIn, word: str) -> None:
    model.answer(word, ["said", ErrorEvent("api_error", "the secret reason")])
    reply = call("POST", f"{app.url}/chat/stream", {"prompt": word})
    data = [line[6:] for line in reply.body.decode().split("\n") if line.startswith("data: ")]
    assert json.loads(data[0]) == {"token": "said"}
    assert list(json.loads(data[1])) == ["error"]
    assert data[2] == "[DONE]"
    assert b"secret" not in reply.body


def test_a_tutorials_reader_can_resume_by_the_header(app: App, model: StandIn, word: str) -> None:
    model.answer(word, ["whole"])
    reply = call("POST", f"{app.url}/chat/stream", {"prompt": word})
    assert Reader(app.url + reply.headers["Chatsse-Stream"]).read().text == "whole"


def test_a_page_of_ours_behind_a_proxy_that_changed_the_host_may_ask(
    blogs_app: App, model: StandIn, word: str
) -> None:
    model.answer(word, ["a"])
    headers = {"Origin": "http://outside.example", "Sec-Fetch-Site": "same-origin"}
    assert call("POST", f"{blogs_app.url}/chat", {"prompt": word}, headers).status == 201
    headers["Sec-Fetch-Site"] = "cross-site"
    assert call("POST", f"{blogs_app.url}/chat", {"prompt": word}, headers).status == 403
