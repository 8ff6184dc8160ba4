"""Has iptables keep a network's rules, in chains of its own."""

from herdbook.core.errors import EngineError
from herdbook.drivers import process
from herdbook.drivers.bridge.rules import Chains, changes

_LIMIT_SECONDS = 30.0


def keep(claimed: int, chain: str, wanted: Chains) -> None:
    """See to it that a network has just these chains; nothing is touched if it has.

    `claimed` is the descriptor of the claim on the network.
    """
    saved = process.run(["iptables-save"], limit_seconds=_LIMIT_SECONDS)
    if not saved.succeeded:
        raise _error(saved)
    document = changes(saved.output, chain, wanted)
    if not document:
        return
    # `--noflush` leaves alone what others have; `--wait` takes turns with them.
    restored = process.run(
        ["iptables-restore", "--noflush", "--wait"],
        given=document.encode(),
        limit_seconds=_LIMIT_SECONDS,
        held=claimed,
    )
    if not restored.succeeded:
        raise _error(restored)


def pass_on_nothing_else() -> None:
    """Have packets refused that no rule lets through this machine."""
    told = process.run(
        ["iptables", "--wait", "--policy", "FORWARD", "DROP"], limit_seconds=_LIMIT_SECONDS
    )
    if not told.succeeded:
        raise _error(told)


def _error(result: process.Result) -> EngineError:
    return EngineError(
        f"The rules for packets could not be changed: {result.last_words}",
        hint="See whether iptables works here: iptables-save",
    )
