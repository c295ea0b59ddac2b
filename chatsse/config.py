"""The settings: `Config.from_env()` is the only reader of the environment."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from chatsse.errors import ConfigError

PROVIDERS = ("anthropic", "demo")
ANSWERERS = 1000
REDIS_SCHEMES = ("redis", "rediss", "unix")
# Named as hosts and the model's service do, without our prefix.
UNPREFIXED = ("REDIS_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL")
PREFIX = "CHATSSE_"
# A publish hook's token; shorter ones can be guessed.
TOKEN_CHARS = 16
_ADDRESSED = re.compile(r"(.+?)=((?:https?://|/).*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one process, checked.

    :param redis_url: where Redis is; None: the embedded Valkey
    :param origins: the blogs that may embed the chat, as `scheme://host[:port]`; the server's own
        origin always may; `*` lets every site in
    :param anthropic_api_key: kept out of `repr`, so that no log shows it
    :param content: what to answer from: addresses and folders
    :param refresh_s: how old the index of it may become; 0: as old as it likes
    :param index_token: what a publish hook must know; None: there is no such hook
    """

    redis_url: str | None
    provider: str
    model: str
    anthropic_api_key: str | None
    anthropic_base_url: str | None
    origins: frozenset[str]
    answerers: int
    max_prompt_chars: int
    max_output_tokens: int
    max_prompts_per_minute: int
    stream_ttl_s: int
    history_ttl_s: int
    lease_s: float
    content: tuple[str, ...]
    refresh_s: int
    index_token: str | None

    def __repr__(self) -> str:
        return f"Config(provider={self.provider!r}, model={self.model!r}, answerers={self.answerers})"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Config":
        """Return the settings that `env` holds, an empty value counting as unset.

        :raises ConfigError: a value can't be used; it names the variable
        """
        api_key = env.get("ANTHROPIC_API_KEY", "").strip() or None
        provider = env.get("CHATSSE_PROVIDER", "").strip() or ("anthropic" if api_key else "demo")
        if provider not in PROVIDERS:
            raise ConfigError("CHATSSE_PROVIDER", f"{provider!r} is none of {', '.join(PROVIDERS)}")
        if provider == "anthropic" and not api_key:
            raise ConfigError("ANTHROPIC_API_KEY", "needed by CHATSSE_PROVIDER=anthropic")
        if api_key and not re.fullmatch(r"[!-~]+", api_key):
            raise ConfigError("ANTHROPIC_API_KEY", "holds characters that no key has")
        return cls(
            redis_url=_url(env, "REDIS_URL", REDIS_SCHEMES),
            provider=provider,
            model=env.get("CHATSSE_MODEL", "").strip() or "claude-haiku-5-5",
            anthropic_api_key=api_key,
            anthropic_base_url=_url(env, "ANTHROPIC_BASE_URL", ("http", "https")),
            origins=_origins(env),
            answerers=int(_number(env, "CHATSSE_ANSWERERS", ANSWERERS, 0)),
            max_prompt_chars=int(_number(env, "CHATSSE_MAX_PROMPT_CHARS", 4000, 1)),
            max_output_tokens=int(_number(env, "CHATSSE_MAX_OUTPUT_TOKENS", 1024, 1)),
            max_prompts_per_minute=int(_number(env, "CHATSSE_MAX_PROMPTS_PER_MINUTE", 20, 0)),
            stream_ttl_s=int(_number(env, "CHATSSE_STREAM_TTL_S", 3600, 1)),
            history_ttl_s=int(_number(env, "CHATSSE_HISTORY_TTL_S", 2592000, 1)),
            lease_s=_number(env, "CHATSSE_LEASE_S", 3, 0.1, whole=False),
            content=_content(env),
            refresh_s=int(_number(env, "CHATSSE_REFRESH_S", 86400, 0)),
            index_token=_token(env),
        )


def misnamed(env: Mapping[str, str]) -> list[str]:
    """Return a line for each variable that looks like a setting of ours and is none."""
    bare = [field.name.upper() for field in fields(Config)]
    known = set(map(_variable, bare))
    return [_misnamed(name, bare) for name in sorted(env) if name.startswith(PREFIX) and name not in known]


def _misnamed(name: str, bare: list[str]) -> str:
    # The prefix is no likeness.
    close = get_close_matches(name.removeprefix(PREFIX), bare, n=1)
    return f"{name} is no setting" + "".join(f"; is {_variable(each)} meant?" for each in close)


def _variable(bare: str) -> str:
    return bare if bare in UNPREFIXED else PREFIX + bare


def _number(env: Mapping[str, str], name: str, default: float, least: float, *, whole: bool = True) -> float:
    value = env.get(name, "").strip()
    if not value:
        return default
    if not re.fullmatch(r"[0-9]{1,9}" if whole else r"[0-9]{1,9}(\.[0-9]+)?", value):
        raise ConfigError(name, f"{value!r} is not a {'whole ' if whole else ''}number")
    if float(value) < least:
        raise ConfigError(name, f"{value} is below {least:g}")
    return float(value)


def _url(env: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str | None:
    value = env.get(name, "").strip()
    if not value:
        return None
    # The value may hold a password, so it is not repeated.
    problem = f"not an address that starts with {' or '.join(s + '://' for s in schemes)}"
    try:
        parts = urlsplit(value)
        place = parts.path.strip("/") if parts.scheme == "unix" else parts.hostname
        parts.port  # noqa: B018 -- read for its check
    except ValueError as error:
        raise ConfigError(name, problem) from error
    if parts.scheme not in schemes or not place:
        raise ConfigError(name, problem)
    return value


def _origins(env: Mapping[str, str]) -> frozenset[str]:
    name = "CHATSSE_ORIGINS"
    origins = frozenset(o.rstrip("/").lower() for o in re.split(r"[\s,]+", env.get(name, "")) if o)
    for origin in origins:
        if origin != "*" and not re.fullmatch(r"https?://[^/?#@\s]+", origin):
            raise ConfigError(name, f"{origin!r} is not of the form https://blog.example")
    return origins


def _content(env: Mapping[str, str]) -> tuple[str, ...]:
    name = "CHATSSE_CONTENT"
    try:
        words = tuple(shlex.split(env.get(name, "")))
    except ValueError as error:
        raise ConfigError(name, f"can't be read as words: {error}") from error
    for word in words:
        if problem := content_problem(word):
            raise ConfigError(name, f"{word}: {problem}")
    return words


def content_problem(word: str) -> str | None:
    """Return why a word can't name content; None: it may. What is behind an address only a reading tells."""
    if re.match(r"https?://[^/?#\s]", word, re.IGNORECASE) or Path(word).exists():
        return None
    path, address = folder_and_address(word)
    folder = path if address else word.partition("=")[0]
    if not Path(folder).exists():
        return "there is no such file or folder here, and a site begins with https://"
    return None if address else f"say where the pages are, e.g. {folder}=https://blog.example"


def folder_and_address(word: str) -> tuple[str, str | None]:
    """Return what a word `FOLDER=ADDRESS` for content names; None: it names no address."""
    match = None if Path(word).exists() else _ADDRESSED.fullmatch(word)
    return (match[1], match[2]) if match else (word, None)


def _token(env: Mapping[str, str]) -> str | None:
    name = "CHATSSE_INDEX_TOKEN"
    token = env.get(name, "").strip() or None
    if token and not re.fullmatch(rf"[!-~]{{{TOKEN_CHARS},}}", token):
        raise ConfigError(name, f"must be {TOKEN_CHARS} visible ASCII characters or more")
    return token
