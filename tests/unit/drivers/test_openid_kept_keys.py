"""What a provider publishes counts for an hour, and it is asked as seldom as that allows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import pytest

from herdbook.core.errors import NetworkError
from herdbook.drivers.fake.clock import FakeClock
from herdbook.drivers.openid.discovery import Published
from herdbook.drivers.openid.kept_keys import KeptKeys

URL = "https://id.example"


@dataclass
class Provider:
    """What is asked, and how often it was."""

    clock: FakeClock = field(default_factory=FakeClock)
    key: str = "one"
    asked: int = 0
    is_up: bool = True

    def find_out(self, url: str) -> Published:
        assert url.startswith(URL)
        self.asked += 1
        if not self.is_up:
            raise NetworkError("nobody answers")
        return Published(({"kid": self.key},), f"{url}/token", f"{url}/device", ("openid",))


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def kept(provider: Provider, tmp_path: Path) -> KeptKeys:
    return KeptKeys(tmp_path / "issuers", provider.clock, provider.find_out)


def test_it_is_asked_once_in_an_hour_also_by_several_commands(
    provider: Provider, kept: KeptKeys, tmp_path: Path
) -> None:
    found = kept.of(URL)
    provider.clock.sleep(3599)
    assert kept.of(URL) == found
    another = KeptKeys(tmp_path / "issuers", provider.clock, provider.find_out)
    assert another.of(URL) == found
    assert provider.asked == 1
    provider.clock.sleep(1)
    another.of(URL)
    assert provider.asked == 2
    assert another.of(f"{URL}/other").token_address == f"{URL}/other/token"


def test_only_herdbook_s_user_can_read_and_write_it(kept: KeptKeys, tmp_path: Path) -> None:
    kept.of(URL)
    [file] = (tmp_path / "issuers").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_for_a_key_that_is_not_known_it_is_asked_once_in_a_minute(
    provider: Provider, kept: KeptKeys
) -> None:
    kept.of(URL)
    provider.key = "two"
    assert kept.after_all(URL) is None
    provider.clock.sleep(60)
    renewed = kept.after_all(URL)
    assert renewed is not None
    assert renewed.keys == ({"kid": "two"},)
    assert kept.after_all(URL) is None
    assert kept.of(URL) == renewed
    assert provider.asked == 2


def test_what_fails_is_not_tried_for_everybody_who_comes(
    provider: Provider, kept: KeptKeys
) -> None:
    provider.is_up = False
    for _ in range(3):
        with pytest.raises(NetworkError):
            kept.of(URL)
    assert provider.asked == 1
    provider.is_up = True
    provider.clock.sleep(5)
    kept.of(URL)
    assert provider.asked == 2


def test_what_is_kept_counts_while_it_is_young_though_the_provider_fails(
    provider: Provider, kept: KeptKeys
) -> None:
    found = kept.of(URL)
    provider.is_up = False
    provider.clock.sleep(120)
    with pytest.raises(NetworkError):
        kept.after_all(URL)
    assert kept.of(URL) == found


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"{}", b'{"at": "x"}', b"\xff", b'{"at": 1e99, "keys": []}'],
)
def test_what_cannot_be_read_is_asked_for_again(
    provider: Provider, kept: KeptKeys, tmp_path: Path, content: bytes
) -> None:
    kept.of(URL)
    [file] = (tmp_path / "issuers").iterdir()
    file.write_bytes(content)
    kept.of(URL)
    assert provider.asked == 2


def test_what_comes_from_the_future_does_not_count(
    provider: Provider, kept: KeptKeys, tmp_path: Path
) -> None:
    """Else a clock that was wrong once would have keys count for years."""
    provider.clock.sleep(100_000)
    kept.of(URL)
    earlier = KeptKeys(tmp_path / "issuers", FakeClock(), provider.find_out)
    earlier.of(URL)
    assert provider.asked == 2


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[KeptKeys]:
    """The provider at URL was asked, and says nothing; all others do."""
    others, asked, ended = Provider(), Event(), Event()

    def find_out(url: str) -> Published:
        if url == URL:
            asked.set()
            assert ended.wait(10)
        return others.find_out(url)

    kept = KeptKeys(tmp_path / "issuers", others.clock, find_out)
    thread = Thread(target=kept.of, args=[URL])
    thread.start()
    assert asked.wait(10)
    others.clock.sleep(2)
    yield kept
    ended.set()
    thread.join(10)
    assert kept.of(URL).keys, "it is not held against it"


def test_nobody_waits_for_another_provider_than_their_own(silent: KeptKeys) -> None:
    other = f"{URL}/other"
    assert silent.of(other).keys
    assert silent.after_all(other) is None
    assert silent.anew(other).keys


def test_nobody_waits_long_behind_somebody_who_asks_already(silent: KeptKeys) -> None:
    """There would be nobody left to see who is of another provider."""
    with pytest.raises(NetworkError, match="still silent"):
        silent.of(URL)
    assert silent.after_all(URL) is None


def test_who_comes_at_the_same_moment_waits_for_the_one_answer(tmp_path: Path) -> None:
    provider = Provider()

    def find_out(url: str) -> Published:
        Event().wait(0.3)
        return provider.find_out(url)

    kept = KeptKeys(tmp_path / "issuers", provider.clock, find_out)
    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(kept.of, URL) for _ in range(4)]
        assert all(each.result().keys for each in found)
    assert provider.asked == 1


def test_where_there_is_no_room_for_its_keys_people_are_let_in(
    provider: Provider, tmp_path: Path
) -> None:
    (tmp_path / "issuers").write_bytes(b"no folder")
    kept = KeptKeys(tmp_path / "issuers", provider.clock, provider.find_out)
    assert kept.of(URL).keys == kept.of(URL).keys
