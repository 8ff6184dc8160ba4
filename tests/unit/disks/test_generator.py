"""What a machine finds out about itself at its start becomes settings of its units."""

from importlib import resources
from pathlib import Path

import pytest

from herdbook.drivers import process

pytestmark = pytest.mark.root

_SURROUNDINGS = """\
set -e
mount -t tmpfs none "$2"
mount --bind "$2" /run
mount -t sysfs none /sys
for card in $4; do ip link add "$card" type bridge; done
mkdir /run/herdbook
[ -z "$5" ] || printf '%s\\n' $5 >/run/herdbook/mounted
touch /run/herdbook/herdbook.secret.token
sh "$3" "$1"
"""
"""In namespaces of its own, as nothing of it is to be seen by this machine."""


def _generate(tmp_path: Path, cards: str, mounted: str) -> dict[str, str]:
    """What the generator wrote, by path."""
    made, run, script = tmp_path / "made", tmp_path / "run", tmp_path / "generator"
    made.mkdir()
    run.mkdir()
    script.write_bytes(
        (resources.files("herdbook.disks") / "machine_files" / "generator").read_bytes()
    )
    namespaces = ["unshare", "--net", "--mount"]
    surroundings: list[str | Path] = [
        "sh",
        "-c",
        _SURROUNDINGS,
        "sh",
        made,
        run,
        script,
        cards,
        mounted,
    ]
    result = process.run([*namespaces, *surroundings])
    assert result.succeeded, result.errors
    return {
        str(path.relative_to(made)): str(path.readlink()) if path.is_symlink() else path.read_text()
        for path in made.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def test_the_service_has_its_secrets_and_ends_before_its_volumes(tmp_path: Path) -> None:
    written = _generate(tmp_path, "eth0", "/data /srv/files")
    lines = written["herdbook-service.service.d/herdbook.conf"].splitlines()
    assert "LoadCredential=token:/run/herdbook/herdbook.secret.token" in lines
    unit = lines[lines.index("RequiresMountsFor=/data") - 1 :]
    assert unit == ["[Unit]", "RequiresMountsFor=/data", "RequiresMountsFor=/srv/files"]


def test_every_card_but_the_first_asks_for_its_address_in_a_unit_of_its_own(tmp_path: Path) -> None:
    written = _generate(tmp_path, "eth0 eth1 eth2 other", "")
    wanted = {path: to for path, to in written.items() if path.startswith("herdbook.target.wants/")}
    template = "/usr/lib/systemd/system/herdbook-network@.service"
    assert wanted == {
        "herdbook.target.wants/herdbook-network@eth1.service": template,
        "herdbook.target.wants/herdbook-network@eth2.service": template,
    }


@pytest.mark.parametrize("cards", ["", "eth0"])
def test_a_machine_with_one_card_and_no_volume_has_nothing_more(tmp_path: Path, cards: str) -> None:
    written = _generate(tmp_path, cards, "")
    assert list(written) == ["herdbook-service.service.d/herdbook.conf"]
    assert "RequiresMountsFor" not in written["herdbook-service.service.d/herdbook.conf"]
