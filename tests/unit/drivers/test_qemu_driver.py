"""The parts of the QEMU driver that need no QEMU."""

import base64
import json
import tarfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from herdbook.core.digests import of_bytes
from herdbook.core.errors import ConflictError, EngineError, InvalidInputError, NoSpaceError
from herdbook.disks.given_files import GivenFile
from herdbook.disks.quoting import environment_file
from herdbook.drivers import process
from herdbook.drivers.qemu.boot_sector import boot_disk
from herdbook.drivers.qemu.credentials import remove_credentials, write_credentials
from herdbook.drivers.qemu.endings import failure, start_error
from herdbook.drivers.qemu.firmware import Firmware
from herdbook.drivers.qemu.machine_command import Machine, command_line
from herdbook.drivers.qemu.record import Record, read_record, write_record
from herdbook.drivers.qemu.storage import Storage, disk_format
from herdbook.fleet.instances import (
    MachineArtefact,
    Origin,
    Plugs,
    ProcessChanges,
    PublishedPort,
    Tap,
    VolumeDisk,
    Wanted,
)

ARTEFACT = MachineArtefact(
    Path("/i/vmlinuz"), Path("/i/initrd"), Path("/i/root,1.erofs"), command_line="quieter"
)
WANTED = Wanted(
    "web",
    Origin("web", 3, of_bytes(b"web")),
    ARTEFACT,
    ports=(PublishedPort(80, 8080), PublishedPort(443, 8443, "0.0.0.0")),  # noqa: S104
    environment={"A": "b"},
    secrets={"token": b"open sesame"},
    memory_bytes=(256 << 20) + 1,
    cpus=2,
)


def _command_line(wanted: Wanted = WANTED, accelerator: str = "tcg", **storage: Path) -> list[str]:
    directory = Path("/state, long/web")
    return command_line(
        Machine(
            wanted=wanted,
            artefact=ARTEFACT,
            accelerator=accelerator,
            directory=directory,
            monitor=Path("/run/m.sock"),
            storage=Storage(writable=storage.get("writable")),
            credentials=directory / "secrets",
        )
    )


def _after(option: str, line: list[str]) -> list[str]:
    return [line[place + 1] for place, part in enumerate(line) if part == option]


def _block_devices(line: list[str]) -> dict[str, dict[str, object]]:
    described = [json.loads(text) for text in _after("-blockdev", line)]
    return {one["node-name"]: one for one in described}


def test_command_line_boots_the_kernel_and_says_the_name() -> None:
    line = _command_line()
    assert _after("-kernel", line) == ["/i/vmlinuz"]
    (words,) = _after("-append", line)
    assert words.endswith("systemd.hostname=web quieter")
    assert "herdbook.log=ttyS1" in words.split()
    assert "panic=-1" in words.split()
    assert _after("-m", line) == ["257M"]
    assert _after("-smp", line) == ["2"]


@pytest.mark.parametrize(("accelerator", "processor"), [("kvm", "host"), ("tcg", "qemu64")])
def test_processor_goes_with_the_accelerator(accelerator: str, processor: str) -> None:
    line = _command_line(accelerator=accelerator)
    assert _after("-cpu", line) == [processor]
    assert _after("-machine", line) == [f"q35,accel={accelerator}"]


def test_ports_for_commands_are_pipes_in_the_machines_own_folder() -> None:
    line = _command_line()
    pipes = [each for each in _after("-chardev", line) if each.startswith("pipe,")]
    assert [each.rpartition("path=")[2] for each in pipes] == [
        f"/state,, long/web/{lane}-{port}"
        for lane in ("inside", "asking")
        for port in ("commands", "errors", "end")
    ]
    names = [each.rpartition("name=")[2] for each in _after("-device", line)]
    assert [name for name in names if name.startswith("herdbook.")] == [
        *("herdbook.commands", "herdbook.errors", "herdbook.end"),
        *("herdbook.asking.commands", "herdbook.asking.errors", "herdbook.asking.end"),
    ]


def test_ports_are_forwarded_from_their_addresses() -> None:
    (network,) = _after("-netdev", _command_line())
    forwards = "hostfwd=tcp:127.0.0.1:8080-:80,hostfwd=tcp:0.0.0.0:8443-:443"
    assert network == f"user,id=net,{forwards}"
    assert _after("-netdev", _command_line(replace(WANTED, ports=()))) == ["user,id=net"]


def test_address_that_qemu_cannot_forward_from_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="::1"):
        _command_line(replace(WANTED, ports=(PublishedPort(80, 8080, "::1"),)))


def test_a_plugged_machine_has_a_card_for_each_tap_and_no_ports() -> None:
    taps = (Tap("hb0", "02:48:0a:63:00:05"), Tap("hb1", "02:48:0a:63:01:05"))
    line = _command_line(replace(WANTED, plugs=Plugs(taps=taps)))
    assert _after("-netdev", line) == [
        "tap,id=net0,ifname=hb0,script=no,downscript=no",
        "tap,id=net1,ifname=hb1,script=no,downscript=no",
    ]
    assert [card for card in _after("-device", line) if "net" in card] == [
        "virtio-net-pci,netdev=net0,mac=02:48:0a:63:00:05,romfile=",
        "virtio-net-pci,netdev=net1,mac=02:48:0a:63:01:05,romfile=",
    ]


@pytest.mark.parametrize(("cpus", "seen"), [(0.5, "1"), (1, "1"), (1.5, "2"), (2.0, "2")])
def test_part_of_a_processor_is_one(cpus: float, seen: str) -> None:
    assert _after("-smp", _command_line(replace(WANTED, cpus=cpus))) == [seen]


def test_volumes_are_disks_with_serials_of_their_own() -> None:
    volumes = (VolumeDisk(Path("/v/a,b"), "/a"), VolumeDisk(Path("/v/c"), "/c", read_only=True))
    line = _command_line(replace(WANTED, volumes=volumes))
    devices = _block_devices(line)
    assert devices["volume-0"]["file"] == {
        "driver": "file",
        "filename": "/v/a,b",
        "discard": "unmap",
    }
    assert devices["volume-0"]["driver"] == "raw"  # told, for a guest could write another's header
    assert [devices[f"volume-{number}"]["read-only"] for number in (0, 1)] == [False, True]
    assert "virtio-blk-pci,drive=volume-1,serial=herdbook-volume-1" in line


def test_commas_in_paths_do_not_end_an_option() -> None:
    line = _command_line()
    assert "file,id=console,path=/state,, long/web/console.log,append=on" in _after(
        "-chardev", line
    )
    root = _block_devices(line)["root"]
    assert root["file"] == {
        "driver": "file",
        "filename": str(ARTEFACT.root.resolve()),
        "discard": "unmap",
    }


def test_what_is_shared_is_never_written_to() -> None:
    devices = _block_devices(_command_line(writable=Path("/w")))
    assert {node: one["read-only"] for node, one in devices.items()} == {
        "root": True,
        "secrets": True,
        "writable": False,
    }


def test_whole_disk_is_booted_by_firmware() -> None:
    firmware = Firmware(Path("/code"), Path("/variables"))
    line = command_line(
        Machine(
            wanted=WANTED,
            artefact=replace(ARTEFACT, disk=Path("/i/disk")),
            accelerator="tcg",
            directory=Path("/d"),
            monitor=Path("/m"),
            storage=Storage(overlay=Path("/d/overlay"), firmware=firmware),
            credentials=None,
        )
    )
    assert "-kernel" not in line
    assert _block_devices(line)["code"]["read-only"] is True
    assert _block_devices(line)["disk"]["driver"] == "qcow2"
    assert "pflash0=code" in _after("-machine", line)[0]


def test_command_line_shows_no_secret() -> None:
    shown = " ".join(_command_line())
    assert "open sesame" not in shown
    assert base64.b64encode(b"open sesame").decode() not in shown


def test_a_machine_that_must_keep_its_writes_says_so_to_its_kernel() -> None:
    (words,) = _after("-append", _command_line(writable=Path("/w")))
    assert "herdbook.rw=required" in words.split()


def test_credentials_are_one_private_disk(tmp_path: Path) -> None:
    path = write_credentials(WANTED, tmp_path / "secrets")
    assert path is not None
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size % 512 == 0
    with tarfile.open(path) as archive:
        contents = {
            name: stream.read()
            for name in archive.getnames()
            if (stream := archive.extractfile(name)) is not None
        }
    assert contents == {
        "herdbook.secret.token": b"open sesame",
        "herdbook.environment": b'A="b"\n',
    }
    remove_credentials(path)
    assert list(tmp_path.iterdir()) == []


def test_a_machine_with_volumes_is_told_where_they_are_mounted(tmp_path: Path) -> None:
    wanted = replace(WANTED, environment={}, secrets={}, volumes=(VolumeDisk(Path("/v"), "/data"),))
    path = write_credentials(wanted, tmp_path / "secrets")
    assert path is not None
    with tarfile.open(path) as archive:
        stream = archive.extractfile("herdbook.volumes")
        assert stream is not None
        assert stream.read() == b"herdbook-volume-0 rw /data\n"


def test_a_machine_is_told_its_files_and_what_its_service_does_otherwise(tmp_path: Path) -> None:
    changes = ProcessChanges(command=("a",), user="7", init=False)
    files = (GivenFile("/app.conf", b"text"),)
    wanted = replace(WANTED, environment={}, secrets={}, process=changes, files=files)
    path = write_credentials(wanted, tmp_path / "secrets")
    assert path is not None
    with tarfile.open(path) as archive:
        assert set(archive.getnames()) == {
            *("herdbook.environment", "herdbook.files", "herdbook.file.0"),
            *("herdbook.arguments", "herdbook.service.conf"),
        }


def test_nothing_to_hand_over_is_no_disk(tmp_path: Path) -> None:
    wanted = replace(WANTED, environment={}, secrets={})
    assert write_credentials(wanted, tmp_path / "secrets") is None


def test_environment_file_is_read_back_by_a_shell(tmp_path: Path) -> None:
    values = {"A": "", "B": "a b", "C": "\"'$HOME`id`\\n\\", "D": "# ü !", "E": " x "}
    path = tmp_path / "environment"
    path.write_bytes(environment_file(values))
    names = " ".join(f'"${name}"' for name in values)
    result = process.run(["sh", "-c", f". {path}; printf '%s\\n' {names}"])
    assert result.output.split("\n")[:-1] == list(values.values())


def test_record_is_read_back(tmp_path: Path) -> None:
    started_at = datetime(2026, 11, 21, 4, 31, tzinfo=UTC)
    plain = Record(
        "web", WANTED.origin, WANTED.ports, "/healthy", "tcg", started_at, "boot", Path("/m")
    )
    full = replace(plain, owner="shop", volumes=(Path("/v/a"), Path("/v/b")))
    full = replace(full, inside=True, asking=True)
    for record in (plain, full):
        write_record(record, tmp_path / "instance.json")
        assert read_record(tmp_path / "instance.json") == record
    assert read_record(tmp_path / "absent" / "instance.json") is None


def test_a_record_of_an_older_herdbook_is_read(tmp_path: Path) -> None:
    path = tmp_path / "instance.json"
    record = Record(
        "web", WANTED.origin, (), "", "tcg", datetime(2026, 11, 21, tzinfo=UTC), "boot", Path("/m")
    )
    write_record(record, path)
    document = json.loads(path.read_text("utf-8"))
    later = {"owner", "volumes", "inside", "asking"}
    older = {key: document[key] for key in document.keys() - later}
    path.write_text(json.dumps(older))
    assert read_record(path) == record


@pytest.mark.parametrize(
    ("status", "console", "said", "reason"),
    [
        (0, "", "", ""),
        (0, "Debian\nweb login:", "", ""),
        (0, "\x1b[0m[    1.2] Kernel panic - not syncing: no init\n", "", "Kernel panic"),
        (0, "[ 2.1] herdbook: failed: status 3\r\nreboot", "", "herdbook: failed: status 3"),
        (1, "", "cannot allocate memory", "QEMU ended with status 1: cannot allocate memory"),
        (137, "last\nwords", "", "QEMU was ended by SIGKILL: last | words"),
        (137, "", "", "QEMU was ended by SIGKILL: the console stayed empty"),
    ],
)
def test_ending_is_told_in_words(
    tmp_path: Path, status: int, console: str, said: str, reason: str
) -> None:
    (tmp_path / "console.log").write_text(console, encoding="utf-8")
    (tmp_path / "qemu.log").write_text(said, encoding="utf-8")
    found = failure(status, tmp_path)
    assert found.startswith(reason)
    assert bool(found) == bool(reason)


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (
            "qemu: Could not set up host forwarding rule 'tcp:127.0.0.1:8080-:80'",
            ConflictError,
            "Port 8080 of 127.0.0.1",
        ),
        ('qemu: Failed to get "write" lock', ConflictError, "writes to a file"),
        (
            "qemu: could not configure /dev/net/tun (hb0): Device or resource busy",
            ConflictError,
            "network cards",
        ),
        ("qemu: No space left on device", NoSpaceError, "full"),
        ("", EngineError, "it said nothing"),
    ],
)
def test_what_qemu_said_becomes_our_error(
    tmp_path: Path, said: str, kind: type[Exception], words: str
) -> None:
    (tmp_path / "qemu.log").write_text(said + "\n", encoding="utf-8")
    error = start_error(tmp_path)
    assert type(error) is kind
    assert words in error.message


def test_format_of_a_disk_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"QFI\xfb\0\0\0\3")
    (tmp_path / "two").write_bytes(b"")
    assert disk_format(tmp_path / "one") == "qcow2"
    assert disk_format(tmp_path / "two") == "raw"


def test_trial_disk_can_be_booted_from() -> None:
    disk = boot_disk()
    assert disk[510:512] == b"\x55\xaa"
    assert disk[512:] == bytes(len(disk) - 512)
