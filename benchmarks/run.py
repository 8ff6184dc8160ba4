"""Measures Herdbook against what people would otherwise pick, and writes the results down."""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/end_to_end"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/contract"))

from bench import Bench
from campaign import campaign_table, measure_campaigns
from catalogue import CatalogueBench
from example import ExampleBench
from fleet import fleet_table, measure_fleet
from fleet_scale import measure_scale, scale_table
from measure import Comparison, spread
from registries import measure_registries
from scale_bench import measure_registers, register_table
from signed_bench import measure_signed, signed_table

FOLDER = Path(__file__).parent


def main() -> None:
    """Run every comparison in one go."""
    with tempfile.TemporaryDirectory(prefix="herdbook-bench-", dir="/var/tmp") as name:
        bench = Bench(Path(name))
        try:
            rows = [
                replace(bench.cold_build(), goal=1.3),
                replace(bench.unchanged(), limit_seconds=0.5),
                bench.listing(),
                bench.one_file(),
                bench.container_ready(),
                replace(bench.machine_ready(), limit_seconds=12.0),
            ]
        finally:
            bench.close()
    with tempfile.TemporaryDirectory(prefix="herdbook-bench-", dir="/var/tmp") as name:
        catalogue = CatalogueBench(Path(name))
        try:
            rows += [*catalogue.cold(), catalogue.thirteenth(), *catalogue.patched()]
        finally:
            catalogue.close()
    with tempfile.TemporaryDirectory(prefix="herdbook-bench-", dir="/var/tmp") as name:
        example = ExampleBench(Path(name) / "example")
        try:
            rows += [example.cold(), example.unchanged()]
        finally:
            example.close()
    with tempfile.TemporaryDirectory(prefix="herdbook-bench-", dir="/var/tmp") as name:
        rows += measure_registries(Path(name))
    with tempfile.TemporaryDirectory(prefix="herdbook-bench-", dir="/var/tmp") as name:
        registers = measure_registers(Path(name))
    with tempfile.TemporaryDirectory(prefix="herdbook-bench-", dir="/var/tmp") as name:
        campaigns = measure_campaigns(Path(name))
    with tempfile.TemporaryDirectory(prefix="herdbook-bench-", dir="/var/tmp") as name:
        fleet = measure_fleet(Path(name))
    with tempfile.TemporaryDirectory(prefix="herdbook-bench-", dir="/var/tmp") as name:
        signed = measure_signed(Path(name))
    scale = measure_scale()
    facts = machine_facts()
    everything = {
        **facts,
        "rows": [asdict(row) for row in rows],
        "registers": [asdict(row) for row in registers],
        "campaigns": asdict(campaigns),
        "signed": [asdict(row) for row in signed],
        "fleet": asdict(fleet),
        "fleet_scale": [asdict(row) for row in scale],
    }
    tables = [
        *register_table(registers),
        *signed_table(signed),
        *campaign_table(campaigns),
        *fleet_table(fleet),
        *scale_table(scale),
    ]
    (FOLDER / "results.json").write_text(json.dumps(everything, indent=2) + "\n")
    (FOLDER / "RESULTS.md").write_text(report(facts, rows, tables))
    print((FOLDER / "RESULTS.md").read_text())


def machine_facts() -> dict[str, object]:
    """Return what the numbers were measured on and with."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {memory >> 30} GiB, Linux {platform.release()}",
        "versions": {
            name: first_line(command)
            for name, command in {
                "python": ["python3", "--version"],
                "mmdebstrap": ["mmdebstrap", "--version"],
                "buildah": ["buildah", "--version"],
                "podman": ["podman", "--version"],
                "qemu": ["qemu-system-x86_64", "--version"],
            }.items()
        },
    }


def first_line(command: list[str]) -> str:
    """Return the first line a program prints."""
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return result.stdout.splitlines()[0]


def report(facts: dict[str, object], rows: list[Comparison], tables: list[str]) -> str:
    """Render the table for people."""
    lines = [
        "# Measured",
        "",
        f"On {facts['date']}, {facts['machine']}, by `make bench`: medians of runs in turn, in",
        "seconds (smallest to largest), and the ratio of the medians. Below 1 is faster than the",
        "other tool. No KVM: machines are emulated.",
        "",
        "| what | Herdbook | other | ratio | goal | met |",
        "|---|---|---|---|---|---|",
        *(row_text(row) for row in rows),
        *tables,
        "",
        *(f"- {name}: {version}" for name, version in dict(facts["versions"]).items()),  # type: ignore[call-overload]
        "",
        "What each row compares is said in `bench.py`, `catalogue.py`, `example.py`,",
        "`registries.py`, `scale_bench.py`, `signed_bench.py`, `campaign.py`, `fleet.py` and",
        "`fleet_scale.py` of this folder.",
        "",
    ]
    return "\n".join(lines)


def row_text(row: Comparison) -> str:
    """Render one row."""
    goal, met = "", ""
    if row.goal is not None and row.ratio is not None:
        goal, met = f"ratio ≤ {row.goal}", "yes" if row.ratio <= row.goal else "no"
    if row.limit_seconds is not None:
        goal = f"≤ {row.limit_seconds} s"
        met = "yes" if statistics.median(row.ours) <= row.limit_seconds else "no"
    ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
    ours, theirs = spread(row.ours, row.unit), spread(row.theirs, row.unit)
    cells = [row.name, ours, f"{row.other}: {theirs}", ratio, goal, met]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
