"""No secret of a command line leaves in a report, and what is no secret stays readable."""

from __future__ import annotations

import shlex
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdiag.core.redact import HIDDEN, redact_command, redact_source, redact_text

SECRET = "hunter2-Tr0ub4dor"  # noqa: S105


@pytest.mark.parametrize(
    "command",
    [
        f"app --password {SECRET}",
        f"app --password={SECRET}",
        f"app --db-password={SECRET} --port 8000",
        f"app -password {SECRET}",
        f"app --token {SECRET}",
        f"app --auth-token={SECRET}",
        f"app --api-key {SECRET}",
        f"app --apikey={SECRET}",
        f"app --secret {SECRET}",
        f"app --client-secret={SECRET}",
        f"app --key={SECRET}",
        f"app key={SECRET}",
        f"app passphrase={SECRET}",
        f"env DB_PASSWORD={SECRET} python app.py",
        f"env AWS_SECRET_ACCESS_KEY={SECRET} python app.py",
        f"app --PASSWORD {SECRET}",
        f"app --dbPassword={SECRET}",
        f"app --set auth.token={SECRET}",
        f"app --dsn 'host=db user=app password={SECRET} dbname=shop'",
        f"app --url postgres://app:{SECRET}@db:5432/shop",
        f"app postgres://app:{SECRET}@db:5432/shop?sslmode=require",
        f"app --broker=amqp://guest:{SECRET}@mq//",
        f"app https://{SECRET}@github.com/org/repo.git",
        f"app redis://:{SECRET}@cache:6379/0",
        f"app 'https://bucket.example/x?signature={SECRET}&part=1'",
        f"app 'https://api.example/v1?access_token={SECRET}'",
        f"curl -H 'Authorization: Bearer {SECRET}' http://localhost",
        f"curl -H 'Authorization: Basic {SECRET}' http://localhost",
        f"curl -H 'X-Api-Key: {SECRET}' http://localhost",
        f"curl --cookie sessionid={SECRET} http://localhost",
        f"""app --config '{{"password": "{SECRET}", "port": 5}}'""",
        f"""app --config "{{'api_key': '{SECRET}'}}" """,
        f"""python -c 'connect(password="{SECRET}")'""",
        f"""python -c 'PASSWORD = "{SECRET} with spaces"'""",
        f"app 'password: {SECRET}'",
    ],
)
def test_hides_the_secret(command: str) -> None:
    redacted = redact_command(shlex.split(command))
    assert SECRET not in " ".join(redacted)
    assert HIDDEN in " ".join(redacted)


@pytest.mark.parametrize(
    "token",
    [
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "glpat-xyz123ABCdef456",
        "xoxb-123456789012-abcdefABCDEF",
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "d41d8cd98f00b204e9800998ecf8427ed41d8cd9",
        "b7Kd9sLq2Vx8Zp4Rt6Nw",
        "123e4567-e89b-12d3-a456-426614174000",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_hides_a_secret_that_nothing_announces(token: str) -> None:
    assert token not in " ".join(redact_command(["app", token, f"--option={token}", f"x={token},y"]))
    assert token not in redact_text(f"before {token} after")


@pytest.mark.parametrize(
    "command",
    [
        "python -m app --port 8000 --workers 4",
        "python -u /srv/shop/current/bin/serve.py",
        "/usr/bin/python3 -m gunicorn shop.wsgi:application --bind 0.0.0.0:8000 --threads 8 --timeout 30",
        "/home/deploy/.local/share/virtualenvs/shop-abcdefgh/bin/python manage.py runserver 0.0.0.0:8000",
        "gunicorn --keyfile /etc/ssl/private/shop.pem --certfile=/etc/ssl/shop.pem shop:app",
        "uvicorn shop.api:create_application_with_all_routers --factory --host 127.0.0.1 --log-level info",
        "celery -A shop.tasks.notifications worker --concurrency=8 --without-gossip -Q high,low",
        "python worker.py --token-file /run/secrets/token --password-file=/run/secrets/db",
        "python worker.py --no-auth --auth-backend shop.auth.Backend --session-timeout 30",
        "python worker.py --use-token --author someone --keyboard=us --monkey=yes --compass north",
        "python report.py --since 2026-03-01T02:59:12+00:00 --until 2026-03-02",
        "python report.py --url https://shop.example/api/v1/orders?page=2&size=50",
        "python -c 'import time; time.sleep(60)'",
        "python -X importtime -W error::DeprecationWarning -m pytest tests/unit/core/report/test_text.py",
        "java -Djava.util.logging.config.file=/etc/app/logging.properties Main",
        "python train.py --learning-rate 0.0001 --checkpoint-directory /data/checkpoints/experiment-2026-03",
        "python worker.py --pod shop-7d9f8b6c5d-x2x4z --node ip-10-0-12-34.eu-west-1.compute.internal",
        "python worker.py --handler OrdersNotificationHandlerFactory --build 20260301025912",
        "/usr/lib/python3.11/site-packages/uvicorn/protocols/http/httptools_impl.py",
    ],
)
def test_leaves_alone_what_is_no_secret(command: str) -> None:
    arguments = tuple(shlex.split(command))
    assert redact_command(arguments) == arguments


def test_keeps_the_rest_of_the_argument() -> None:
    assert redact_command(["--url=postgres://app:x@db/shop"]) == ("--url=postgres://***@db/shop",)
    assert redact_text("host=db password=x dbname=shop") == "host=db password=*** dbname=shop"
    assert redact_text('{"token": "x", "port": 5}') == '{"token": "***", "port": 5}'
    assert redact_text("GET /a?token=x&page=2") == "GET /a?token=***&page=2"


def test_an_option_without_its_value_hides_no_other_option() -> None:
    assert redact_command(["app", "--token", "--port", "8000"]) == ("app", "--token", "--port", "8000")
    assert redact_command(["app", "--password", "-weird-"]) == ("app", "--password", HIDDEN)
    assert redact_command(["app", "--password"]) == ("app", "--password")
    assert redact_command([]) == ()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('connect(host, password="hunter2", port=5)', 'connect(host, password="***", port=5)'),
        ("API_KEY = 'hunter2'", "API_KEY = '***'"),
        ('{"token": "hunter2"}', '{"token": "***"}'),
        ('get("https://app:hunter2@host/x")', 'get("https://***@host/x")'),
        ('login("ghp_16C7e42F292c6912E7710c838347Ae178B4a")', 'login("***")'),
        ("token = get_token(user)", "token = get_token(user)"),
        ("if key == other.key:", "if key == other.key:"),
        ("with self.session_lock:", "with self.session_lock:"),
        ("for key, value in self.tokens.items():", "for key, value in self.tokens.items():"),
        ("sorted(rows, key=lambda row: row.pin)", "sorted(rows, key=lambda row: row.pin)"),
    ],
)
def test_a_line_of_source_loses_its_secrets_and_nothing_else(line: str, shown: str) -> None:
    assert redact_source(line) == shown


_NAMES = st.sampled_from(["password", "passwd", "token", "secret", "api-key", "api_key", "access-key", "auth-token"])
_SECRETS = st.text(string.ascii_letters + string.digits + "!$%^+_.", min_size=6, max_size=40).filter(
    lambda text: not text.startswith("-") and text not in "password passwd token secret api-key access-key auth-token"
)


@given(_NAMES, _SECRETS, st.sampled_from(["--", "-", "--db-", "--my."]))
def test_no_named_secret_survives(name: str, secret: str, prefix: str) -> None:
    option = f"{prefix}{name}"
    assert redact_command([option, secret])[1] == HIDDEN
    assert redact_command([f"{option}={secret}"])[0] == f"{option}={HIDDEN}"
    assert redact_command([f"{name}={secret}"])[0] == f"{name}={HIDDEN}"


@given(st.text(string.ascii_letters + string.digits + "!$%^+_.:", min_size=1), st.sampled_from(["", "app", "a.b"]))
def test_no_password_of_a_url_survives(password: str, user: str) -> None:
    assert redact_text(f"amqps://{user}:{password}@host/vhost") == f"amqps://{HIDDEN}@host/vhost"


@given(st.lists(st.text()))
def test_any_command_line_is_redacted_once_and_for_all(command: list[str]) -> None:
    once = redact_command(command)
    assert len(once) == len(command)
    assert redact_command(once) == once
