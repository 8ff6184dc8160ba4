"""A generated catalogue of any size: the sharing of a real one, and nothing that has bytes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from herdbook.actions.inputs import inputs_of
from herdbook.actions.plan_builds import RecipeReader
from herdbook.builds.keys import build_key, wishes_key
from herdbook.builds.layer_plan import LayerEntry, LayerPlan, RootEntry, SuitePlan, write_plan
from herdbook.builds.lock import Lock, lock_path, render
from herdbook.catalogue.components import Component, Ecosystem, LayerBill, Origin
from herdbook.catalogue.model import NewVersion, Variant, VariantRecord
from herdbook.core.digests import Digest, of_bytes
from herdbook.core.whole_files import write_whole
from herdbook.images import documents
from herdbook.images.documents import LayerReference, Process
from herdbook.packages.model import LockedPackage, SignedIndex
from herdbook.recipes.catalogue import read_catalogue
from herdbook.recipes.reading import RecipeFile
from herdbook.store.versions import SqlVersions

SUITES = ("bullseye", "bookworm", "trixie")
RUNTIMES = 40
FRAMEWORKS = 10
MOMENT = datetime(2026, 11, 1, tzinfo=UTC)
INDEX = SignedIndex(pocket="main", digest=of_bytes(b"index"), date=MOMENT)

_BASE = 60
"""Packages that all images of a suite hold; 24 more lie in layers of their own by three."""

_SHARED_LAYERS = 8
_RUNTIME = 40
_MACHINE = 20
_LIBRARIES = 30


@dataclass(frozen=True)
class ScaleCatalogue:
    """A catalogue of so many images in a folder, each with both variants and 150 components."""

    folder: Path
    images: int

    @property
    def path(self) -> Path:
        """The catalogue file."""
        return self.folder / "catalogue.yaml"

    def write(self) -> None:
        """Write the catalogue, its locks and its layer plan, as building it would leave them."""
        self.folder.mkdir(parents=True)
        (self.folder / "service.py").write_text("# the service\n")
        self.path.write_text(self._text())
        write_plan(self.folder, LayerPlan(suites={suite: _plan(suite) for suite in SUITES}))
        seen = set()
        for recipe_file in read_catalogue(self.path).every():
            inputs = inputs_of(recipe_file)
            path = lock_path(recipe_file, inputs)
            if path not in seen:
                seen.add(path)
                path.parent.mkdir(exist_ok=True)
                lock = _lock(inputs, recipe_file)
                write_whole(path, render(lock).encode(), mode=0o644)

    def _text(self) -> str:
        teams = -(-self.images // (len(SUITES) * RUNTIMES * FRAMEWORKS))
        axes = {
            "suite": {suite: {} for suite in SUITES},
            "runtime": {f"r{each}": {"packages": [f"runtime{each}"]} for each in range(RUNTIMES)},
            "framework": {
                f"f{each}": {"packages": [f"framework{each}"], "service": {"env": {"F": each}}}
                for each in range(FRAMEWORKS)
            },
            "team": {f"t{each}": {"service": {"env": {"TEAM": each}}} for each in range(teams)},
        }
        catalogue = {
            "name": "{team}/{runtime}-{framework}-{suite}",
            "limit": 1_000_000,
            "defaults": {
                "from": "debian:{suite}",
                "files": [{"from": "service.py", "to": "/srv/service.py"}],
                "service": {"command": ["python3", "/srv/service.py"], "ports": [8080]},
            },
            "axes": axes,
        }
        return json.dumps(catalogue, indent=1)

    def recipes(self) -> Iterator[RecipeFile]:
        """Yield as many recipes as there are to be images."""
        return islice(read_catalogue(self.path).every(), self.images)

    def fill(self, versions: SqlVersions) -> int:
        """Put a version of every image into a register, in one transaction."""
        return versions.add_all(self._versions())

    def _versions(self) -> Iterator[NewVersion]:
        reader, billed = RecipeReader(), set[Digest]()
        texts: dict[Path, str] = {}
        for recipe_file in self.recipes():
            path, facts = reader.lock(recipe_file)
            if facts is None or facts.arrangement is None:
                raise SystemExit(f"{path} does not fit: write the catalogue anew")
            if path not in texts:
                texts[path] = path.read_text()
            files = reader.files(recipe_file)
            wishes = wishes_key(recipe_file.recipe, files)
            key = build_key(wishes, facts.lock, facts.arrangement)
            made = _version(recipe_file, texts[path], key)
            layers = {layer.digest for each in made.variants for layer in each.layers} - billed
            billed |= layers
            bills = tuple(bill for bill in _bills(recipe_file) if bill.layer in layers)
            more = {"bills": bills, "wishes": wishes, "home": str(self.path.absolute())}
            yield NewVersion(**{**made.__dict__, **more})


def _digest(*parts: object) -> Digest:
    return of_bytes(" ".join(map(str, parts)).encode())


def _groups(recipe_file: RecipeFile) -> list[tuple[str, list[str]]]:
    """Return the layers of packages that an image has, with what they hold."""
    values = recipe_file.values
    runtime, framework = values["runtime"][1:], values["framework"][1:]
    shared = [
        (f"shared{n}", [f"shared{n}-{part}" for part in range(3)]) for n in range(_SHARED_LAYERS)
    ]
    return [
        ("openssl", ["libssl3", "openssl"]),
        ("base", [f"base{n}" for n in range(_BASE)]),
        *shared,
        (f"runtime{runtime}", [f"runtime{runtime}", *(f"r{runtime}-{n}" for n in range(_RUNTIME))]),
        (f"framework{framework}", [f"framework{framework}"]),
    ]


_MACHINE_GROUP = ("machine", [f"machine{n}" for n in range(_MACHINE)])


def _plan(suite: str) -> SuitePlan:
    del suite
    layers = [
        LayerEntry(name="openssl", packages=("libssl3", "openssl")),
        LayerEntry(name="base", packages=tuple(f"base{n}" for n in range(_BASE))),
    ]
    layers += [
        LayerEntry(name=f"shared{n}", packages=tuple(f"shared{n}-{part}" for part in range(3)))
        for n in range(_SHARED_LAYERS)
    ]
    layers += [
        LayerEntry(
            name=f"runtime{each}",
            packages=(f"runtime{each}", *(f"r{each}-{n}" for n in range(_RUNTIME))),
        )
        for each in range(RUNTIMES)
    ]
    layers += [
        LayerEntry(name=f"framework{each}", packages=(f"framework{each}",))
        for each in range(FRAMEWORKS)
    ]
    layers.append(LayerEntry(name="machine", packages=tuple(_MACHINE_GROUP[1])))
    base = [name for entry in layers[: 2 + _SHARED_LAYERS] for name in entry.packages]
    roots = [RootEntry(adds=tuple(base))]
    for runtime in range(RUNTIMES):
        own = (f"runtime{runtime}", *(f"r{runtime}-{n}" for n in range(_RUNTIME)))
        roots += [
            RootEntry(on=0, adds=(*own, f"framework{framework}")) for framework in range(FRAMEWORKS)
        ]
    return SuitePlan(layers=tuple(layers), roots=tuple(roots))


def _package(suite: str, name: str) -> LockedPackage:
    source = "openssl" if name in ("libssl3", "openssl") else name.partition("-")[0]
    version = "3.0.20-1~deb12u2" if source == "openssl" else "1.2.3-4+deb12u5"
    return LockedPackage(
        name=name,
        version=version,
        architecture="amd64",
        source=source,
        source_version=version,
        pocket="main",
        path=f"pool/main/{source[0]}/{source}/{name}_{version}_amd64.deb",
        size=100_000,
        sha256=_digest(suite, name),
    )


def _lock(inputs: Digest, recipe_file: RecipeFile) -> Lock:
    suite = recipe_file.values["suite"]
    names = [name for _, held in _groups(recipe_file) for name in held]
    return Lock(
        inputs=inputs,
        suite=suite,
        indexes=(INDEX,),
        packages=tuple(_package(suite, name) for name in sorted(names)),
        machine=tuple(_package(suite, name) for name in sorted(_MACHINE_GROUP[1])),
    )


def _layers(recipe_file: RecipeFile, variant: Variant) -> tuple[list[LayerReference], int]:
    """Return a variant's layers, and how many of them other images have too."""
    values = recipe_file.values
    suite = values["suite"]
    root = (suite, values["runtime"], values["framework"], variant)
    groups = _groups(recipe_file) + ([_MACHINE_GROUP] if variant is Variant.VM else [])
    layers = [LayerReference(name, _digest("layer", suite, name), 5 << 20) for name, _ in groups]
    layers += [
        LayerReference(title, _digest(title, *root), 1 << 20)
        for title in ("bytecode", "config", "database")
    ]
    layers.append(LayerReference("python", _digest("python", suite, values["framework"]), 2 << 20))
    common = len(layers)
    layers.append(LayerReference("files", _digest("files", recipe_file.recipe.image), 10_000))
    if variant is Variant.VM:
        layers.append(LayerReference("machine", _digest("machine"), 30_000))
    return layers, common


def _bills(recipe_file: RecipeFile) -> Iterator[LayerBill]:
    suite, framework = recipe_file.values["suite"], recipe_file.values["framework"]
    for name, held in (*_groups(recipe_file), _MACHINE_GROUP):
        packages = (_package(suite, each) for each in held)
        components = tuple(
            Component(
                Ecosystem.DEBIAN,
                each.name,
                each.version,
                suite=suite,
                architecture=each.architecture,
                source=each.source,
                source_version=each.source_version,
                licence="GPL-2.0-or-later",
                digest=each.sha256,
            )
            for each in packages
        )
        yield LayerBill(_digest("layer", suite, name), components, Origin.DECLARED)
    libraries = tuple(
        Component(Ecosystem.PYTHON, f"lib{n}-{framework}", f"1.{n}", digest=_digest(n, framework))
        for n in range(_LIBRARIES)
    )
    yield LayerBill(_digest("python", suite, framework), libraries, Origin.DECLARED)
    for variant in Variant:
        for layer in _layers(recipe_file, variant)[0]:
            if layer.title in ("bytecode", "config", "database", "files", "machine"):
                yield LayerBill(layer.digest, (), Origin.DECLARED)


def _version(recipe_file: RecipeFile, lock: str, key: Digest) -> NewVersion:
    """Return a version with documents as a build renders them."""
    recipe = recipe_file.recipe
    env = dict(recipe.service.env) if recipe.service else {}
    process = Process(("/usr/bin/python3", "/srv/service.py"), env, (8080,))
    records, rendered = [], []
    for variant in (Variant.CONTAINER, Variant.VM):
        layers, common = _layers(recipe_file, variant)
        if variant is Variant.CONTAINER:
            config = documents.container_config(process, layers, MOMENT, recipe.image)
        else:
            config = documents.machine_config(process, 512 << 20, 1, 0, MOMENT)
        manifest = documents.manifest(
            config,
            layers,
            {
                documents.CREATED_ANNOTATION: documents.timestamp(MOMENT),
                "org.opencontainers.image.title": recipe.image,
            },
        )
        records.append(
            VariantRecord(variant, manifest.digest, config.digest, tuple(layers), common)
        )
        rendered += [config, manifest]
    index = documents.index([(each, {}) for each in (rendered[1], rendered[3])])
    return NewVersion(
        image=recipe.image,
        digest=index.digest,
        build_key=key,
        lock=lock,
        recipe=recipe_file.written,
        created_at=MOMENT,
        variants=tuple(records),
        documents=(index, *rendered),
    )
