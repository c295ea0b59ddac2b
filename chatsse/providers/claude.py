"""Claude, through the `anthropic` SDK, which must be imported nowhere else.

The SDK builds, signs, sends and retries the request and raises its typed errors. The answer is then
read straight from our `transport`, since the SDK's models of the events cost more CPU than the network.

A fault before the response is retried by the SDK; one after it never is, as words may have been said.
"""

import re
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager

import anthropic
import gevent
import httpx2
from anthropic.types import MessageParam, SearchResultBlockParam, TextBlockParam

from chatsse.errors import ConfigError, ModelError
from chatsse.providers import Part, Request, Source
from chatsse.providers.claude_message import EVENTS, Message, failure
from chatsse.providers.sse import Decoder
from chatsse.providers.transport import Body, Transport

CONNECT_TIMEOUT_S = 10
# A visitor waits; the SDK alone would wait out whatever `retry-after` says, up to seven weeks.
MAX_RETRY_AFTER_S = 10
# How much of an interrupted answer the request to go on with it quotes.
QUOTED_CHARS = 200


class Claude:
    """Anthropic's Messages API.

    :param base_url: where the API is; None: Anthropic's own
    :param stall_s: silence after which an answer counts as stalled; pings are silence too
    """

    def __init__(self, api_key: str, base_url: str | None, model: str, *, stall_s: float = 30) -> None:
        if not re.fullmatch(r"[!-~]+", api_key):
            raise ConfigError("ANTHROPIC_API_KEY", "holds characters that no key has")
        # Its beginning too, where a detail was cut short.
        self._secret = re.compile(re.escape(api_key) + r"|sk-ant-[\w-]*")
        self._model = model
        self._stall_s = stall_s
        self._client = anthropic.Anthropic(
            api_key=api_key,
            base_url=base_url,
            timeout=httpx2.Timeout(stall_s, connect=CONNECT_TIMEOUT_S),
            # Compressing a few bytes at a time holds them back and saves nothing.
            default_headers={"Accept-Encoding": "identity"},
            http_client=anthropic.DefaultHttpxClient(
                transport=_Impatient(), event_hooks={"response": [_limit_retry_after]}
            ),
        )

    def answer(self, request: Request) -> Generator[Part, None, None]:
        """Yield the parts of an answer as they come, ending with one `Stop`.

        Closing the generator closes Anthropic's stream at once.

        :raises ModelError: the API failed, before or in the middle of the answer
        """
        with self._faults():
            body = _apart(lambda: self._open(request))
            decoder, message, progress = Decoder(), Message(), _Progress(body, self._stall_s)
            is_whole = False
            try:
                while chunk := body.next_chunk():
                    moved = False
                    for name, data in decoder.feed(chunk):
                        if name not in EVENTS:
                            continue
                        moved = True
                        parts = message.parts(name, data)
                        is_whole = name == "message_stop"
                        yield from parts
                        if is_whole:
                            return
                    # Only now, so that the time a slow reader took is not held against the API.
                    progress.made() if moved else progress.missed()
                raise ModelError("model_interrupted", "the stream ended without message_stop")
            finally:
                (body.finish if is_whole else body.close)()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Have what goes wrong after the response's head end as a `ModelError`, and none show the key."""
        try:
            yield
        except (ModelError, httpx2.TransportError, ValueError) as error:
            fault = self._named(error)
            self._mask(fault)
            raise fault  # noqa: B904 -- its cause is set, unless that holds the key

    def _named(self, error: ModelError | httpx2.TransportError | ValueError) -> ModelError:
        if isinstance(error, ModelError):
            return error
        if isinstance(error, httpx2.ReadTimeout):
            fault = _stalled(self._stall_s)
        elif isinstance(error, httpx2.TransportError):
            fault = ModelError("model_interrupted", str(error))
        else:
            fault = ModelError("model_garbled", str(error))
        fault.__cause__ = error
        return fault

    def _mask(self, error: ModelError) -> None:
        """Take the key out of an error: a proxy in between may repeat the headers that it got."""
        if self._secret.search(f"{error.detail} {error.__cause__}"):
            error.detail = self._secret.sub("[key]", error.detail)
            error.__cause__ = None

    def _open(self, request: Request) -> Body:
        """Return the body of the API's answer, an event stream of which nothing was read."""
        try:
            response = self._client.messages.with_raw_response.create(
                model=self._model,
                max_tokens=request.max_output_tokens,
                system=_system(request),
                messages=_messages(request),
                stream=True,
            ).http_response
        except _Stalled as error:
            raise ModelError("model_stalled", f"no response in {self._stall_s:g} s") from error
        except anthropic.APIStatusError as error:
            raise failure(error.type, error.status_code, _words(error)) from error
        except anthropic.APIConnectionError as error:
            raise ModelError(
                "model_unavailable", f"{type(error.__cause__).__name__}: {error.__cause__}"
            ) from error
        except httpx2.HTTPError as error:
            raise ModelError("model_unavailable", f"in the body of an error: {error!r}") from error
        return _event_stream(response)


def _apart(call: Callable[[], Body]) -> Body:
    """Return what `call` returns, from a greenlet of its own.

    A greenlet keeps the stack that its deepest call has touched, and the SDK goes deep: answers that stream
    for a minute would each hold that all the while.
    """
    caller = gevent.spawn(_caught, call)
    try:
        outcome: Body | Exception = caller.get()
    finally:
        caller.kill()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _caught(call: Callable[[], Body]) -> Body | Exception:
    # Returned, since gevent prints what ends a greenlet, keys and all.
    try:
        return call()
    except Exception as error:  # noqa: BLE001 -- raised again by who waits
        return error


class _Progress:
    """Times the progress of one answer by the timeout of its socket, without a timer of its own.

    Pings feed the socket, so each of them shortens the timeout to what is left.
    """

    __slots__ = ("_body", "_deadline", "_hurried", "_stall_s")

    def __init__(self, body: Body, stall_s: float) -> None:
        self._body = body
        self._stall_s = stall_s
        self._hurried = False
        self._deadline = time.monotonic() + stall_s

    def made(self) -> None:
        """Start the time anew."""
        self._deadline = time.monotonic() + self._stall_s
        if self._hurried:
            self._body.set_timeout(self._stall_s)
            self._hurried = False

    def missed(self) -> None:
        """Leave the socket what is left of the time.

        :raises ModelError: nothing is left
        """
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise _stalled(self._stall_s)
        self._body.set_timeout(left_s)
        self._hurried = True


def _stalled(stall_s: float) -> ModelError:
    return ModelError("model_stalled", f"no progress in {stall_s:g} s")


class _Stalled(anthropic.AnthropicError):
    """No response in time.

    One of the SDK's own errors, as it retries any other, and a visitor would wait as long again each time.
    """


class _Impatient(Transport):
    """The transport of requests that have people waiting."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            return super().handle_request(request)
        except httpx2.ReadTimeout as error:
            raise _Stalled(str(error)) from error


def _limit_retry_after(response: httpx2.Response) -> None:
    """Have the SDK raise at once what it would retry too late for a visitor."""
    headers = response.headers
    try:
        wait_s = float(headers.get("retry-after-ms", 0)) / 1000 or float(headers.get("retry-after", 0))
    except ValueError:
        wait_s = float("inf")  # A date; the API sends seconds.
    if not wait_s <= MAX_RETRY_AFTER_S:
        headers["x-should-retry"] = "false"


def _words(error: anthropic.APIStatusError) -> str:
    return f"{error.api_message or error.message} ({error.request_id})"


def _event_stream(response: httpx2.Response) -> Body:
    body: Body = response.extensions["body"]
    kind = response.headers.get("content-type", "")
    if not kind.startswith("text/event-stream"):
        body.close()
        raise ModelError("model_garbled", f"{response.status_code} with content type {kind!r}")
    return body


def _system(request: Request) -> list[TextBlockParam] | anthropic.Omit:
    if not request.system:
        return anthropic.omit
    return [{"type": "text", "text": request.system, "cache_control": {"type": "ephemeral"}}]


def _messages(request: Request) -> list[MessageParam]:
    """Return the conversation; a turn without an answer is left out, as the API refuses an empty one."""
    messages: list[MessageParam] = []
    for turn in request.turns:
        if turn.answer.strip():
            messages.append({"role": "user", "content": turn.prompt})
            messages.append({"role": "assistant", "content": turn.answer})
    messages.append({"role": "user", "content": _content(request)})
    if request.said.strip():
        messages.append({"role": "assistant", "content": request.said})
        messages.append({"role": "user", "content": _go_on(request.said)})
    return messages


def _content(request: Request) -> str | list[SearchResultBlockParam | TextBlockParam]:
    """Return the question, after what was found for it; a paragraph is the least that is cited."""
    if not request.sources:
        return request.prompt
    return [*map(_search_result, request.sources), {"type": "text", "text": request.prompt}]


def _search_result(source: Source) -> SearchResultBlockParam:
    return {
        "type": "search_result",
        "source": source.url,
        "title": source.title,
        "content": [{"type": "text", "text": paragraph} for paragraph in source.paragraphs],
        "citations": {"enabled": True},
    }


def _go_on(said: str) -> str:
    # As the documentation on streaming says, "Error recovery": the models refuse a prefilled answer.
    return (
        f"Your previous response was interrupted and ended with [{said[-QUOTED_CHARS:].strip()}]. Continue"
        " from where you left off. Begin with the very next word, and say nothing about the interruption."
    )
