"""Tells of visits on Redis, to whoever listens."""

import os

import redis

_LIMIT_SECONDS = 0.5
_HOST = os.environ.get("BROKER_HOST")
_BROKER = (
    redis.Redis(_HOST, socket_connect_timeout=_LIMIT_SECONDS, socket_timeout=_LIMIT_SECONDS)
    if _HOST
    else None
)


def heard() -> bool:
    """Tell whether somebody takes events; without a broker to tell, nobody has to."""
    try:
        return _BROKER is None or bool(_BROKER.ping())
    except (redis.RedisError, OSError):
        return False


def publish(event: str) -> bool:
    """Publish an event; tell whether that could be done. Nobody has to wait for it."""
    if _BROKER is None:
        return False
    try:
        _BROKER.publish("visits", event)
    except (redis.RedisError, OSError):
        return False
    return True
