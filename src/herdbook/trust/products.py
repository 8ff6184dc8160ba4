"""Whether the product of a VEX statement is a component, or the image that holds it."""

from dataclasses import dataclass
from functools import lru_cache

from packageurl import PackageURL
from packaging.utils import canonicalize_name

from herdbook.catalogue.components import Component, Ecosystem
from herdbook.packages.suites import SUITES
from herdbook.trust.advisories import Product
from herdbook.trust.matching import package_of, version_of
from herdbook.trust.version_order import compare_versions

_IMAGE_TYPES = ("oci", "docker")
_SOURCE = "source"


@dataclass(frozen=True)
class ImageIdentity:
    """What a version of an image can be called: `shop/web`, its number, digests (`sha256:...`)."""

    name: str
    number: int
    digests: frozenset[str] = frozenset()


def speaks_of(product: Product, component: Component, image: ImageIdentity | None) -> bool:
    """Whether a product is a component as it lies in an image; None is any image.

    What is said of an image holds in that image alone, and of all its components or of those that
    are given as subcomponents. What is said of a component inside another component never holds
    here: we do not know what went into it.
    """
    if image is not None and names_image(product.identifier, image):
        inside = product.subcomponents
        return not inside or any(names_component(each, component) for each in inside)
    return not product.subcomponents and names_component(product.identifier, component)


def names_image(identifier: str, image: ImageIdentity) -> bool:
    """Whether an identifier is an image's, or one of this version's.

    It may be `shop/web`, `shop/web:3`, a digest, or a package URL of type `oci` or `docker`: then
    its name, or its `repository_url` without the registry's host, is the image's. Its version is
    a digest or a number, its `tag` is a number.
    """
    purl = _purl(identifier)
    if purl is None:
        whole = (image.name, f"{image.name}:{image.number}", *image.digests)
        return identifier in whole
    if purl.type not in _IMAGE_TYPES or not _names_repository(purl, image.name):
        return False
    versions = filter(None, (purl.version, (purl.qualifiers or {}).get("tag")))
    return all(each in (str(image.number), *image.digests) for each in versions)


def names_component(identifier: str, component: Component) -> bool:
    """Whether a package URL names a component: without a version, in every version.

    For Debian, `arch=source` names all that is built from a source package, and `distro` one suite.
    """
    purl = _purl(identifier)
    if purl is None or purl.type != component.ecosystem.value or purl.subpath:
        return False
    if component.ecosystem is Ecosystem.DEBIAN:
        return _names_debian(purl, component)
    return _names_package(purl, component) and _same_version(
        purl.version, component.version, component.ecosystem
    )


def _names_debian(purl: PackageURL, component: Component) -> bool:
    qualifiers = purl.qualifiers or {}
    architecture, suite = qualifiers.get("arch"), qualifiers.get("distro")
    from_source = architecture == _SOURCE
    name = package_of(component) if from_source else component.name
    version = version_of(component) if from_source else component.version
    if purl.namespace not in (None, "debian") or purl.name != name:
        return False
    if suite and suite not in _suite_names(component.suite):
        return False
    if architecture and not from_source and architecture != component.architecture:
        return False
    return _same_version(purl.version, version, component.ecosystem)


def _names_package(purl: PackageURL, component: Component) -> bool:
    if component.ecosystem is Ecosystem.PYTHON:
        return canonicalize_name(purl.name) == component.name
    # Package URLs of npm are in lower case, also of `JSONStream`, which is older than that rule.
    name = "/".join(filter(None, (purl.namespace, purl.name)))
    return name.lower() == component.name.lower()


def _same_version(said: str | None, version: str, ecosystem: Ecosystem) -> bool:
    return not said or said == version or compare_versions(ecosystem, said, version) == 0


def _suite_names(suite: str) -> tuple[str, ...]:
    if suite not in SUITES:
        return (suite,)
    release = SUITES[suite].release
    return suite, f"debian-{release}", str(release)


def _names_repository(purl: PackageURL, image: str) -> bool:
    name = "/".join(filter(None, (purl.namespace, purl.name)))
    repository = (purl.qualifiers or {}).get("repository_url", "").removeprefix("https://")
    if not repository:
        return name == image
    # Some write the whole path into it, others leave the name out.
    host, _, path = repository.partition("/")
    whole = path if set(host) & set(".:") or host == "localhost" else repository
    return image in (whole, "/".join(filter(None, (whole, name))))


@lru_cache(maxsize=1 << 14)
def _purl(text: str) -> PackageURL | None:
    try:
        return PackageURL.from_string(text) if text.startswith("pkg:") else None
    except ValueError:
        return None
