"""Promises of the VM variant: it boots, directly and from its disk, and takes settings at start."""

import json
import time
from pathlib import Path

import pytest
from fetching import fetch
from product import Shop

pytestmark = [pytest.mark.root, pytest.mark.archive, pytest.mark.qemu]

READY_LIMIT_SECONDS = 60
"""Generous, for a machine that does other things; benchmarks say what it takes on a quiet one."""


def test_a_machine_boots_directly_and_is_told_settings_and_secrets(
    shop: Shop, tmp_path: Path
) -> None:
    herdbook = shop.herdbook
    secret = tmp_path / "password"
    secret.write_text("correct horse battery staple")
    started = herdbook.json(
        *("run", "shop/web", "--variant", "vm", "--name", "direct"),
        *("--env", 'SHOP_NAME=It\'s "ours", 100 %', "--secret", f"database={secret}"),
    )
    assert started["ready_seconds"] < READY_LIMIT_SECONDS
    answer = json.loads(fetch(f"http://127.0.0.1:{started['ports'][0]['port']}/"))
    assert answer["shop"] == 'It\'s "ours", 100 %'
    assert answer["init"] == "systemd"
    assert answer["host"] == "direct"
    assert answer["secrets"] == ["database"]
    assert "The shop opens on port 8080" in herdbook.must("logs", "direct")
    before = time.monotonic()
    herdbook.must("stop", "direct")
    assert time.monotonic() - before < 10
    assert herdbook.json("ps") == [] or "direct" not in str(herdbook.json("ps"))


@pytest.mark.parametrize("options", [(), ("--disk",)])
def test_a_command_is_run_in_a_machine_as_its_service_runs(
    shop: Shop, options: tuple[str, ...]
) -> None:
    herdbook = shop.herdbook
    herdbook.must(
        *("run", "shop/web", "--variant", "vm", "--name", "entered", *options),
        *("--env", "SHOP_NAME=ours"),
    )
    said = herdbook.must("exec", "entered", "sh", "-c", 'echo "$SHOP_NAME $(id -un)"; pwd')
    assert said == "ours web\n/srv/shop\n"
    failed = herdbook.run("exec", "entered", "sh", "-c", "echo no >&2; exit 7")
    assert (failed.returncode, failed.stdout, failed.stderr) == (7, "", "no\n")
    herdbook.must("stop", "entered")


def test_a_machine_boots_from_its_disk_through_uefi(shop: Shop) -> None:
    herdbook = shop.herdbook
    started = herdbook.json("run", "shop/web", "--variant", "vm", "--name", "disk", "--disk")
    answer = json.loads(fetch(f"http://127.0.0.1:{started['ports'][0]['port']}/"))
    assert answer["init"] == "systemd"
    herdbook.must("stop", "disk")


def test_exported_disks_are_the_same_every_time_and_the_raw_one_is_sparse(
    shop: Shop, tmp_path: Path
) -> None:
    digests = [
        shop.herdbook.json("export", "shop/web", "--format", form, "--to", tmp_path / name)[
            "digest"
        ]
        for form, name in (("raw", "1.raw"), ("qcow2", "1.qcow2"), ("qcow2", "2.qcow2"))
    ]
    assert digests[1] == digests[2]
    raw = (tmp_path / "1.raw").stat()
    assert raw.st_blocks * 512 < raw.st_size


def test_a_rendered_root_is_the_same_in_another_store(shop: Shop, tmp_path: Path) -> None:
    """What the firmware starts follows from the layers: rendering again gives the same bytes."""
    before = _artefacts(shop)
    rendered = next(path for path in before if path.name == "root.erofs")
    content = rendered.read_bytes()
    for path in before:
        path.rename(tmp_path / path.name)
    shop.herdbook.must("export", "shop/web", "--format", "raw", "--to", tmp_path / "again.raw")
    assert rendered.read_bytes() == content
    assert (tmp_path / "again.raw").read_bytes() == (tmp_path / "disk.raw").read_bytes()


def _artefacts(shop: Shop) -> list[Path]:
    folder = next((shop.herdbook.state / "artefacts").glob("*/root.erofs")).parent
    return [path for path in folder.iterdir() if path.is_file()]
