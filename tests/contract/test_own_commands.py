"""People's own commands are run as they are written, with what they are given, and no secret."""

import pytest

from herdbook.channels.ports import OwnCommands
from herdbook.core.errors import MissingToolError, TimeoutExpiredError
from herdbook.drivers.own_commands import HostCommands


@pytest.fixture
def own() -> OwnCommands:
    return HostCommands()


def test_a_command_reads_what_it_is_given_and_its_settings(own: OwnCommands) -> None:
    ended = own.run(
        ["sh", "-c", 'cat; echo "$HERDBOOK_LABEL"'], {"HERDBOOK_LABEL": "a:1"}, b"x\n", 9
    )
    assert (ended.status, ended.said) == (0, "x\na:1\n")


def test_one_that_reads_nothing_ends_all_the_same(own: OwnCommands) -> None:
    assert own.run(["true"], {}, b"x" * (1 << 20), 9).status == 0


def test_its_status_and_all_it_said_are_told(own: OwnCommands) -> None:
    ended = own.run(["sh", "-c", "echo out; echo no >&2; exit 3"], {}, b"", 9)
    assert (ended.status, ended.said) == (3, "out\nno\n")


def test_no_setting_of_herdbooks_own_is_in_its_environment(
    own: OwnCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HERDBOOK_KEY_PASSWORD", "open sesame")
    monkeypatch.setenv("OTHER", "kept")
    said = own.run(["env"], {"HERDBOOK_LABEL": "a:1"}, b"", 9).said.splitlines()
    assert [each for each in said if each.startswith("HERDBOOK_")] == ["HERDBOOK_LABEL=a:1"]
    assert "OTHER=kept" in said


def test_one_that_takes_too_long_is_stopped(own: OwnCommands) -> None:
    with pytest.raises(TimeoutExpiredError):
        own.run(["sleep", "60"], {}, b"", 0.2)


def test_one_that_is_not_here_is_said_so(own: OwnCommands) -> None:
    with pytest.raises(MissingToolError) as caught:
        own.run(["no-such-program-of-ours"], {}, b"", 9)
    assert caught.value.hint
