"""Roots are made in an order dpkg accepts, and keep nothing that speaks of their making."""

import os
import subprocess
from pathlib import Path

import pytest

from herdbook.builds.cleaning import clean
from herdbook.builds.roots import install_environment, install_script, make_skeleton
from herdbook.packages.suites import SUITES

FILES = {"base-passwd": "base-passwd_1.deb", "dpkg": "dpkg_1.deb", "hello": "hello_1.deb"}


@pytest.mark.parametrize(
    "name",
    [
        "var/log/dpkg.log",
        "var/log/apt/history.log",
        "var/cache/ldconfig/aux-cache",
        "var/lib/dpkg/status-old",
        "var/lib/dpkg/lock-frontend",
        "etc/passwd-",
        "etc/hostname",
        "etc/ssh/ssh_host_rsa_key",
        "var/lib/systemd/random-seed",
        "usr/sbin/policy-rc.d",
        "tmp/deep/file",
        "run/lock/file",
    ],
)
def test_what_speaks_of_the_build_or_must_differ_is_removed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text("x")
    clean(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "name", ["etc/passwd", "etc/ssh/sshd_config", "var/lib/dpkg/status", "var/log/lastlog", "tmpx"]
)
def test_all_else_is_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("x")
    clean(tmp_path)
    assert (tmp_path / name).read_text() == "x"


def test_the_identity_of_a_machine_is_emptied_and_never_made_up(tmp_path: Path) -> None:
    clean(tmp_path)
    assert not (tmp_path / "etc").exists()
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-id").write_text("0123")
    clean(tmp_path)
    assert (tmp_path / "etc/machine-id").read_bytes() == b""


def test_cleaning_follows_no_link_out_of_the_folder(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (outside / "file").touch()
    (root / "tmp").mkdir(parents=True)
    (root / "tmp" / "link").symlink_to(outside)
    (root / "tmp" / "dangling").symlink_to("absent")
    clean(root)
    assert (outside / "file").exists()
    assert list((root / "tmp").iterdir()) == []


def test_a_skeleton_is_merged_before_any_package_comes(tmp_path: Path) -> None:
    make_skeleton(tmp_path)
    for name in ("bin", "lib", "lib64", "sbin"):
        assert (tmp_path / name).readlink() == Path(f"usr/{name}")
        assert (tmp_path / "usr" / name).is_dir()


def test_the_first_stage_of_an_empty_root_is_forced_and_accounts_come_first() -> None:
    script = install_script([["base-passwd", "dpkg"], ["hello"]], FILES, from_nothing=True)
    lines = [line for line in script.splitlines() if "--install" in line]
    assert len(lines) == 3
    assert lines[0].endswith("--force-depends --install /run/herdbook/debs/base-passwd_1.deb")
    assert lines[1].endswith("base-passwd_1.deb /run/herdbook/debs/dpkg_1.deb")
    assert lines[2].endswith("--install /run/herdbook/debs/hello_1.deb")
    assert "--force-depends" not in lines[2]


def test_nothing_is_forced_on_a_root_that_stands() -> None:
    script = install_script([["hello"]], FILES, from_nothing=False)
    assert "--force-depends" not in script
    assert "base-passwd" not in script


@pytest.mark.parametrize("from_nothing", [False, True])
def test_scripts_are_such_as_a_shell_reads(from_nothing: bool) -> None:  # noqa: FBT001
    script = install_script([["hello"]], FILES, from_nothing=from_nothing)
    done = subprocess.run(["sh", "-n"], input=script.encode(), check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "dpkg --audit" in script


def test_services_are_kept_from_starting(tmp_path: Path) -> None:
    script = install_script([], {}, from_nothing=False).splitlines()
    prepare = "\n".join(script[: script.index("ldconfig")]).replace("/usr/sbin", str(tmp_path))
    subprocess.run(["sh", "-e", "-c", prepare], check=True)
    done = subprocess.run([tmp_path / "policy-rc.d"], check=False)
    assert done.returncode == 101


def test_libraries_are_looked_for_when_all_are_there() -> None:
    """Whatever the order was: some packages bring a library and trigger nothing."""
    lines = install_script([["hello"], ["more"]], FILES | {"more": "more.deb"}, from_nothing=False)
    assert lines.index("more.deb") < lines.index("\nldconfig\n") < lines.index("dpkg --audit")


def test_old_pythons_new_modules_are_compiled_without_dice(tmp_path: Path) -> None:
    """Only those of this installation that have a source: what lies below was compiled before."""
    usr = tmp_path / "usr"
    python, mark = usr / "bin/python3.9", usr / "sbin/policy-rc.d"
    for name, seconds in (("b", 30), ("a", 30), ("old", 10), ("gone", 30)):
        compiled = usr / f"lib/__pycache__/{name}.cpython-39.pyc"
        compiled.parent.mkdir(parents=True, exist_ok=True)
        compiled.touch()
        os.utime(compiled, (seconds, seconds))
        if name != "gone":
            (usr / f"lib/{name}.py").touch()
    for path in (python, mark):
        path.parent.mkdir()
        path.write_text('#!/bin/sh\necho "seed $PYTHONHASHSEED: $*"\ncat\n')
        path.chmod(0o755)
    os.utime(mark, (20, 20))
    script = install_script([], {}, from_nothing=False)
    compiling = script[script.index("if test") : script.index("fi\n") + 3]
    done = subprocess.run(
        ["sh", "-euc", compiling.replace("/usr", str(usr))],
        env={"PATH": f"{python.parent}:{os.defpath}"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"seed 0: -m py_compile -\n{usr}/lib/a.py\n{usr}/lib/b.py\n"


def test_packages_are_told_one_time_and_asked_nothing() -> None:
    environment = install_environment(SUITES["bookworm"])
    assert environment["SOURCE_DATE_EPOCH"] == "1686355200"
    assert environment["DEBIAN_FRONTEND"] == "noninteractive"
    assert (environment["TZ"], environment["LC_ALL"]) == ("UTC", "C.UTF-8")
