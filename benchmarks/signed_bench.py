"""What signed versions and a long audit cost: promotions, histories, verification, as they grow."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from postgresql import new_database, running
from scale_bench import _settled
from signed_register import Copied, SignedRegister

SIZES = (10, 1_000, 10_000, 100_000)
QUESTIONS = (
    "promote",
    "what a channel means",
    "version by channel, verified",
    "channel history, newest 20",
    "channel ls, one image",
    "channel ls, all",
    "audit ls, newest 20",
    "manifest by channel",
)
GOAL_MILLISECONDS = 100

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Signed:
    """One size on one database: milliseconds by question, and what verifying the audit takes."""

    versions: int
    records: int
    database: str
    milliseconds: dict[str, float]
    verified_a_second: float
    verify_peak_megabytes: float
    stored_megabytes: float


def measure_signed(folder: Path) -> list[Signed]:
    """Measure every size on both databases; HERDBOOK_BENCH_VERSIONS names other sizes."""
    given = os.environ.get("HERDBOOK_BENCH_VERSIONS", "")
    sizes = [int(each) for each in given.split(",") if each] or list(SIZES)
    rows = []
    register = SignedRegister(folder / "SQLite", f"sqlite:///{folder}/SQLite/herdbook.db")
    with running() as server:
        for versions in sizes:
            register.grow(versions)
            copied = register.copied(
                folder / f"PostgreSQL-{versions}", new_database(server, f"signed-{versions}")
            )
            for each, database in ((register, "SQLite"), (copied, "PostgreSQL")):
                rows.append(_measure(each, database))
                print(f"  {json.dumps(asdict(rows[-1]))}", flush=True)
    return sorted(rows, key=lambda each: each.database, reverse=True)


def _measure(register: SignedRegister | Copied, database: str) -> Signed:
    stored = _settled(register.url)
    verified = _ask("verify", register)
    asked = _ask("questions", register)
    return Signed(
        register.versions,
        round(verified["records"]),
        database,
        {name: asked[name] * 1000 for name in QUESTIONS},
        verified["records"] / verified["seconds"],
        verified["peak_bytes"] / 1e6,
        stored,
    )


def _ask(which: str, register: SignedRegister | Copied) -> dict[str, float]:
    program = [sys.executable, _FOLDER / "signed_questions.py", which, register.state, register.url]
    result = subprocess.run(
        list(map(str, program)), stdout=subprocess.PIPE, text=True, check=True, env=os.environ
    )
    answer: dict[str, float] = json.loads(result.stdout)
    return answer


def signed_table(rows: list[Signed]) -> list[str]:
    """Render the table for people."""
    more = ("verified a second", "memory", "stored")
    lines = [
        "",
        "## Signed versions and a long audit",
        "",
        "Every version is signed and was promoted twice; the audit has ten records for each. One",
        "image has a tenth of all versions, all in its channels' histories: that one is asked for.",
        "A rule lets `production` have only what `testing` had. Milliseconds in a process that has",
        "its modules loaded, the fastest of 11; a version's layers are read once for each process,",
        "which is not counted. Memory is what verifying the whole audit takes.",
        "",
        f"| versions | records | database | {' | '.join([*QUESTIONS, *more])} |",
        f"|{'---|' * (len(QUESTIONS) + 6)}",
    ]
    for row in rows:
        cells = [f"{row.milliseconds[name]:.1f}" for name in QUESTIONS]
        lines.append(
            f"| {row.versions:,} | {row.records:,} | {row.database} | {' | '.join(cells)} "
            f"| {row.verified_a_second:,.0f} | {row.verify_peak_megabytes:.0f} MB "
            f"| {row.stored_megabytes:.0f} MB |"
        )
    goals = [str(GOAL_MILLISECONDS) if name != "channel ls, all" else "" for name in QUESTIONS]
    lines.append(f"| goal | | | {' | '.join(goals)} | | flat | |")
    return lines
