"""Starts a container of what is wanted, and leaves nothing where that fails."""

import signal
from dataclasses import replace

from herdbook.core.clock import Clock
from herdbook.core.errors import NotFoundError
from herdbook.core.signals import signal_number
from herdbook.drivers.host_ports import refuse_taken_ports
from herdbook.drivers.podman import command
from herdbook.drivers.podman.images import Images
from herdbook.drivers.podman.instance_files import Attempt, InstanceFiles
from herdbook.drivers.podman.labels import ATTEMPT_LABEL, container_name, from_labels, to_labels
from herdbook.drivers.podman.run_command import Run, arguments, environment_of
from herdbook.drivers.podman.trial import Trial
from herdbook.drivers.process_identity import identify
from herdbook.fleet.instances import ContainerArtefact, Seen, Wanted

_OWN_NAME_ADDRESS = "127.0.1.1"
"""What Debian has a machine's own name stand for where it has no address."""


class Starter:
    """Starts containers of one scope with a single call of Podman, which knows what is taken."""

    def __init__(self, scope: str, trial: Trial, images: Images, clock: Clock) -> None:
        self._scope = scope
        self._trial = trial
        self._images = images
        self._clock = clock

    def start(self, wanted: Wanted, artefact: ContainerArtefact) -> Seen:
        """Start a container; whoever calls holds the claim on its name."""
        refuse_taken_ports(wanted.published)
        try:
            return self._start(wanted, artefact)
        except NotFoundError:  # somebody has removed the image: it is imported anew
            self._images.forget(artefact, wanted.origin.image)
            return self._start(wanted, artefact)

    def _start(self, wanted: Wanted, artefact: ContainerArtefact) -> Seen:
        flags = self._trial.flags()
        image = self._images.stored(artefact, wanted.origin.image)
        files = InstanceFiles(self._scope, wanted.name)
        container = container_name(self._scope, wanted.name)
        labels = to_labels(wanted, self._scope, self._clock.now())
        with files.attempt() as attempt:
            handed_over = _hand_over(wanted, attempt)
            run = Run(container, wanted, image, labels, attempt, handed_over, flags)
            _run(run)
            process = identify(attempt.started_process_id())
            if process:
                stop_signal = signal_number(wanted.process.stop_signal or image.stop_signal)
                # For what is no signal Podman, too, takes this one.
                files.note_process(process, stop_signal or signal.SIGTERM)
        return replace(from_labels(labels), process=process)


def _hand_over(wanted: Wanted, attempt: Attempt) -> list[str]:
    """Write all that the container is given; return the flags for what stays."""
    attempt.write_environment(environment_of(wanted))
    flags = attempt.write_secrets(wanted.secrets, wanted.user_id, wanted.secret_paths)
    if wanted.plugs and wanted.plugs.namespace:
        address = wanted.plugs.address or _OWN_NAME_ADDRESS
        flags += attempt.write_hosts(address, wanted.name, wanted.names)
    return flags


def _run(run: Run) -> None:
    try:
        with command.AT_ONCE:
            command.call(arguments(run))
    except BaseException:
        _remove(run.attempt)
        raise


def _remove(attempt: Attempt) -> None:
    """Remove the container that this start has made, if it has: its name may be another's."""
    own = f"--filter=label={ATTEMPT_LABEL}={attempt.name}"
    for container in command.call(["ps", "--all", "--quiet", own]).split():
        command.call(["rm", "--force", "--ignore", "--volumes", "--time=0", container])
