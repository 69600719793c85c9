"""Where credentials for a store come from: each source is a small server or a file of ours, and radosgw believes them or not."""

import datetime
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from buckets import MIB, data, environment, good, store
from faults import Proxy
from radosgw import KEY, SECRET


def moment(seconds):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


class Server:
    """Answers as told by answer(method, path, headers, body) -> (status, body); requests keeps what came."""

    def __init__(self, answer):
        server = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                server.requests.append((self.command, self.path))
                status, text = answer(self.command, self.path, self.headers, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_PUT = do_POST = _answer

            def log_message(self, *_):
                pass

        self.requests = []
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()


def without_keys(**variables):
    env = environment(**variables)
    return {k: v for k, v in env.items() if k not in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}


def as_json(seconds=3600, secret=SECRET, **more):
    return json.dumps({"AccessKeyId": KEY, "SecretAccessKey": secret, "Expiration": moment(seconds), **more})


def test_the_shared_files(bucket, tmp_path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        f"[default]\naws_access_key_id = wrong\naws_secret_access_key = wrong\n"
        f"[good]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    env = without_keys(HOME=str(tmp_path))
    assert "InvalidAccessKeyId" in store(bucket.url(), "reach", env=env).stderr
    good(bucket.url(), "reach", env={**env, "AWS_PROFILE": "good"})
    good(bucket.url(profile="good"), "reach", env=env)
    # A profile in the URL counts more than keys in the environment, these more than AWS_PROFILE.
    good(bucket.url(profile="good"), "reach", env=environment(HOME=str(tmp_path), AWS_ACCESS_KEY_ID="x"))
    good(bucket.url(), "reach", env=environment(HOME=str(tmp_path), AWS_PROFILE="default"))
    done = store(bucket.url(profile="none"), "reach", env=env)
    assert done.code == 2 and "there is no profile 'none'" in done.stderr


@pytest.fixture
def process(tmp_path):
    """process(script) is an environment whose profile has that script as its credential_process."""
    def make(script):
        program = tmp_path / "give credentials"
        program.write_text("#!/bin/sh\n" + script)
        program.chmod(0o755)
        (tmp_path / "config").write_text(f"[default]\ncredential_process = '{program}' 'an argument'\n")
        return without_keys(AWS_CONFIG_FILE=str(tmp_path / "config"), OF_THE_PROCESS="kept")
    return make


def test_a_process(bucket, process):
    env = process(f"""[ "$1" = 'an argument' ] && [ "$OF_THE_PROCESS" = kept ] || exit 1
echo '{as_json(Version=1)}'\n""")
    good(bucket.url(), "reach", env=env)


@pytest.mark.parametrize("script, words", [
    (f"echo {SECRET} >&2; exit 1", "has failed"),
    (f"echo {SECRET}", "gave no credentials"),
    (f"echo '{{\"AccessKeyId\": \"{SECRET}\"}}'", "gave no credentials"),
    (f"echo '{{\"AccessKeyId\": \"a\", \"SecretAccessKey\": \"{SECRET}\", \"Expiration\": \"soon\"}}'", "gave no credentials"),
])
def test_a_process_that_fails(bucket, process, script, words):
    """Its words may hold anything: store() looks for the secret."""
    done = store(bucket.url(), "reach", env=process(script))
    assert done.code == 2 and words in done.stderr


def test_a_web_identity(bucket, tmp_path):
    token = tmp_path / "token"
    token.write_text("the web token+/=\n")
    forms = []

    def sts(method, _path, _headers, body):
        forms.append(parse_qs(body.decode()))
        if method != "POST" or forms[-1]["WebIdentityToken"] != ["the web token+/="]:
            return 400, "<ErrorResponse><Error><Code>InvalidIdentityToken</Code></Error></ErrorResponse>"
        return 200, ("<AssumeRoleWithWebIdentityResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'>"
                     "<AssumeRoleWithWebIdentityResult><Credentials>"
                     f"<AccessKeyId>{KEY}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>"
                     f"<Expiration>{moment(3600)}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
                     "</AssumeRoleWithWebIdentityResponse>")

    with Server(sts) as server:
        env = without_keys(AWS_WEB_IDENTITY_TOKEN_FILE=str(token), AWS_ROLE_ARN="arn:aws:iam::1:role/a b",
                           AWS_ENDPOINT_URL_STS=server.url)
        good(bucket.url(), "reach", env=env)
        assert forms[0]["RoleArn"] == ["arn:aws:iam::1:role/a b"] and server.requests == [("POST", "/")]
        token.write_text("another")
        done = store(bucket.url(), "reach", env=env)
        assert done.code == 2 and "was not exchanged" in done.stderr and "another" not in done.stderr


def test_a_container(bucket, tmp_path):
    token = tmp_path / "token"
    token.write_text("the container's token\n")

    def endpoint(_method, path, headers, _body):
        allowed = path == "/role" and headers["Authorization"] == "the container's token"
        return (200, as_json()) if allowed else (403, "no")

    with Server(endpoint) as server:
        env = without_keys(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{server.url}/role",
                           http_proxy="http://127.0.0.1:9", no_proxy=f"127.0.0.1:{bucket.rgw.port}")
        good(bucket.url(), "reach", env={**env, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token), "no_proxy": "*"})
        done = store(bucket.url(), "reach", env=env)
        assert done.code == 2 and "status 403" in done.stderr
    done = store(bucket.url(), "reach", env=without_keys(AWS_CONTAINER_CREDENTIALS_FULL_URI="http://example.com/"))
    assert done.code == 2 and "neither https nor" in done.stderr


class Instance:
    """The metadata service of an instance with a role; each set of credentials ends `seconds` after it was given."""

    def __init__(self, seconds):
        self.seconds, self.given = seconds, 0

    def __call__(self, method, path, headers, _body):
        if (method, path) == ("PUT", "/latest/api/token"):
            return (200, "t0ken") if headers["X-aws-ec2-metadata-token-ttl-seconds"] else (400, "")
        if headers["X-aws-ec2-metadata-token"] != "t0ken":
            return 401, ""
        if path == "/latest/meta-data/iam/security-credentials/":
            return 200, "backup role\n"
        if path != "/latest/meta-data/iam/security-credentials/backup%20role":
            return 404, ""
        self.given += 1
        return 200, as_json(self.seconds)


def test_an_instance(bucket):
    instance = Instance(3600)
    with Server(instance) as server:
        env = without_keys(AWS_EC2_METADATA_SERVICE_ENDPOINT=server.url + "/", AWS_EC2_METADATA_DISABLED="false")
        good(bucket.url(), "put", "x", stdin=data(9 * MIB), env=env)
        assert instance.given == 1
        done = store(bucket.url(), "reach", env={**env, "AWS_EC2_METADATA_DISABLED": "true"})
        assert done.code == 2 and "there are no credentials" in done.stderr


def test_credentials_that_end_are_renewed(bucket):
    """Those that have less than five minutes are fetched anew for every request."""
    instance = Instance(200)
    with Server(instance) as server:
        env = without_keys(AWS_EC2_METADATA_SERVICE_ENDPOINT=server.url, AWS_EC2_METADATA_DISABLED="false")
        good(bucket.url(part_size="5MiB"), "put", "x", stdin=data(11 * MIB), env=env)
    assert instance.given >= 5
    assert bucket.get("pre/fix/x") == data(11 * MIB)


def test_credentials_that_the_store_does_not_take_any_more_are_fetched_anew(rgw, bucket):
    instance = Instance(3600)
    expired = b"<Error><Code>ExpiredToken</Code><Message/></Error>"
    answers = [b"HTTP/1.1 400 No\r\nContent-Length: %d\r\n\r\n%s" % (len(expired), expired)]
    with Server(instance) as server, Proxy(rgw.port, lambda _: answers.pop() if answers else None) as proxy:
        env = without_keys(AWS_EC2_METADATA_SERVICE_ENDPOINT=server.url, AWS_EC2_METADATA_DISABLED="false")
        good(bucket.url(endpoint=proxy.url), "reach", env=env)
    assert instance.given == 2


def test_a_session_token(rgw, bucket):
    client = rgw.start_sessions()
    url = bucket.url(endpoint=f"http://127.0.0.1:{client.port}", part_size="5MiB")
    key, secret, token = client.session()
    session = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    good(url, "put", "x", stdin=data(6 * MIB), env=environment(**session, AWS_SESSION_TOKEN=token))
    assert bucket.get("pre/fix/x") == data(6 * MIB)
    for wrong in ("", token[:-8] + "AAAAAAA="):
        done = store(url, "reach", env=environment(**session, AWS_SESSION_TOKEN=wrong))
        assert done.code != 0 and token[:40] not in done.stderr and secret not in done.stderr
