"""What the port to the Debian archive promises, tried on a small archive that fails on demand."""

import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from archive_debian import POCKETS, SUITE, Deb, Keys, TinyArchive, made_keys, make_deb
from archive_server import Mirror, served

from herdbook.actions.lock import lock
from herdbook.core import digests
from herdbook.core.errors import NetworkError, UnsatisfiableError, VerificationError
from herdbook.core.progress import NoProgress
from herdbook.drivers.apt import AptArchive, Mirrors
from herdbook.packages.model import LockedPackage, Offer, Resolution
from herdbook.recipes.reading import read_recipe
from herdbook.server.program import open_workshop
from herdbook.server.settings import Settings

# What some machines' apt is set to; none of it may loosen what we verify.
_CARELESS = """
Acquire::Check-Valid-Until "false";
Acquire::Check-Date "false";
Acquire::AllowInsecureRepositories "true";
Acquire::AllowDowngradeToInsecureRepositories "true";
Acquire::AllowWeakRepositories "true";
Acquire::GzipIndexes "true";
APT::Install-Recommends "true";
APT::Get::AllowUnauthenticated "true";
Acquire::Retries::Delay "false";
Acquire::http::Proxy::127.0.0.1 "DIRECT";
"""

_HOUR = timedelta(hours=1)

Publish = Callable[..., None]


@pytest.fixture(scope="module")
def keys() -> Iterator[Keys]:
    with made_keys() as keys:
        yield keys


@pytest.fixture(scope="module")
def debs() -> dict[str, Deb]:
    made = [
        make_deb("base", "1.0", "Essential: yes"),
        make_deb("library", "1.0-1+b1", "Source: books (1.0-1)"),
        make_deb("web", "1:2.0", "Depends: library", "Recommends: pictures", size=40_000),
        make_deb("machine", "1.0", "Depends: web", size=20_000),
        make_deb("pictures"),
        make_deb("rival", "1.0", "Conflicts: web"),
        make_deb("orphan", "1.0", "Depends: nowhere-to-be-found (>= 3)"),
    ]
    return {deb.name: deb for deb in made}


@pytest.fixture
def tiny(tmp_path: Path, keys: Keys, debs: dict[str, Deb]) -> TinyArchive:
    tiny = TinyArchive(tmp_path / "mirrors", keys)
    tiny.publish(SUITE.name, [*debs.values()])
    tiny.publish(SUITE.updates, [])
    tiny.publish(SUITE.security, [])
    return tiny


@pytest.fixture
def mirror(tiny: TinyArchive) -> Iterator[Mirror]:
    with served(tiny.folder) as mirror:
        yield mirror


@pytest.fixture
def archive(
    tmp_path: Path, tiny: TinyArchive, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> AptArchive:
    careless = tmp_path / "careless.conf"
    careless.write_text(_CARELESS)
    monkeypatch.setenv("APT_CONFIG", str(careless))
    return AptArchive(
        tmp_path / "an archive, kept",
        mirrors=mirror.mirrors,
        keyring_directory=tiny.keys.keyring_directory(),
    )


def resolve(
    archive: AptArchive, *sets: Sequence[str], essential: bool = True, installed: str = ""
) -> Resolution:
    return archive.resolve(SUITE, sets, NoProgress(), essential=essential, installed=installed)


def newest(archive: AptArchive, *names: str) -> Offer:
    return archive.newest(SUITE, names, NoProgress())


def installed(*debs: Deb) -> str:
    """What dpkg's status says where these packages are installed."""
    return "\n".join(f"{deb.fields}Status: install ok installed\n" for deb in debs)


def fetch(archive: AptArchive, packages: Sequence[LockedPackage]) -> None:
    archive.fetch(packages, NoProgress())


def names(packages: Sequence[LockedPackage]) -> list[str]:
    return [package.name for package in packages]


def locked(archive: AptArchive) -> tuple[LockedPackage, ...]:
    """The packages base, library, machine and web, locked."""
    return resolve(archive, ["machine"]).sets[0]


def files_kept(archive: AptArchive) -> dict[str, bytes]:
    return {
        path.relative_to(archive.directory / "debs").as_posix(): path.read_bytes()
        for path in (archive.directory / "debs").rglob("*")
        if path.is_file()
    }


def one(packages: Sequence[LockedPackage], name: str) -> LockedPackage:
    (found,) = [package for package in packages if package.name == name]
    return found


# --- solving


def test_each_set_holds_the_one_before_it_and_the_essential_packages(archive: AptArchive) -> None:
    first, second = resolve(archive, ["web"], ["machine"]).sets
    assert names(first) == ["base", "library", "web"]
    assert names(second) == ["base", "library", "machine", "web"]
    assert set(first) < set(second)


def test_recommended_and_unwanted_essential_packages_are_left_out(archive: AptArchive) -> None:
    (only,) = resolve(archive, ["web"], essential=False).sets
    assert names(only) == ["library", "web"]


def test_lock_records_all_that_pins_a_package(archive: AptArchive, debs: dict[str, Deb]) -> None:
    (packages,) = resolve(archive, ["web"]).sets
    library = one(packages, "library")
    deb = debs["library"]
    assert library == LockedPackage(
        name="library",
        version="1.0-1+b1",
        architecture="amd64",
        source="books",
        source_version="1.0-1",
        pocket=SUITE.name,
        path=deb.path,
        size=len(deb.content),
        sha256=digests.of_bytes(deb.content),
    )
    assert one(packages, "web").version == "1:2.0"


def test_newer_version_is_taken_from_the_security_mirror(
    archive: AptArchive, tiny: TinyArchive
) -> None:
    fixed = make_deb("library", "1.0-1+deb12u1")
    tiny.publish(SUITE.security, [fixed])
    (packages,) = resolve(archive, ["web"]).sets
    library = one(packages, "library")
    assert (library.version, library.pocket) == (fixed.version, SUITE.security)
    fetch(archive, packages)
    assert archive.kept(library).read_bytes() == fixed.content


def test_resolution_names_every_signed_index_it_came_from(
    archive: AptArchive, tiny: TinyArchive
) -> None:
    indexes = resolve(archive, ["web"]).indexes
    assert [index.pocket for index in indexes] == list(POCKETS)
    for index in indexes:
        assert index.digest == digests.of_file(tiny.inrelease(index.pocket))
        assert index.valid_until is not None
        assert index.valid_until - index.date == timedelta(days=7)


def test_the_same_index_gives_the_same_answer(archive: AptArchive) -> None:
    assert resolve(archive, ["web"], ["machine"]) == resolve(archive, ["web"], ["machine"])


def test_unknown_package_is_named_with_the_nearest_name(archive: AptArchive) -> None:
    with pytest.raises(UnsatisfiableError, match="machin'") as caught:
        resolve(archive, ["web", "machin"])
    assert "'machine'" in caught.value.hint


def test_packages_in_conflict_are_explained_by_apt(archive: AptArchive) -> None:
    with pytest.raises(UnsatisfiableError, match=r"rival : Conflicts: web"):
        resolve(archive, ["web", "rival"])


def test_conflict_between_two_sets_is_found(archive: AptArchive) -> None:
    with pytest.raises(UnsatisfiableError, match=r"rival : Conflicts: web"):
        resolve(archive, ["web"], ["rival"])


def test_missing_dependency_is_named(archive: AptArchive) -> None:
    with pytest.raises(UnsatisfiableError, match=r"orphan : Depends: nowhere-to-be-found"):
        resolve(archive, ["orphan"])


# --- what is listed


def test_what_any_pocket_lists_with_these_bytes_is_told_from_what_none_does(
    archive: AptArchive, tiny: TinyArchive
) -> None:
    """A version that was replaced, other bytes under its name, and what never was there."""
    packages = locked(archive)
    library = one(packages, "library")
    forged = library.model_copy(update={"sha256": digests.of_bytes(b"other")})
    older = library.model_copy(update={"version": "0.9-1"})
    unknown = library.model_copy(update={"name": "nowhere"})
    tiny.publish(SUITE.security, [make_deb("library", "1.0-1+deb12u1")])
    asked = [*packages, forged, older, unknown]
    assert archive.unlisted(SUITE, asked, NoProgress()) == [forged, older, unknown]
    assert archive.unlisted(SUITE, [], NoProgress()) == []


# --- solving on an installed system


def test_only_what_is_not_installed_yet_is_fetched(
    archive: AptArchive, debs: dict[str, Deb]
) -> None:
    there = installed(debs["library"])
    first, second = resolve(archive, ["web"], ["machine"], installed=there).sets
    assert names(first) == ["web"]
    assert names(second) == ["machine", "web"]


def test_package_installed_at_the_newest_version_yields_nothing(
    archive: AptArchive, debs: dict[str, Deb]
) -> None:
    (only,) = resolve(archive, ["web"], installed=installed(debs["library"], debs["web"])).sets
    assert only == ()


def test_installed_package_that_is_asked_for_is_upgraded(
    archive: AptArchive, tiny: TinyArchive, debs: dict[str, Deb]
) -> None:
    tiny.publish(SUITE.security, [make_deb("web", "1:2.1", "Depends: library")])
    (only,) = resolve(archive, ["web"], installed=installed(debs["library"], debs["web"])).sets
    assert [package.label for package in only] == ["web 1:2.1"]


def test_installed_package_is_upgraded_where_another_needs_it_and_not_else(
    archive: AptArchive, tiny: TinyArchive, debs: dict[str, Deb]
) -> None:
    newer = make_deb("library", "1.0-2")
    tiny.publish(SUITE.security, [newer, make_deb("reader", "1.0", "Depends: library (>= 1.0-2)")])
    there = installed(debs["library"], debs["base"])
    assert names(resolve(archive, ["reader"], installed=there).sets[0]) == ["library", "reader"]
    assert names(resolve(archive, ["web"], installed=there).sets[0]) == ["web"]


def test_installed_package_newer_than_the_archive_has_is_left_alone(
    archive: AptArchive, debs: dict[str, Deb]
) -> None:
    newer = replace(
        debs["library"], fields=debs["library"].fields.replace("1.0-1+b1", "1.0-9~local")
    )
    (only,) = resolve(archive, ["web", "library"], installed=installed(newer)).sets
    assert names(only) == ["web"]


def test_installed_package_is_never_removed_for_another(
    archive: AptArchive, debs: dict[str, Deb]
) -> None:
    there = installed(debs["library"], debs["web"])
    with pytest.raises(UnsatisfiableError, match=r"without removing others: web$") as caught:
        resolve(archive, ["rival"], installed=there)
    assert "stays" in caught.value.hint


def test_what_was_installed_once_is_not_taken_for_installed_later(
    archive: AptArchive, debs: dict[str, Deb]
) -> None:
    resolve(archive, ["web"], installed=installed(debs["library"]))
    (only,) = resolve(archive, ["web"]).sets
    assert names(only) == ["base", "library", "web"]


# --- what is newest


def test_newest_of_several_pockets_wins_by_dpkgs_order(
    archive: AptArchive, tiny: TinyArchive, debs: dict[str, Deb]
) -> None:
    tiny.publish(SUITE.updates, [make_deb("library", "1.0-10"), make_deb("web", "1:2.0~rc1")])
    tiny.publish(SUITE.security, [make_deb("library", "1.0-9"), make_deb("machine", "1.0+deb12u1")])
    found = newest(archive, "web", "library", "machine")
    assert [(each.label, each.pocket) for each in found.packages] == [
        ("library 1.0-10", SUITE.updates),
        ("machine 1.0+deb12u1", SUITE.security),
        (f"web {debs['web'].version}", SUITE.name),
    ]


def test_newest_is_what_the_solver_chooses_and_can_be_fetched(
    archive: AptArchive, tiny: TinyArchive, debs: dict[str, Deb]
) -> None:
    tiny.publish(SUITE.updates, [debs["base"]])
    tiny.publish(SUITE.security, [make_deb("library", "1.0-2", "Source: books (1.0-3)")])
    resolution = resolve(archive, ["machine"])
    found = newest(archive, *names(resolution.sets[0]))
    assert found.packages == resolution.sets[0]
    assert found.indexes == resolution.indexes
    fetch(archive, found.packages)


def test_names_that_no_pocket_has_are_left_out(archive: AptArchive) -> None:
    found = newest(archive, "nowhere-to-be-found", "web", "Package", "")
    assert names(found.packages) == ["web"]
    assert newest(archive).packages == ()


def test_a_newer_version_is_seen_once_it_is_published(
    archive: AptArchive, tiny: TinyArchive, debs: dict[str, Deb]
) -> None:
    (before,) = newest(archive, "web").packages
    tiny.publish(SUITE.security, [make_deb("web", "1:2.1")], age=timedelta(minutes=1))
    (after,) = newest(archive, "web").packages
    assert (before.version, after.version) == (debs["web"].version, "1:2.1")


def test_what_is_installed_somewhere_does_not_count_as_offered(
    archive: AptArchive, debs: dict[str, Deb]
) -> None:
    newer = replace(debs["web"], fields=debs["web"].fields.replace("1:2.0", "1:9.0"))
    resolve(archive, ["library"], installed=installed(newer))
    (web,) = newest(archive, "web").packages
    assert web.version == debs["web"].version


def test_one_reading_holds_for_what_is_newest_too(archive: AptArchive, mirror: Mirror) -> None:
    with archive.one_reading():
        resolve(archive, ["web"])
        mirror.asked.clear()
        newest(archive, "web")
        assert mirror.asked == []
    newest(archive, "web")
    assert mirror.asked


# --- trust


def _unsigned(tiny: TinyArchive) -> None:
    tiny.inrelease(SUITE.name).unlink()


def _signature_taken_off(tiny: TinyArchive) -> None:
    tiny.inrelease(SUITE.name).write_text((tiny.dists(SUITE.name) / "Release").read_text())


def _signed_by_a_stranger(tiny: TinyArchive) -> None:
    tiny.sign(SUITE.name, "stranger")


def _tampered_inrelease(tiny: TinyArchive) -> None:
    path = tiny.inrelease(SUITE.name)
    path.write_text(path.read_text().replace("Origin: Test", "Origin: Tost"))


def _tampered_packages(tiny: TinyArchive) -> None:
    path = tiny.packages(SUITE.name)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _appended_packages(tiny: TinyArchive) -> None:
    path = tiny.packages(SUITE.name)
    path.write_bytes(path.read_bytes() * 2)


def _expired(tiny: TinyArchive) -> None:
    tiny.publish(SUITE.name, [make_deb("web")], age=_HOUR / 3, valid_for=_HOUR / 6)


def _from_the_future(tiny: TinyArchive) -> None:
    tiny.publish(SUITE.name, [make_deb("web")], age=-_HOUR)


def _index_of_another_pocket(tiny: TinyArchive) -> None:
    """A mirror that hides fixes by serving something else that Debian signed."""
    tiny.publish(SUITE.security, [], age=_HOUR / 3, named=SUITE.updates)


def _only_a_weak_digest(tiny: TinyArchive) -> None:
    release = tiny.dists(SUITE.name) / "Release"
    text = release.read_text().replace("SHA256:", "MD5Sum:")
    release.write_text(re.sub(r"^ [0-9a-f]{64} ", f" {'0' * 32} ", text, flags=re.MULTILINE))
    tiny.sign(SUITE.name, "trusted")


_UNTRUSTED = [
    _unsigned,
    _signature_taken_off,
    _signed_by_a_stranger,
    _tampered_inrelease,
    _tampered_packages,
    _appended_packages,
    _expired,
    _from_the_future,
    _index_of_another_pocket,
    _only_a_weak_digest,
]


@pytest.mark.parametrize("spoil", _UNTRUSTED)
def test_untrusted_index_is_refused_whatever_the_machine_would_allow(
    archive: AptArchive, tiny: TinyArchive, spoil: Callable[[TinyArchive], None]
) -> None:
    spoil(tiny)
    with pytest.raises(VerificationError) as caught:
        resolve(archive, ["web"])
    assert "Nothing of it was used" in caught.value.hint


@pytest.mark.parametrize("spoil", _UNTRUSTED)
def test_untrusted_index_offers_nothing(
    archive: AptArchive, tiny: TinyArchive, spoil: Callable[[TinyArchive], None]
) -> None:
    spoil(tiny)
    with pytest.raises(VerificationError) as caught:
        newest(archive, "web")
    assert "Nothing of it was used" in caught.value.hint


@pytest.mark.parametrize("spoil", _UNTRUSTED)
def test_index_trusted_before_does_not_stand_in_for_an_untrusted_one(
    archive: AptArchive,
    tiny: TinyArchive,
    debs: dict[str, Deb],
    spoil: Callable[[TinyArchive], None],
) -> None:
    before = resolve(archive, ["web"])
    tiny.publish(SUITE.name, [*debs.values(), make_deb("library", "1.0-2")], age=_HOUR / 2)
    spoil(tiny)
    with pytest.raises(VerificationError):
        resolve(archive, ["web"])
    tiny.publish(SUITE.name, [*debs.values()], age=_HOUR / 4)
    tiny.publish(SUITE.security, [], age=_HOUR / 4)
    assert resolve(archive, ["web"]).sets == before.sets


@pytest.mark.alone  # it has seconds
def test_index_that_expires_while_the_mirror_stands_still_is_refused(
    archive: AptArchive, tiny: TinyArchive, debs: dict[str, Deb]
) -> None:
    tiny.publish(SUITE.name, [*debs.values()], valid_for=_HOUR + timedelta(seconds=6))
    resolve(archive, ["web"])
    deadline = time.monotonic() + 30
    while "is expired" not in (said := _refusal(archive)):
        assert time.monotonic() < deadline, said
        time.sleep(0.5)


def _refusal(archive: AptArchive) -> str:
    try:
        resolve(archive, ["web"])
    except VerificationError as error:
        return error.message
    return ""


# --- the network


def test_mirror_that_nobody_answers_at_is_a_network_error(
    archive: AptArchive, mirror: Mirror
) -> None:
    mirror.stop()
    with pytest.raises(NetworkError) as caught:
        resolve(archive, ["web"])
    assert "try again" in caught.value.hint


def test_mirror_that_nobody_answers_at_is_no_reason_to_use_an_old_index(
    archive: AptArchive, mirror: Mirror
) -> None:
    resolve(archive, ["web"])
    mirror.stop()
    with pytest.raises(NetworkError):
        resolve(archive, ["web"])
    with pytest.raises(NetworkError):
        newest(archive, "web")


def test_mirror_without_the_suite_is_a_network_error(
    archive: AptArchive, tiny: TinyArchive
) -> None:
    shutil.rmtree(tiny.dists(SUITE.name))
    with pytest.raises(NetworkError, match="does not have a Release file"):
        resolve(archive, ["web"])


@pytest.mark.parametrize("name", ["InRelease", "main/binary-amd64/Packages.xz"])
def test_mirror_that_fails_half_way_is_a_network_error(
    archive: AptArchive, mirror: Mirror, name: str
) -> None:
    mirror.failing.add(f"/main/dists/{SUITE.name}/{name}")
    with pytest.raises(NetworkError):
        resolve(archive, ["web"])


# --- fetching


def test_fetched_packages_are_kept_by_digest(archive: AptArchive, debs: dict[str, Deb]) -> None:
    packages = locked(archive)
    fetch(archive, packages)
    assert {archive.kept(package).read_bytes() for package in packages} == {
        debs[package.name].content for package in packages
    }
    assert sorted(files_kept(archive)) == sorted(archive.kept(each).name for each in packages)


def test_what_is_kept_costs_no_network(archive: AptArchive, mirror: Mirror) -> None:
    packages = locked(archive)
    fetch(archive, packages)
    mirror.stop()
    mirror.asked.clear()
    fetch(archive, packages)
    assert mirror.asked == []


def test_kept_packages_need_neither_mirrors_nor_the_index(
    archive: AptArchive, tmp_path: Path
) -> None:
    packages = locked(archive)
    fetch(archive, packages)
    shutil.rmtree(archive.directory / "apt")
    nowhere = Mirrors("http://127.0.0.1:1/", "http://127.0.0.1:1/")
    offline = replace(archive, mirrors=nowhere, keyring_directory=tmp_path / "none")
    fetch(offline, packages)
    assert offline.kept(packages[0]).exists()


def test_tampered_package_is_refused_and_not_kept(
    archive: AptArchive, tiny: TinyArchive, debs: dict[str, Deb]
) -> None:
    packages = locked(archive)
    content = bytearray(debs["web"].content)
    content[-100] ^= 1
    (tiny.mirror(SUITE.name) / debs["web"].path).write_bytes(content)
    with pytest.raises(VerificationError, match=r"web 1:2\.0") as caught:
        fetch(archive, packages)
    assert "mirror" in caught.value.hint
    assert not archive.kept(one(packages, "web")).exists()
    assert bytes(content) not in files_kept(archive).values()


@pytest.mark.parametrize("size", [1000, 80_000])
def test_package_of_another_size_is_refused_and_not_kept(
    archive: AptArchive, tiny: TinyArchive, debs: dict[str, Deb], size: int
) -> None:
    packages = locked(archive)
    other = make_deb("web", "1:2.0", size=size).content
    (tiny.mirror(SUITE.name) / debs["web"].path).write_bytes(other)
    with pytest.raises(VerificationError, match=r"web 1:2\.0"):
        fetch(archive, packages)
    assert other not in files_kept(archive).values()


def test_download_cut_off_keeps_what_is_complete_and_the_next_goes_on(
    archive: AptArchive, mirror: Mirror, debs: dict[str, Deb]
) -> None:
    packages = locked(archive)
    web = one(packages, "web")
    address = f"/main/{debs['web'].path}"
    mirror.cut.add(address)
    with pytest.raises(NetworkError, match=r"web 1:2\.0") as caught:
        fetch(archive, packages)
    assert "what has arrived is kept" in caught.value.hint
    assert sorted(files_kept(archive)) == sorted(
        archive.kept(each).name for each in packages if each != web
    )
    mirror.cut.clear()
    mirror.asked.clear()
    fetch(archive, packages)
    assert mirror.asked == [address]
    assert archive.kept(web).read_bytes() == debs["web"].content


def test_package_that_is_gone_from_the_archive_says_to_lock_again(
    archive: AptArchive, tiny: TinyArchive, debs: dict[str, Deb]
) -> None:
    packages = locked(archive)
    (tiny.mirror(SUITE.name) / debs["web"].path).unlink()
    with pytest.raises(NetworkError, match=r"no longer has web 1:2\.0") as caught:
        fetch(archive, packages)
    assert "herdbook lock" in caught.value.hint
    assert archive.kept(one(packages, "machine")).exists()


def test_server_that_fails_on_a_package_is_a_network_error(
    archive: AptArchive, mirror: Mirror, debs: dict[str, Deb]
) -> None:
    packages = locked(archive)
    mirror.failing.add(f"/main/{debs['web'].path}")
    with pytest.raises(NetworkError, match=r"web 1:2\.0"):
        fetch(archive, packages)


def test_server_that_is_gone_is_a_network_error(archive: AptArchive, mirror: Mirror) -> None:
    packages = locked(archive)
    mirror.stop()
    with pytest.raises(NetworkError) as caught:
        fetch(archive, packages)
    assert "Run the same command again" in caught.value.hint
    assert files_kept(archive) == {}


def test_damaged_kept_package_is_found_and_fetched_again(
    archive: AptArchive, mirror: Mirror, debs: dict[str, Deb]
) -> None:
    packages = locked(archive)
    fetch(archive, packages)
    web = archive.kept(one(packages, "web"))
    damaged = bytearray(web.read_bytes())
    damaged[500] ^= 1
    web.write_bytes(damaged)
    mirror.asked.clear()
    fetch(archive, packages)
    assert web.read_bytes() == debs["web"].content
    assert mirror.asked == [f"/main/{debs['web'].path}"]


def test_damaged_kept_package_is_never_used_offline(archive: AptArchive, mirror: Mirror) -> None:
    packages = locked(archive)
    fetch(archive, packages)
    web = archive.kept(one(packages, "web"))
    web.write_bytes(web.read_bytes()[:-1])
    mirror.stop()
    with pytest.raises(NetworkError):
        fetch(archive, packages)
    assert not web.exists()


def test_leftovers_of_a_killed_download_are_swept(archive: AptArchive) -> None:
    packages = locked(archive)
    leftover = archive.directory / "debs" / ".incoming" / "half.deb"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half")
    fetch(archive, packages)
    assert b"half" not in files_kept(archive).values()


def test_two_at_once_do_not_disturb_each_other(archive: AptArchive, mirror: Mirror) -> None:
    def work(_: int) -> Resolution:
        resolution = resolve(archive, ["web"], ["machine"])
        fetch(archive, resolution.sets[1])
        return resolution

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(work, range(4))
    assert others == [first] * 3
    assert len([path for path in mirror.asked if path.endswith(".deb")]) == 4


# --- locking


def test_mirror_rolled_back_behind_the_lock_is_refused(
    archive: AptArchive, tiny: TinyArchive, debs: dict[str, Deb], tmp_path: Path
) -> None:
    recipe = tmp_path / "web.yaml"
    recipe.write_text("image: t/web\nfrom: debian:bookworm\npackages: [web]\n")
    recipe.write_text(recipe.read_text() + "variants: [container]\n")
    merged = make_deb("usr-is-merged")
    tiny.publish(SUITE.name, [*debs.values(), merged], age=_HOUR)
    settings = Settings(tmp_path / "state", f"sqlite:///{tmp_path}/state/herdbook.db")
    workshop = replace(open_workshop(settings, NoProgress()), archive=archive)
    before = lock(workshop, read_recipe(recipe)).lock
    text = recipe.with_suffix(".lock").read_text()

    tiny.publish(SUITE.name, [*debs.values(), merged], age=30 * _HOUR)
    elsewhere = replace(archive, directory=tmp_path / "another machine")
    with pytest.raises(VerificationError, match="older than the one"):
        lock(replace(workshop, archive=elsewhere), read_recipe(recipe))
    assert recipe.with_suffix(".lock").read_text() == text
    # The machine that knows the newer index goes on with that one.
    assert lock(workshop, read_recipe(recipe)).lock == before
