from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from traceback import format_exception

import pytest

from fakes.actions_cache import ActionsCacheService, CacheFault
from storage.stores import archive_of
from testsmith.settings import CacheAccess, Secret
from testsmith.storage.archive import PREFIX, Archive, ArchiveFailure, Denied, TimeLimit
from testsmith.storage.github_cache import ActionsCache

PULL, MAIN = "refs/pull/7/merge", "refs/heads/main"
FIND, CREATE, FINALIZE = "GetCacheEntryDownloadURL", "CreateCacheEntry", "FinalizeCacheEntryUpload"


class Client:
    """A place on the fake service, on a clock that only its own waits move."""

    def __init__(self, service: ActionsCacheService, token: str, *, mode: str = "", url: str = "") -> None:
        self.slept: list[float] = []
        self.now = 0.0
        access = CacheAccess(url=url or service.url, token=Secret(token), mode=mode)
        self.place = ActionsCache(access, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def limit(self, seconds: float = 60.0) -> TimeLimit:
        return TimeLimit(lambda: self.now, seconds)

    def newest(self) -> Archive | None:
        return self.place.newest(self.limit())

    def leave(self, archive: Archive) -> None:
        self.place.leave(archive, self.limit())

    def trouble(self, work: Callable[[], object]) -> str:
        with pytest.raises(ArchiveFailure) as caught:
            work()
        assert caught.value.__cause__ is None
        return str(caught.value)


@pytest.fixture(name="service")
def _service() -> Iterator[ActionsCacheService]:
    """A service of its own: a request that a client gave up on may still arrive during the next test."""
    with ActionsCacheService() as service:
        yield service
        assert service.violations == []


@pytest.fixture(name="client")
def _client(service: ActionsCacheService) -> Client:
    return Client(service, service.token(PULL, MAIN))


def test_leave__is_found_by_the_next_run(client: Client, service: ActionsCacheService) -> None:
    assert client.newest() is None

    client.leave(archive_of("a"))

    assert client.newest() == archive_of("a")
    assert service.heard == [FIND, CREATE, "PUT", FINALIZE, FIND, "GET"]
    assert client.slept == []


def test_newest__the_last_of_the_own_scope_before_all_others(
    client: Client, service: ActionsCacheService
) -> None:
    first, second, third = (archive_of(name) for name in "abc")
    main = Client(service, service.token(MAIN))
    client.leave(first)
    main.leave(second)

    assert client.newest() == first

    client.leave(third)
    assert client.newest() == third
    assert main.newest() == second


def test_newest__what_another_pull_request_has_left_is_not_seen(
    client: Client, service: ActionsCacheService
) -> None:
    other = Client(service, service.token("refs/pull/8/merge", MAIN))
    other.leave(archive_of("a"))

    assert client.newest() is None


def test_newest__what_the_default_branch_has_left_is_seen(
    client: Client, service: ActionsCacheService
) -> None:
    Client(service, service.token(MAIN)).leave(archive_of("a"))

    assert client.newest() == archive_of("a")


@pytest.mark.parametrize(
    "name", [f"{PREFIX}1-1", f"{PREFIX}1-1-01234567-more", "others-1-1-01234567", 7, None]
)
def test_newest__another_name_is_refused(client: Client, service: ActionsCacheService, name: object) -> None:
    answer = {"ok": True, "signed_download_url": f"{service.url}blob/1?sig=x", "matched_key": name}
    service.faults = [CacheFault(at=FIND, body=json.dumps(answer).encode())]

    assert "an unknown entry" in client.trouble(client.newest)
    assert "GET" not in service.heard


def test_leave__what_is_there_already_is_a_success(client: Client, service: ActionsCacheService) -> None:
    client.leave(archive_of("a"))
    client.leave(archive_of("a"))

    assert service.heard == [CREATE, "PUT", FINALIZE, CREATE]
    assert len(service.keys(PULL)) == 1


@pytest.mark.parametrize("at", [CREATE, FINALIZE, FIND])
def test_call__too_many_requests_waits_as_long_as_is_asked(
    client: Client, service: ActionsCacheService, at: str
) -> None:
    service.faults = [CacheFault(at=at, status=429, headers={"Retry-After": "7"})]

    client.leave(archive_of("a"))

    assert client.newest() == archive_of("a")
    assert client.slept == [7.0]


def test_call__a_wait_that_is_too_long_is_not_begun(client: Client, service: ActionsCacheService) -> None:
    service.faults = [CacheFault(at=CREATE, status=429, headers={"Retry-After": "61"})]

    assert "rate limit" in client.trouble(lambda: client.leave(archive_of("a")))
    assert (client.slept, service.heard) == ([], [CREATE])


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "soon"}, {"Retry-After": "-1"}])
def test_call__too_many_requests_without_a_time(
    client: Client, service: ActionsCacheService, headers: dict[str, str]
) -> None:
    service.faults = [CacheFault(at=CREATE, status=429, headers=headers)]

    client.leave(archive_of("a"))

    assert client.slept == [0.5]


@pytest.mark.parametrize("at", [CREATE, "PUT", FINALIZE, FIND, "GET"])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""),
        (502, b"<html>Bad Gateway</html>"),
        (503, b'{"code": "unavailable"}'),
        (408, b""),
        (None, None),
    ],
)
def test_request__what_can_pass_is_tried_again(
    client: Client, service: ActionsCacheService, at: str, status: int | None, body: bytes | None
) -> None:
    service.faults = [CacheFault(at=at, status=status, body=body)]

    client.leave(archive_of("a"))

    assert client.newest() == archive_of("a")
    assert client.slept == [0.5]
    assert service.heard.count(at) == 2


@pytest.mark.parametrize("body", [b"", b"<html>Sign in</html>", b"[]", b"[" * 50_000], ids=len)
def test_call__no_json_is_tried_again(client: Client, service: ActionsCacheService, body: bytes) -> None:
    service.faults = [CacheFault(at=FIND, body=body)]

    assert client.newest() is None
    assert service.heard == [FIND, FIND]


def test_request__ends_after_three_attempts(client: Client, service: ActionsCacheService) -> None:
    service.faults = [CacheFault(at=FIND, status=503)] * 5

    assert client.trouble(client.newest) == "the cache service failed (503)"
    assert (client.slept, len(service.heard)) == ([0.5, 1.5], 3)


def test_request__no_attempt_goes_beyond_the_limit(client: Client, service: ActionsCacheService) -> None:
    service.faults = [CacheFault(at=FIND, status=503)] * 5

    assert "(503)" in client.trouble(lambda: client.place.newest(client.limit(1.0)))
    assert client.slept == [0.5]
    assert "no time was left" in client.trouble(lambda: client.place.newest(client.limit(0.0)))
    assert len(service.heard) == 2


def test_request__nobody_answers(service: ActionsCacheService) -> None:
    client = Client(service, "token", url="http://127.0.0.1:1/")

    assert client.trouble(client.newest) == "the cache service cannot be reached"


def test_request__an_answer_that_takes_too_long(service: ActionsCacheService) -> None:
    client = Client(service, service.token(PULL))
    service.hold.clear()
    started = time.monotonic()
    try:
        told = client.trouble(lambda: client.place.newest(client.limit(0.2)))
    finally:
        service.hold.set()

    assert told == "the cache service did not answer in time"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("status", [404, 405, 501])
def test_call__no_such_service_is_told_with_the_other_way(
    client: Client, service: ActionsCacheService, status: int
) -> None:
    service.faults = [CacheFault(at=CREATE, status=status, body=b"<html>Not Found</html>")]

    with pytest.raises(Denied, match="`TESTSMITH_CACHE_DIR`"):
        client.leave(archive_of("a"))


@pytest.mark.parametrize("at", [FINALIZE, "PUT"])
def test_leave__what_is_not_found_is_no_missing_service(
    client: Client, service: ActionsCacheService, at: str
) -> None:
    service.faults = [CacheFault(at=at, status=404, body=b'{"code": "not_found", "msg": "no such entry"}')]

    assert client.trouble(lambda: client.leave(archive_of("a"))).startswith("the cache service answered 404")


def test_leave__denied_as_to_a_run_that_anybody_may_start(service: ActionsCacheService) -> None:
    client = Client(service, service.token(MAIN, may_write=False))

    with pytest.raises(Denied, match="cache write denied: the token has no write access"):
        client.leave(archive_of("a"))
    assert (service.heard, service.keys()) == ([CREATE], [])


def test_newest__denied(service: ActionsCacheService) -> None:
    client = Client(service, service.token(MAIN, may_read=False))

    with pytest.raises(Denied, match="cache read denied"):
        client.newest()
    assert service.heard == [FIND]


@pytest.mark.parametrize(
    ("mode", "readable", "writable"),
    [
        ("", True, True),
        ("unheard-of", True, True),
        ("read", True, False),
        ("write", True, True),
        ("write-only", False, True),
        ("none", False, False),
    ],
)
def test_mode__says_what_the_workflow_allows(
    service: ActionsCacheService, mode: str, *, readable: bool, writable: bool
) -> None:
    place = Client(service, "token", mode=mode).place

    assert (not place.unreadable, not place.unwritable) == (readable, writable)
    for reason in filter(None, (place.unreadable, place.unwritable)):
        assert reason == f"the workflow sets `cache-mode: {mode}`"


def test_token__refused(service: ActionsCacheService) -> None:
    client = Client(service, "eyJ.of-yesterday")

    assert client.trouble(client.newest) == "the cache service refused the job's token (401): invalid token"
    assert service.heard == [FIND]


def test_newest__an_expired_address_is_asked_for_once_more(
    client: Client, service: ActionsCacheService
) -> None:
    client.leave(archive_of("a"))
    service.heard.clear()
    service.faults = [CacheFault(at="GET", status=403, body=b"<Error>AuthenticationFailed</Error>")]

    assert client.newest() == archive_of("a")
    assert service.heard == [FIND, "GET", FIND, "GET"]

    service.expired = True
    assert client.trouble(client.newest) == "the signed address was refused (403)"


def test_leave__an_expired_address_is_told(client: Client, service: ActionsCacheService) -> None:
    service.expired = True

    assert "refused (403)" in client.trouble(lambda: client.leave(archive_of("a")))
    assert service.keys() == []


def test_newest__a_download_that_breaks_off_is_tried_again(
    client: Client, service: ActionsCacheService
) -> None:
    client.leave(archive_of("a"))
    service.faults = [CacheFault(at="GET", keep=0.5)] * 2

    assert client.newest() == archive_of("a")

    service.faults = [CacheFault(at="GET", keep=0.5)] * 3
    assert client.trouble(client.newest) == "its answer was incomplete"


def test_newest__no_more_is_read_than_is_allowed(client: Client, service: ActionsCacheService) -> None:
    client.leave(archive_of("a"))
    service.faults = [
        CacheFault(at="GET", body=b"\0" * (33 * 1024 * 1024)),
        CacheFault(at=FIND, body=b" " * 100_000),
    ]

    for _ in range(2):
        assert client.trouble(client.newest) == "the cache service returned too much data"


def test_newest__a_packed_answer_is_not_unpacked(client: Client, service: ActionsCacheService) -> None:
    archive = archive_of("a")
    client.leave(archive)
    service.faults = [CacheFault(at="GET", body=archive.data, headers={"Content-Encoding": "gzip"})]

    assert client.newest() == archive


def test_request__no_redirection_is_followed(client: Client, service: ActionsCacheService) -> None:
    elsewhere = {"Location": f"{service.url}elsewhere"}
    service.faults = [CacheFault(at=CREATE, status=307, headers=elsewhere)]

    assert client.trouble(lambda: client.leave(archive_of("a"))) == "the cache service answered 307"
    assert service.heard == [CREATE]


@pytest.mark.parametrize(
    "address", ["", None, 7, "http://[", "file:///etc/passwd", "ftp://127.0.0.1/x?sig=a"]
)
def test_newest__an_address_that_is_none(
    client: Client, service: ActionsCacheService, address: object
) -> None:
    answer = {"ok": True, "signed_download_url": address, "matched_key": archive_of("a").name}
    service.faults = [CacheFault(at=FIND, body=json.dumps(answer).encode())]

    assert "address" in client.trouble(client.newest)
    assert service.heard == [FIND]


def test_leave__an_address_in_the_open_is_refused_where_the_service_is_not(
    service: ActionsCacheService,
) -> None:
    client = Client(service, "token", url="https://127.0.0.1:1/")

    with pytest.raises(ArchiveFailure, match="without encryption"):
        client.place._transferred("PUT", f"{service.url}blob/1?sig=x", client.limit(), b"")
    assert service.heard == []


@pytest.mark.parametrize("at", [CREATE, FINALIZE])
def test_leave__a_refusal_is_told_in_the_services_words(
    client: Client, service: ActionsCacheService, at: str
) -> None:
    answer = b'{"ok": false, "message": "quota\\u0000 is\\nused up ' + b"x" * 500 + b'"}'
    service.faults = [CacheFault(at=at, body=answer)]

    told = client.trouble(lambda: client.leave(archive_of("a")))

    assert told.startswith("the cache service refused the upload: quota  is used up xxx")
    assert len(told) < 300


@pytest.mark.parametrize("status", [200, 400, 403, 409, 418, 503])
@pytest.mark.parametrize("at", [CREATE, "PUT", FINALIZE, FIND, "GET"])
def test_trouble__holds_no_secret(at: str, status: int) -> None:
    told = []
    with ActionsCacheService() as service:
        client = Client(service, service.token(PULL))
        client.leave(archive_of("z"))
        client.newest()
        for work in (client.newest, lambda: client.leave(archive_of("a"))):
            answer = json.dumps({"ok": False, "message": " ".join(service.secrets())}).encode()
            service.faults = [CacheFault(at=at, status=status, body=answer)] * 3
            with suppress(ArchiveFailure):
                work()
            try:
                work()
            except ArchiveFailure as failure:
                told += [str(failure), repr(failure), "".join(format_exception(failure))]
        told.append(repr(client.place))

    assert len(list(service.secrets())) > 6
    assert [text for text in told for secret in service.secrets() if secret in text] == []
