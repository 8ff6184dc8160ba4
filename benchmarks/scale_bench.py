"""What is asked of large registers: who holds openssl, a page of images, a catalogue's plan."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from postgresql import new_database, running
from scale import ScaleCatalogue
from sqlalchemy import create_engine, text

from herdbook.store.database import open_database
from herdbook.store.versions import SqlVersions

SIZES = (1_000, 10_000, 137_000)
GOALS = {
    "affected, first answer": 0.1,
    "affected, complete": 1.0,
    "rare component, complete": 1.0,
    "page of images, slowest": 0.1,
    "catalogue plan": 10.0,
}
"""Seconds, at the largest size."""

QUESTIONS = ("affected", "rare", "pages", "plan")

_FOLDER = Path(__file__).parent
_BYTES_GOAL, _MEMORY_GOAL = 1000, 500


@dataclass(frozen=True)
class Measured:
    """One size on one database: seconds by question, and MB on disk and in memory."""

    images: int
    database: str
    seconds: dict[str, float]
    stored_megabytes: float
    peak_megabytes: float


def measure(folder: Path, images: int, database: str, url: str) -> Measured:
    """Generate a catalogue and its register, and ask; the folder is thrown away afterwards."""
    catalogue = ScaleCatalogue(folder / "catalogue", images)
    state = folder / "state"
    catalogue.write()
    engine = open_database(url)
    catalogue.fill(SqlVersions(engine))
    engine.dispose()
    stored = _settled(url)
    answers = {name: _ask(name, url, state, catalogue.folder) for name in QUESTIONS}
    shutil.rmtree(catalogue.folder)
    pages = answers["pages"]
    slowest = max(pages[name] for name in ("first", "middle", "last", "matching"))
    return Measured(
        images,
        database,
        {
            "affected, first answer": answers["affected"]["first"],
            "affected, complete": answers["affected"]["complete"],
            "rare component, complete": answers["rare"]["complete"],
            "page of images, slowest": slowest,
            "catalogue plan": answers["plan"]["complete"],
        },
        stored,
        max(answer["peak_bytes"] for answer in answers.values()) / 1e6,
    )


def measure_registers(folder: Path) -> list[Measured]:
    """Measure every size on both databases; HERDBOOK_BENCH_IMAGES names other sizes."""
    given = os.environ.get("HERDBOOK_BENCH_IMAGES", "")
    sizes = [int(each) for each in given.split(",") if each] or list(SIZES)
    rows = []
    with running() as server:
        for images in sizes:
            own = folder / str(images)
            rows.append(measure(own, images, "SQLite", f"sqlite:///{own}/state/herdbook.db"))
            print(f"  {rows[-1]}")
            url = new_database(server, f"images-{images}")
            rows.append(measure(own, images, "PostgreSQL", url))
            print(f"  {rows[-1]}")
    return rows


def _ask(question: str, url: str, state: Path, catalogue: Path) -> dict[str, float]:
    program = [sys.executable, _FOLDER / "questions.py", question, url, state, catalogue]
    result = subprocess.run(
        list(map(str, program)), capture_output=True, text=True, check=True, env=os.environ
    )
    answer: dict[str, float] = json.loads(result.stdout)
    return answer


def _settled(url: str) -> float:
    """Write everything to where it belongs, and return the database's megabytes."""
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return path.stat().st_size / 1e6
    engine = create_engine(
        url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text("VACUUM ANALYZE"))
        size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    engine.dispose()
    return float(size) / 1e6


def register_table(rows: list[Measured]) -> list[str]:
    """Render the table for people."""
    names = list(GOALS)
    lines = [
        "",
        "## Many images",
        "",
        "Generated catalogues with the sharing of a real one: both variants, 150 components each,",
        "a lock for every 114 images at most. Seconds in a process that has its modules loaded; no",
        "instances run. Memory is the most that any of the questions took.",
        "",
        f"| images | database | {' | '.join(names)} | stored | memory |",
        f"|{'---|' * (len(names) + 4)}",
    ]
    for row in rows:
        cells = [f"{row.seconds[name]:.3f}" for name in names]
        lines.append(
            f"| {row.images:,} | {row.database} | {' | '.join(cells)} "
            f"| {row.stored_megabytes:.0f} MB | {row.peak_megabytes:.0f} MB |"
        )
    goals = [f"{GOALS[name]:g}" for name in names]
    lines.append(f"| goal | | {' | '.join(goals)} | {_BYTES_GOAL} MB | {_MEMORY_GOAL} MB |")
    return lines
