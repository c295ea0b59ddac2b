import pytest

from chatsse import host
from chatsse.config import Config, content_problem, folder_and_address, misnamed
from chatsse.errors import ConfigError

DEFAULTS = {
    "redis_url": None,
    "provider": "demo",
    "model": "claude-haiku-5-5",
    "anthropic_api_key": None,
    "anthropic_base_url": None,
    "origins": frozenset(),
    "answerers": 1000,
    "max_prompt_chars": 4000,
    "max_output_tokens": 1024,
    "max_prompts_per_minute": 20,
    "stream_ttl_s": 3600,
    "history_ttl_s": 2592000,
    "lease_s": 3.0,
    "content": (),
    "refresh_s": 86400,
    "index_token": None,
}

GOOD = [
    ("REDIS_URL", "redis://:pass@localhost:6379/2", "redis_url", "redis://:pass@localhost:6379/2"),
    ("REDIS_URL", "rediss://host", "redis_url", "rediss://host"),
    ("REDIS_URL", "unix:///run/redis.sock", "redis_url", "unix:///run/redis.sock"),
    ("ANTHROPIC_API_KEY", " sk-1 ", "anthropic_api_key", "sk-1"),
    ("ANTHROPIC_API_KEY", "sk-1", "provider", "anthropic"),
    ("ANTHROPIC_BASE_URL", "http://127.0.0.1:8100", "anthropic_base_url", "http://127.0.0.1:8100"),
    ("CHATSSE_PROVIDER", "demo", "provider", "demo"),
    ("CHATSSE_MODEL", "claude-opus-5-5", "model", "claude-opus-5-5"),
    ("CHATSSE_ORIGINS", "*", "origins", frozenset({"*"})),
    (
        "CHATSSE_ORIGINS",
        "https://Blog.example/, http://localhost:4000",
        "origins",
        frozenset({"https://blog.example", "http://localhost:4000"}),
    ),
    ("CHATSSE_ANSWERERS", "0", "answerers", 0),
    ("CHATSSE_MAX_PROMPT_CHARS", "1", "max_prompt_chars", 1),
    ("CHATSSE_MAX_OUTPUT_TOKENS", "8192", "max_output_tokens", 8192),
    ("CHATSSE_MAX_PROMPTS_PER_MINUTE", "0", "max_prompts_per_minute", 0),
    ("CHATSSE_STREAM_TTL_S", "60", "stream_ttl_s", 60),
    ("CHATSSE_HISTORY_TTL_S", "86400", "history_ttl_s", 86400),
    ("CHATSSE_LEASE_S", "0.5", "lease_s", 0.5),
    ("CHATSSE_CONTENT", "https://blog.example", "content", ("https://blog.example",)),
    (
        "CHATSSE_CONTENT",
        ' HTTP://a.example  "templates/posts=/my posts"\n',
        "content",
        ("HTTP://a.example", "templates/posts=/my posts"),
    ),
    ("CHATSSE_CONTENT", "templates", "content", ("templates",)),
    ("CHATSSE_REFRESH_S", "0", "refresh_s", 0),
    ("CHATSSE_INDEX_TOKEN", " 0123456789abcdef ", "index_token", "0123456789abcdef"),
]

NUMBERS = [
    "CHATSSE_ANSWERERS",
    "CHATSSE_MAX_PROMPT_CHARS",
    "CHATSSE_MAX_OUTPUT_TOKENS",
    "CHATSSE_MAX_PROMPTS_PER_MINUTE",
    "CHATSSE_STREAM_TTL_S",
    "CHATSSE_HISTORY_TTL_S",
    "CHATSSE_LEASE_S",
    "CHATSSE_REFRESH_S",
]

BAD = [
    ("REDIS_URL", "localhost:6379"),
    ("REDIS_URL", "http://localhost"),
    ("REDIS_URL", "redis://"),
    ("ANTHROPIC_BASE_URL", "ftp://model.example"),
    ("CHATSSE_PROVIDER", "oracle"),
    ("CHATSSE_ORIGINS", "blog.example"),
    ("CHATSSE_ORIGINS", "https://blog.example/path"),
    *((name, value) for name in NUMBERS for value in ("many", "-1", "1e3", "9" * 12)),
    ("CHATSSE_MAX_PROMPT_CHARS", "0"),
    ("CHATSSE_STREAM_TTL_S", "1.5"),
    ("CHATSSE_LEASE_S", "0"),
    ("CHATSSE_CONTENT", '"posts'),
    ("CHATSSE_CONTENT", "blog.example"),
    ("CHATSSE_CONTENT", "ftp://blog.example"),
    ("CHATSSE_CONTENT", "https://blog.example nowhere"),
    ("CHATSSE_CONTENT", "nowhere=https://blog.example"),
    ("CHATSSE_CONTENT", "templates=blog.example"),
    ("CHATSSE_CONTENT", "https://"),
    ("CHATSSE_INDEX_TOKEN", "0123456789abcde"),
    ("CHATSSE_INDEX_TOKEN", "0123456789 abcdef"),
]


def test_an_empty_environment_gives_the_defaults():
    config = Config.from_env({})
    assert {name: getattr(config, name) for name in DEFAULTS} == DEFAULTS
    assert set(Config.__slots__) == set(DEFAULTS)


@pytest.mark.parametrize(("name", "value", "field", "expected"), GOOD)
def test_a_variable_sets_its_field(name, value, field, expected):
    assert getattr(Config.from_env({name: value}), field) == expected


@pytest.mark.parametrize("name", sorted({name for name, *_ in GOOD}))
def test_an_empty_value_counts_as_unset(name):
    assert Config.from_env({name: " "}) == Config.from_env({})


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_refused_by_the_variables_name(name, value):
    with pytest.raises(ConfigError) as refusal:
        Config.from_env({name: value})
    assert refusal.value.variable == name
    assert str(refusal.value).startswith(f"{name}: ")


def test_claude_without_a_key_asks_for_the_key():
    with pytest.raises(ConfigError) as refusal:
        Config.from_env({"CHATSSE_PROVIDER": "anthropic"})
    assert refusal.value.variable == "ANTHROPIC_API_KEY"


@pytest.mark.parametrize("value", ["http://:hunter2@host:6379", "hunter2@host", "redis://:hunter2@"])
def test_a_refusal_does_not_repeat_the_password(value):
    with pytest.raises(ConfigError) as refusal:
        Config.from_env({"REDIS_URL": value})
    assert "hunter2" not in str(refusal.value)


def test_what_is_printed_of_the_settings_holds_no_secret():
    config = Config.from_env({"REDIS_URL": "redis://:hunter2@host", "ANTHROPIC_API_KEY": "sk-secret"})
    assert "hunter2" not in f"{config} {config!r}"
    assert "sk-secret" not in f"{config} {config!r}"


def test_a_folder_may_have_an_equals_sign_in_its_name(tmp_path):
    (tmp_path / "a=b").mkdir()
    assert content_problem(f"{tmp_path}/a=b=https://blog.example") is None
    assert folder_and_address(f"{tmp_path}/a=b=/posts") == (f"{tmp_path}/a=b", "/posts")
    assert folder_and_address(f"{tmp_path}/a=b") == (f"{tmp_path}/a=b", None)


def test_every_setting_is_known_by_its_name():
    assert misnamed({name: "" for name, *_ in GOOD} | {"PATH": "/bin", "REDIS": ""}) == []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("CHATSSE_ORIGIN", "CHATSSE_ORIGIN is no setting; is CHATSSE_ORIGINS meant?"),
        ("CHATSSE_REFRESH", "CHATSSE_REFRESH is no setting; is CHATSSE_REFRESH_S meant?"),
        ("CHATSSE_REDIS_URL", "CHATSSE_REDIS_URL is no setting; is REDIS_URL meant?"),
        ("CHATSSE_ANTHROPIC_API_KEY", "CHATSSE_ANTHROPIC_API_KEY is no setting; is ANTHROPIC_API_KEY meant?"),
        ("CHATSSE_", "CHATSSE_ is no setting"),
        ("CHATSSE_FLUX_COMPENSATOR", "CHATSSE_FLUX_COMPENSATOR is no setting"),
    ],
)
def test_a_variable_that_is_no_setting_is_told_with_the_one_that_is_meant(name, line):
    assert misnamed({name: "1"}) == [line]


def test_without_a_port_only_this_machine_is_served():
    assert host.bind({}) == "127.0.0.1:8000"


def test_a_hosts_port_is_served_on_all_sides():
    assert host.bind({"PORT": "5000"}) == "0.0.0.0:5000"


@pytest.mark.parametrize(("value", "count"), [("", 1), ("4", 4), ("02", 2)])
def test_web_concurrency_is_the_number_of_processes(value, count):
    assert host.workers({"WEB_CONCURRENCY": value}) == count


@pytest.mark.parametrize("value", ["x", "0", "-1", "65536", "1.5", "²", "9" * 12])
def test_a_port_that_is_none_is_refused_by_name(value):
    with pytest.raises(ConfigError, match=r"^PORT: "):
        host.bind({"PORT": value})


@pytest.mark.parametrize("value", ["x", "0", "-1", "1.5"])
def test_a_bad_number_of_processes_is_refused_by_name(value):
    with pytest.raises(ConfigError, match=r"^WEB_CONCURRENCY: "):
        host.workers({"WEB_CONCURRENCY": value})
