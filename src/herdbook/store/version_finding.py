"""Finds versions of one image by what they hold, without reading through all there are."""

from typing import Any

from sqlalchemy import Connection, Engine, Select, exists, or_, select, union

from herdbook.core.digests import Digest
from herdbook.store import schema
from herdbook.store.database import reading


class SqlVersionFinder:
    """What is looked up by its name or digest; every look is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def identified(self, image: str, number: int | None = None) -> tuple[int, Digest] | None:
        """Return number and digest of a version, or of the newest; None where there is none."""
        versions = schema.versions.c
        query = _numbers(image).add_columns(versions.digest).limit(1)
        if number is not None:
            if number > schema.MAXIMUM_NUMBER:
                return None
            query = query.where(versions.number == number)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return (row.number, Digest(row.digest)) if row else None

    def numbers(self, image: str) -> list[int]:
        """Return the numbers of all versions of an image, the newest first."""
        with reading(self._engine) as connection:
            return [number for (number,) in connection.execute(_numbers(image))]

    def names_after(self, name: str, limit: int) -> list[str]:
        """Return the names of images that come after one, in order."""
        images = schema.images.c
        query = select(images.name).where(images.name > name, images.newest_id.is_not(None))
        with reading(self._engine) as connection:
            return list(connection.execute(query.order_by(images.name).limit(limit)).scalars())

    def with_document(self, image: str, digest: Digest) -> list[int]:
        """Return the versions of an image that have a document, by number, the newest first."""
        versions, variants = schema.versions.c, schema.variants.c
        holders = union(
            select(versions.id).where(versions.digest == digest),
            select(variants.version_id).where(variants.manifest == digest),
            select(variants.version_id).where(variants.config == digest),
        )
        with reading(self._engine) as connection:
            return list(
                connection.execute(_numbers(image).where(versions.id.in_(holders))).scalars()
            )

    def with_layer(self, image: str, digest: Digest, most: int) -> list[int]:
        """Return the newest versions of an image that have a layer, by number.

        Nearly always one of an image's newest has it, so those are looked through first: from the
        layer on, one that all images share would lead to all versions there are.
        """
        with reading(self._engine) as connection:
            layers = schema.layers.c
            layer = connection.execute(select(layers.id).where(layers.digest == digest)).scalar()
            if layer is None:
                return []
            newest = connection.execute(_newest_with(image, layer, most)).all()
            found = [number for number, held in newest if held]
            return (
                found if found or len(newest) < most else _any_with(connection, image, layer, most)
            )


def _numbers(image: str) -> Select[Any]:
    """Return a query for the versions of an image, the newest first."""
    versions = schema.versions.c
    query = select(versions.number).join(schema.images, schema.images.c.id == versions.image_id)
    return query.where(schema.images.c.name == image).order_by(versions.number.desc())


def _newest_with(image: str, layer: int, most: int) -> Select[Any]:
    """Return a query for the newest versions of an image, and whether each of them has a layer."""
    variants, listed = schema.variants.c, schema.stack_layers.c
    is_stack = or_(listed.stack_id == variants.base_id, listed.stack_id == variants.own_id)
    held = exists().where(
        variants.version_id == schema.versions.c.id, is_stack, listed.layer_id == layer
    )
    return _numbers(image).add_columns(held.label("held")).limit(most)


def _any_with(connection: Connection, image: str, layer: int, most: int) -> list[int]:
    variants, listed = schema.variants.c, schema.stack_layers.c
    stacks = select(listed.stack_id).where(listed.layer_id == layer)
    holders = union(
        select(variants.version_id).where(variants.base_id.in_(stacks)),
        select(variants.version_id).where(variants.own_id.in_(stacks)),
    )
    query = _numbers(image).where(schema.versions.c.id.in_(holders)).limit(most)
    return [number for (number,) in connection.execute(query)]
