"""What only a place in a bucket promises: of signatures, of bad lines, of writers elsewhere."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest
from faulty_line import (
    Handler,
    Line,
    an_hour_late,
    cut_off,
    damaged,
    endless,
    faulty_line,
    half_listed,
    lost,
    mangled,
    page,
    says,
    silent,
    unavailable,
)
from s3_servers import ACCESS_KEY, SECRET_KEY, STRANGERS_KEY, S3Server, client, credentials, rclone

from herdbook.compose.backup_places import bucket_place
from herdbook.core.errors import (
    ConflictError,
    HerdbookError,
    InvalidInputError,
    NetworkError,
    NoSpaceError,
    NotFoundError,
    VerificationError,
)
from herdbook.drivers.backup_places import BackupPlaces
from herdbook.drivers.network import HostNetwork
from herdbook.drivers.s3 import BackupBucket, Lease, Patience, open_bucket

QUICK = Patience(connect_seconds=1.0, answer_seconds=1.0, tries=3)
SHORT = Lease(renewed=0.3, trusted=1.0, stale=4.0, again=0.2)

_WRITE = """
import sys
from pathlib import Path
from herdbook.drivers.backup_places import BackupPlaces
store = BackupPlaces(Path(sys.argv[2])).open(sys.argv[1])
with store.alone():
    print("ready", flush=True)
    while True:
        for letter in b"ab":
            store.keep("key/pieces/one", bytes([letter]) * 3_000_000)
"""


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in credentials().items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=["seaweedfs", "rclone"])
def server(request: pytest.FixtureRequest) -> S3Server:
    found: S3Server = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture
def line(server: S3Server) -> Iterator[Line]:
    with faulty_line(server.endpoint) as made:
        yield made


@pytest.fixture
def store(server: S3Server, line: Line, tmp_path: Path) -> BackupBucket:
    """A place behind a line that may be bad."""
    place = replace(bucket_place(server.address()), endpoint=line.endpoint)
    return open_bucket(place, tmp_path / "writers", QUICK, SHORT)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """One for this machine's own address, and its key."""
    made, key = tmp_path / "certificate", tmp_path / "key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=store"]
    command += f"-addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {made}".split()
    subprocess.run(command, check=True, capture_output=True)
    return made, key


def _refusal(address: str, folder: Path) -> HerdbookError:
    with pytest.raises(HerdbookError) as caught:
        BackupPlaces(folder).open(address)
    shown = caught.value.message + caught.value.hint
    assert SECRET_KEY not in shown
    assert caught.value.hint
    return caught.value


# --- who is let in, and what is said to others


def test_a_wrong_secret_is_refused_by_its_signature(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = server.address()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY.lower())
    refused = _refusal(address, tmp_path)
    assert isinstance(refused, InvalidInputError)
    assert "does not accept the credentials" in refused.message


def test_a_key_that_nobody_knows_is_refused(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = server.address()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY")
    assert "does not accept the credentials" in _refusal(address, tmp_path).message


def test_who_may_not_use_the_bucket_is_told_so(
    seaweedfs_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = seaweedfs_server.address()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", STRANGERS_KEY)
    assert "does not let these credentials" in _refusal(address, tmp_path).message


def test_an_absent_bucket_is_said_to_be_absent(server: S3Server, tmp_path: Path) -> None:
    refused = _refusal(server.address("no-such-bucket"), tmp_path)
    assert isinstance(refused, NotFoundError)
    assert "no bucket no-such-bucket" in refused.message


def test_an_endpoint_where_nobody_listens_is_said_to_be_unreachable(tmp_path: Path) -> None:
    endpoint = f"http://127.0.0.1:{HostNetwork().free_port()}"
    refused = _refusal(f"s3://bucket?endpoint={endpoint}", tmp_path)
    assert isinstance(refused, NetworkError)
    assert endpoint in refused.message


def test_a_clock_that_is_off_is_named_as_the_cause(
    seaweedfs_server: S3Server, tmp_path: Path
) -> None:
    """Of the two, this one says so."""
    with faulty_line(seaweedfs_server.endpoint) as line:
        line.always = an_hour_late
        place = replace(bucket_place(seaweedfs_server.address()), endpoint=line.endpoint)
        refused = _refusal(place.address, tmp_path)
    assert "clock" in refused.message
    assert "timedatectl" in refused.hint


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            says(400, "AuthorizationHeaderMalformed", "<Region>mine</Region>"),
            InvalidInputError,
            "AWS_REGION=mine",
        ),
        (says(507, "XMinioStorageFull"), NoSpaceError, ""),
        (says(403, "QuotaExceeded"), NoSpaceError, ""),
        (says(400, "ExpiredToken"), InvalidInputError, "expired"),
        (says(501, "NotImplemented"), NetworkError, "endpoint"),
        (says(400, "Whatever"), InvalidInputError, "S3-compatible"),
    ],
)
def test_what_a_store_refuses_is_told_with_the_next_step(
    store: BackupBucket,
    line: Line,
    answer: Callable[[Handler], bool],
    kind: type[HerdbookError],
    words: str,
) -> None:
    line.always = answer
    with pytest.raises(kind) as caught:
        store.keep("key/one", b"sealed")
    assert words in caught.value.hint
    assert "SECRET WORDS" not in caught.value.message


@pytest.mark.parametrize("status", [200, 404])
def test_what_is_no_store_is_told_from_an_empty_one(status: int, tmp_path: Path) -> None:
    with faulty_line("") as line:
        line.always = page(status)
        refused = _refusal(f"s3://bucket?endpoint={line.endpoint}", tmp_path)
    assert isinstance(refused, NetworkError)
    assert "no S3-compatible store" in refused.message


def test_credentials_come_from_a_file_that_is_named(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    file = tmp_path / "credentials"
    file.write_text(
        f"[backups]\naws_access_key_id={ACCESS_KEY}\naws_secret_access_key={SECRET_KEY}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    address = server.address()
    assert "There are no credentials" in _refusal(address, tmp_path).message
    assert "no profile 'other'" in _refusal(f"{address}&profile=other", tmp_path).message
    opened = BackupPlaces(tmp_path).open(f"{address}&profile=backups")
    opened.keep("key/one", b"sealed")
    assert opened.read("key/one") == b"sealed"


def test_a_certificate_has_to_be_trusted(
    certificate: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rclone(tmp_path / "server", certificate) as server:
        address = server.address()
        refused = _refusal(address, tmp_path)
        assert isinstance(refused, NetworkError)
        assert "AWS_CA_BUNDLE" in refused.hint
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate[0]))
        opened = BackupPlaces(tmp_path).open(address)
        opened.keep("key/one", b"sealed")
        assert opened.read("key/one") == b"sealed"


def test_what_the_address_leaves_out_comes_from_the_settings(
    server: S3Server, tmp_path: Path
) -> None:
    address = server.address().partition("?")[0]
    opened = BackupPlaces(tmp_path, endpoint=f"{server.endpoint}/", region="eu").open(address)
    assert opened.where == f"{address}?endpoint={server.endpoint}&region=eu"
    assert opened.names("") == set()


def test_an_endpoint_in_a_file_of_settings_has_to_be_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config"
    file.write_text(f"[default]\nendpoint_url = you:{SECRET_KEY}@host\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    refused = _refusal("s3://bucket", tmp_path)
    assert isinstance(refused, InvalidInputError)
    assert "AWS_CONFIG_FILE" in refused.message


def test_a_command_that_needs_no_bucket_does_not_load_what_talks_to_one() -> None:
    script = "import sys, herdbook.server.program; assert 'botocore' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


# --- bad lines


def test_what_passes_is_tried_again(store: BackupBucket, line: Line) -> None:
    for fault in (unavailable, silent, lost):
        line.faults = [fault, fault]
        store.keep("key/one", fault.__name__.encode())
        assert not line.faults
        line.faults = [fault, fault]
        assert store.read("key/one") == fault.__name__.encode()
        line.faults = [fault]
        assert store.names("") == {"key/one"}


def test_what_does_not_pass_is_told(store: BackupBucket, line: Line) -> None:
    for fault in (unavailable, silent):
        line.always = fault
        with pytest.raises(NetworkError, match="cannot be reached"):
            store.keep("key/one", b"sealed")
    line.always = None
    assert store.names("") == set()


def test_an_answer_that_is_cut_off_is_asked_for_again(store: BackupBucket, line: Line) -> None:
    content = os.urandom(100_000)
    store.keep("key/one", content)
    line.faults = [cut_off, cut_off]
    assert store.read("key/one") == content
    line.always = cut_off
    with pytest.raises(NetworkError):
        store.read("key/one")


def test_an_answer_that_tls_finds_damaged_is_asked_for_again(
    rclone_server: S3Server,
    certificate: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate[0]))
    with faulty_line(rclone_server.endpoint, certificate) as line:
        place = replace(bucket_place(rclone_server.address()), endpoint=line.endpoint)
        store = open_bucket(place, tmp_path / "writers", QUICK, SHORT)
        store.keep("key/one", b"sealed")
        line.faults = [mangled, mangled]
        assert store.read("key/one") == b"sealed"
        assert not line.faults
        line.always = mangled
        with pytest.raises(NetworkError):
            store.read("key/one")


def test_a_list_that_breaks_off_is_not_taken_for_the_whole(store: BackupBucket, line: Line) -> None:
    """So answer stores that know but the first version of listing."""
    store.keep("key/one", b"sealed")
    line.always = half_listed
    with pytest.raises(NetworkError, match="does not list all"):
        store.names("")


def test_bytes_that_change_on_their_way_are_not_kept(store: BackupBucket, line: Line) -> None:
    line.always = damaged
    with pytest.raises(HerdbookError):
        store.keep("key/one", os.urandom(100_000))
    line.always = None
    assert store.names("") == set()


def test_what_is_larger_than_anything_of_ours_is_not_read(store: BackupBucket, line: Line) -> None:
    store.keep("key/one", b"sealed")
    line.always = endless
    with pytest.raises(VerificationError, match="larger"):
        store.read("key/one")


def test_what_others_lay_in_the_bucket_is_not_seen(server: S3Server, tmp_path: Path) -> None:
    store = BackupPlaces(tmp_path).open(server.address())
    store.keep("key/backups/one", b"sealed")
    bucket = bucket_place(store.where).bucket
    names = ["Thumbs.db", "key/backups/@eaDir/one"]
    if server.name == "seaweedfs":
        names += [""]  # as if it were a directory; the other store refuses it
    for name in names:
        key = f"backups/here/herdbook-backups/{name}"
        client(server.endpoint).put_object(Bucket=bucket, Key=key, Body=b"")
    assert store.names("") == {"key/backups/one"}
    assert store.names("key/backups") == {"key/backups/one"}


# --- writers here and elsewhere


def test_a_writer_that_is_killed_leaves_whole_things_and_keeps_nobody_waiting(
    server: S3Server, tmp_path: Path
) -> None:
    address = server.address()
    for round_number in range(3):
        command = [sys.executable, "-c", _WRITE, address, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as program:
            assert program.stdout is not None
            assert program.stdout.readline() == b"ready\n"
            time.sleep(0.05 + 0.06 * round_number)
            program.send_signal(signal.SIGKILL)
        began = time.monotonic()
        again = BackupPlaces(tmp_path).open(address)
        with again.alone():
            assert time.monotonic() - began < 10
            for name in again.names(""):
                assert again.read(name) in (b"a" * 3_000_000, b"b" * 3_000_000)
        listed = client(server.endpoint).list_objects_v2(Bucket=bucket_place(address).bucket)
        assert {each["Key"] for each in listed.get("Contents", ())} <= {
            "backups/here/herdbook-backups/key/pieces/one"
        }


def _elsewhere(store: BackupBucket, folder: Path, lease: Lease = SHORT) -> BackupBucket:
    """The same place as another machine sees it."""
    return open_bucket(bucket_place(store.where), folder / "another-machine", QUICK, lease)


def test_a_writer_elsewhere_is_waited_for(store: BackupBucket, tmp_path: Path) -> None:
    entered = Event()
    other = _elsewhere(store, tmp_path)

    def write() -> None:
        with other.alone():
            entered.set()

    with store.alone():
        thread = Thread(target=write)
        thread.start()
        assert not entered.wait(SHORT.stale + 2), "its mark is put anew as long as it lives"
        store.keep("key/one", b"sealed")
    thread.join()
    assert entered.is_set()


def test_who_waits_for_a_writer_elsewhere_can_be_ended(store: BackupBucket, tmp_path: Path) -> None:
    def ended() -> None:
        raise ConflictError("The server ends")

    other = _elsewhere(store, tmp_path)
    with store.alone():
        with pytest.raises(ConflictError, match="The server ends"), other.alone("key", ended):
            pass
        store.keep("key/one", b"sealed")


def test_many_writers_are_alone_one_after_the_other(store: BackupBucket, tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def write(number: int) -> None:
        with _elsewhere(store, tmp_path / str(number)).alone():
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.2)
            inside.remove(number)

    threads = [Thread(target=write, args=(number,)) for number in range(5)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert most == [1] * 5


def test_a_writer_elsewhere_that_died_is_waited_for_until_its_mark_is_old(
    store: BackupBucket, line: Line, tmp_path: Path
) -> None:
    with store.alone():
        line.always = unavailable  # its end is not heard of
    line.always = None
    began = time.monotonic()
    with _elsewhere(store, tmp_path).alone():
        assert SHORT.stale - 2 < time.monotonic() - began < SHORT.stale + 5


def test_a_writer_that_was_cut_off_writes_nothing_more(store: BackupBucket, line: Line) -> None:
    with store.alone():
        store.keep("key/one", b"sealed")
        line.always = silent
        time.sleep(SHORT.trusted + 4)
        line.always = None
        with pytest.raises(ConflictError, match="cut off"):
            store.keep("key/one", b"late")
        with pytest.raises(ConflictError, match="cut off"):
            store.forget("key/one")
    assert store.read("key/one") == b"sealed"
    with store.alone():
        store.keep("key/one", b"again")
