"""Sizes and command lines are decided from what is known beforehand."""

from herdbook.disks.rendering import MEBIBYTE, boot_partition_bytes, command_line


def test_a_boot_partition_has_room_for_two_kernels_and_is_never_too_small_for_fat32() -> None:
    assert boot_partition_bytes(1) == 64 * MEBIBYTE
    assert boot_partition_bytes(100 * MEBIBYTE) >= 200 * MEBIBYTE
    assert boot_partition_bytes(100 * MEBIBYTE + 1) % MEBIBYTE == 0


def test_guards_against_speculation_stay_on_unless_the_processor_is_emulated() -> None:
    assert "mitigations" not in command_line()
    assert "mitigations=off" in command_line(emulated=True).split()


def test_the_command_line_names_the_host_and_the_log() -> None:
    words = command_line("web-1", log="ttyS1").split()
    assert "systemd.hostname=web-1" in words
    assert "herdbook.log=ttyS1" in words


def test_without_a_log_port_the_machine_decides_itself() -> None:
    assert "herdbook.log" not in command_line(log="")
