"""What a machine's service does otherwise than its image says, seen from inside of machines."""

import base64
import random
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest
from engine_benches import SystemdBench
from engine_support import READY_SECONDS, seen_of, until, usable, wanted

from herdbook.disks.given_files import GivenFile
from herdbook.fleet.instances import Confinement, ProcessChanges, State
from herdbook.packages.suites import SUITES

pytestmark = [pytest.mark.qemu, pytest.mark.root, pytest.mark.archive]

NUMBERS = count(1)
NOBODYS = ("4321", "4322")
"""A user and a group by numbers that the image does not list."""

TELLING = 'printf "%s\\0" "$@" >/tmp/words; cat /app.conf; pwd; exec sleep infinity'
_CHARACTERS = "ab \t\n\r\\\"'$%`;:@-+!{}#&|<>*?~^é\u2028\ufeff\ufffe\ufdd0\U0001f600\x01\x7f\x85"
CURATED = ["", "a b", "it's", '"', "\\", "$HOME", "${HOME}", "$$", "%n", "%%", "a\nb", ";", "\\;"]


Begin = Callable[..., "Begun"]


def tricky_words() -> list[str]:
    """Words of all that some reader between here and there could have a meaning of its own for."""
    chance = random.Random(1)  # noqa: S311 - the same ones each time
    lengths = [chance.randint(0, 12) for _ in range(300)]
    return [*CURATED, *("".join(chance.choices(_CHARACTERS, k=length)) for length in lengths)]


@pytest.fixture(scope="module")
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SystemdBench]:
    cache = request.config.cache
    assert cache is not None
    directory, kept = tmp_path_factory.mktemp("changes"), cache.mkdir("engine-kernel")
    made = SystemdBench(directory, kept, identity=NOBODYS)
    with usable(made.engine()):
        yield made


class Begun:
    """A machine that was started with changes."""

    def __init__(self, bench: SystemdBench, name: str, changes: Mapping[str, object]) -> None:
        self.bench = bench
        self.name = name
        bench.engine().start(wanted(bench, name, **changes))

    def asked(self, script: str) -> str:
        """What a command in the machine says, once there is a service."""
        command = ["/bin/sh", "-c", script]
        return self.bench.engine().execute(self.name, command, READY_SECONDS).output

    def says(self, line: str) -> None:
        """Wait until the service has said a line."""
        until(lambda: line in list(self.bench.engine().logs(self.name)))

    def failure(self) -> str:
        """Why it failed, once it has."""
        until(lambda: seen_of(self.bench.engine(), self.name).state is State.FAILED)
        return seen_of(self.bench.engine(), self.name).reason


@pytest.fixture
def begin(bench: SystemdBench) -> Iterator[Begin]:
    """Starts machines, and stops them after the test: they are emulated, and take their time."""
    begun: list[Begun] = []

    def start(**changes: object) -> Begun:
        begun.append(Begun(bench, f"web{next(NUMBERS)}", changes))
        return begun[-1]

    yield start
    for each in begun:
        bench.engine().stop(each.name, grace_seconds=0)


def test_user_and_group_that_the_image_does_not_list_run_its_service(begin: Begin) -> None:
    """An image may name them by numbers alone, as containers can."""
    machine = begin()
    machine.says("arguments: ")
    assert machine.asked("id -u; id -g; id -G") == "4321\n4322\n4322\n"


@pytest.mark.parametrize("suite", sorted(SUITES.keys()))
def test_all_that_compose_says_of_a_process_holds_in_every_suite(
    suite: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The words arrive as they were written, whatever systemd or a shell would make of them."""
    cache = request.config.cache
    assert cache is not None
    bench = SystemdBench(tmp_path, cache.mkdir("engine-kernel"), suite)
    words = tricky_words()
    changes = ProcessChanges(
        entrypoint=("sh", "-c", TELLING, "sh"),  # looked for in the PATH
        command=tuple(words),
        user="4711",
        directory="/srv/new one/100%",
    )
    files = (GivenFile("/app.conf", b"told before it starts\n"),)
    with usable(bench.engine()):
        machine = Begun(bench, "web", {"process": changes, "files": files})
        machine.says("told before it starts")
        machine.says("/srv/new one/100%")
        arrived = base64.b64decode(machine.asked("base64 /tmp/words")).decode().split("\0")[:-1]
        assert arrived == words
        assert machine.asked("id -u; id -g; pwd") == "4711\n0\n/srv/new one/100%\n"


def test_a_command_follows_the_images_own_entrypoint(begin: Begin) -> None:
    machine = begin(process=ProcessChanges(command=("one", "$two")))
    machine.says("arguments: one $two")


def test_a_user_brings_the_own_group_and_not_the_images(begin: Begin) -> None:
    """Also: a secret belongs to that user."""
    changes = ProcessChanges(user="service")
    machine = begin(process=changes, secrets={"token": b"sesame"})
    machine.says("arguments: ")
    script = 'id -un; id -g; cat "$CREDENTIALS_DIRECTORY/token"'
    assert machine.asked(script) == "service\n1000\nsesame"


@pytest.mark.parametrize(("user", "missing"), [("ghost", "passwd"), ("service:ghosts", "group")])
def test_a_user_or_group_that_the_image_lacks_fails_the_machine_in_words(
    begin: Begin, user: str, missing: str
) -> None:
    machine = begin(process=ProcessChanges(user=user))
    name = user.rpartition(":")[2]
    reason = f"the image has no {name} in /etc/{missing}, as which its service is to run"
    assert machine.failure() == f"herdbook: cannot start: {reason}"


def test_the_main_process_hears_the_stop_signal_and_no_other_does(begin: Begin) -> None:
    script = (
        "(trap 'echo child >>/tmp/heard' USR1; while :; do sleep 0.1; done) &"
        " trap 'echo main >>/tmp/heard; exit 0' USR1; echo begun; while :; do sleep 0.1; done"
    )
    changes = ProcessChanges(("/bin/sh", "-c", script), user="0:0", stop_signal="SIGUSR1")
    machine = begin(process=changes)
    machine.says("begun")
    assert machine.asked("systemctl stop herdbook-service; cat /tmp/heard") == "main\n"


def test_files_are_there_for_those_who_may_read_them_and_nobody_writes_to_them(
    begin: Begin,
) -> None:
    files = (
        GivenFile("/etc/issue", b"over one of the image\n"),
        GivenFile("/etc/app/below/new.conf", b"\0\xff"),
        GivenFile("/etc/app/mine", b"root's\n", 0o400),
        GivenFile("/bin/tool", b"#!/bin/sh\necho works\n", 0o555),
        GivenFile("/tmp/kept", b"kept\n"),
    )
    machine = begin(files=files, process=ProcessChanges(user="0"))
    assert machine.asked("cat /etc/issue /tmp/kept; tool") == "over one of the image\nkept\nworks\n"
    assert machine.asked("od -An -tx1 /etc/app/below/new.conf") == " 00 ff\n"
    assert machine.asked("stat -c '%u %a' /etc/app/mine /etc/issue") == "0 400\n0 444\n"
    for path in (each.target for each in files):
        written = machine.asked(f"echo x >>{path} || chmod 777 {path} || rm {path} || echo refused")
        assert "refused" in written.splitlines(), written


@pytest.mark.parametrize(
    ("target", "reason"),
    [("/etc", "there is a directory at /etc"), ("/etc/passwd/x", "there can be no directory")],
)
def test_a_file_that_cannot_be_seen_fails_the_machine_before_its_service(
    begin: Begin, target: str, reason: str
) -> None:
    machine = begin(files=(GivenFile(target, b""),))
    assert reason in machine.failure()


def test_folders_in_memory_begin_as_the_image_has_them_and_are_everybodys(begin: Begin) -> None:
    folders = ("/etc/memory:size=64k", "/etc/init.d:mode=0750,exec,uid=4321", "/run/app", "/run")
    machine = begin(confinement=Confinement(temporary=folders))
    machine.says("arguments: ")
    kinds = "for each in /etc/memory /etc/init.d /run/app; do stat -f -c %T $each; done"
    assert machine.asked(kinds) == "tmpfs\n" * 3
    assert machine.asked("stat -c '%a %u' /etc/memory /run/app /etc/init.d") == (
        "1777 0\n1777 0\n750 4321\n"
    )
    assert machine.asked("ls /etc/init.d") != ""
    filled = "echo 'exit 7' >/etc/memory/x; chmod +x /etc/memory/x; /etc/memory/x 2>&- || echo $?"
    assert machine.asked(filled) == "126\n"  # nothing is started from there unless that is said
    much = "head -c 100000 /dev/zero 2>&- >/etc/memory/much || echo full"
    assert machine.asked(f"{much}; touch /run/app/mine && echo mine") == "full\nmine\n"


@pytest.mark.parametrize(("grace", "limit"), [(10.0, "30s"), (95.5, "1min 35.500000s")])
def test_a_service_has_all_the_time_to_end_that_it_is_given(
    begin: Begin, grace: float, limit: str
) -> None:
    machine = begin(process=ProcessChanges(user="0", stop_grace_seconds=grace))
    machine.says("arguments: ")
    shown = machine.asked("systemctl show -p TimeoutStopUSec herdbook-service")
    assert shown == f"TimeoutStopUSec={limit}\n"


def test_too_little_memory_for_what_the_image_has_fails_the_machine_in_words(begin: Begin) -> None:
    machine = begin(confinement=Confinement(temporary=("/bin:size=4k",)))
    assert "what the image has at /bin is too large for it" in machine.failure()
