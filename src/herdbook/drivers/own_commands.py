"""Runs people's own commands on this machine, without what is secret of Herdbook."""

from collections.abc import Mapping, Sequence

from herdbook.channels.ports import Ended
from herdbook.drivers import process

_OURS = "HERDBOOK_"


class HostCommands:
    """Runs them as whoever runs Herdbook; nothing of them outlives the call."""

    def run(
        self,
        command: Sequence[str],
        settings: Mapping[str, str],
        given: bytes,
        limit_seconds: float,
    ) -> Ended:
        """Run one to its end; see the port's promises."""
        passed = {
            name: value
            for name, value in process.inherited({}).items()
            if not name.startswith(_OURS)  # among them are passwords
        }
        result = process.run(
            command,
            environment={**passed, **settings},
            given=given,
            limit_seconds=limit_seconds,
        )
        return Ended(result.status, result.output + result.errors)
