"""Every difference between Herdbook's roots and mmdebstrap's that is not a fault, and why.

A rule is as narrow as it can be: where contents differ it says how they are the same all the same.
"""

import normalising
from comparing import Aspect
from rules import (
    Case,
    Rule,
    empty_there,
    made_by_mmdebstrap,
    made_by_the_build,
    rules,
    same,
    same_file_in_usr,
    same_size,
)

RULES: tuple[Rule, ...] = (
    # what mmdebstrap or its apt leaves behind
    *rules(
        Aspect.MISSING,
        "mmdebstrap writes it for the root's later use, no package does",
        "etc/apt/sources.list",
        "etc/fstab",
        "etc/hostname",
        "etc/resolv.conf",
        "var/lib/dpkg/arch",
    ),
    *rules(
        Aspect.MISSING,
        "locks are made when they are taken, and say nothing",
        "etc/.pwd.lock",
        "var/cache/apt/archives/lock",
        "var/lib/apt/lists/lock",
        "var/lib/dpkg/lock",
        "var/lib/dpkg/lock-frontend",
        "var/lib/dpkg/triggers/Lock",
    ),
    *rules(
        Aspect.MISSING,
        "copies of the state before the last change say how a root came about, not what it is",
        "etc/group-",
        "etc/gshadow-",
        "etc/passwd-",
        "etc/shadow-",
        "var/cache/debconf/config.dat-old",
        "var/cache/debconf/templates.dat-old",
        "var/lib/dpkg/diversions-old",
        "var/lib/dpkg/statoverride-old",
        "var/lib/dpkg/status-old",
        "var/lib/ucf/*.[0-9]",
    ),
    Rule(
        "var/lib/apt/extended_states",
        Aspect.MISSING,
        "apt's list of what nobody asked for, empty there: mmdebstrap is asked for each by name",
        empty_there,
    ),
    Rule(
        "boot/initrd.img-*",
        Aspect.MISSING,
        "the kernel package's hook makes it; Herdbook makes the one that boots",
    ),
    Rule("etc/ssh/ssh_host_*", Aspect.MISSING, "machines do not share their keys"),
    *rules(Aspect.MISSING, "/run is made anew at every start", "run/**"),
    *(
        Rule(path, aspect, "apt gives its download folders to its own user when it first downloads")
        for path in ("var/cache/apt/archives/partial", "var/lib/apt/lists/partial")
        for aspect in (Aspect.MODE, Aspect.OWNER)
    ),
    Rule(
        "etc/machine-id",
        Aspect.MODE,
        "both empty it, mmdebstrap by a new file; systemd makes it read-only, as it is here",
        lambda case: case.ours.tree["etc/machine-id"].mode == 0o444,
    ),
    # times
    Rule(
        "**",
        Aspect.TIME,
        "what was made, copied or diverted in the root has the day of the suite's release",
        made_by_the_build,
    ),
    *(
        Rule(path, Aspect.TIME, because, made_by_mmdebstrap)
        for path, because in (
            (
                "var/lib/dpkg/info/*.list",
                "dpkg writes it when it unpacks; here it has the control file's time",
            ),
            ("usr/bin/sh", "bullseye's dash makes its own link again; here it keeps its time"),
            ("usr/share/man/man1/sh.1.gz", "as /usr/bin/sh"),
            ("etc/fonts/conf.d/*", "fontconfig links what it ships again; here it keeps its time"),
        )
    ),
    # dice and clocks
    Rule(
        "etc/ssl/certs/ssl-cert-snakeoil.pem",
        Aspect.CONTENT,
        "ssl-cert makes a certificate for this machine, for a new key and from now on",
        same(normalising.certificate),
    ),
    Rule(
        "etc/ssl/private/ssl-cert-snakeoil.key",
        Aspect.CONTENT,
        "ssl-cert makes a new key",
        same(normalising.private_key),
    ),
    Rule(
        "etc/ssl/certs/java/cacerts",
        Aspect.CONTENT,
        "a Java key store notes when each certificate was added, and a checksum over that",
        same(normalising.java_key_store),
    ),
    Rule(
        "var/lib/postgresql/*/main/global/pg_control",
        Aspect.CONTENT,
        "a cluster is named by the moment it was made, and notes its last checkpoint's",
        same(normalising.postgresql_control),
    ),
    Rule(
        "**.cpython-39.pyc",
        Aspect.CONTENT,
        "before 3.11 Python writes sets of constants by hashes, which dice decide there",
        same(normalising.bytecode),
    ),
    Rule(
        "usr/lib/jvm/*/lib/server/classes.jsa",
        Aspect.CONTENT,
        "bullseye's Java dumps its classes as they lie in memory, at random addresses",
        same_size,
    ),
    *(
        Rule(path, Aspect.CONTENT, "the cluster's log and statistics hold moments", same_size)
        for path in (
            "var/lib/postgresql/*/main/pg_stat/pgstat.stat",
            "var/lib/postgresql/*/main/pg_wal/*",
        )
    ),
    Rule(
        "var/lib/mysql/**",
        Aspect.CONTENT,
        "tables note when they were made, and a random name of the server",
        same_size,
    ),
    # what follows the order of installation
    *(
        Rule(
            path,
            Aspect.CONTENT,
            "mail servers ask for the machine's full name, there once /etc/hosts is there",
            same(normalising.without_full_name),
        )
        for path in ("etc/postfix/main.cf", "var/cache/debconf/config.dat")
    ),
    *(
        Rule(
            path,
            Aspect.CONTENT,
            "man-db notes when it met a page, and in which order",
            same(normalising.manual_pages),
        )
        for path in ("var/cache/man/index.db", "var/cache/man/*/index.db")
    ),
    Rule("**/.uuid", Aspect.CONTENT, "bullseye's fontconfig gives folders names", same_size),
    *(
        Rule(
            "var/cache/fontconfig/*-*-*-*-*-le64.cache-7",
            aspect,
            "bullseye's fontconfig names caches by the random names of folders",
        )
        for aspect in (Aspect.MISSING, Aspect.EXTRA)
    ),
    Rule("etc/aliases.db", Aspect.CONTENT, "Berkeley DB gives each file a random name", same_size),
    Rule(
        "var/lib/mysql/ib_buffer_pool",
        Aspect.CONTENT,
        "the server notes which pages were in memory, by number",
    ),
    *(
        Rule(path, Aspect.CONTENT, "lines are added in order", same(normalising.lines))
        for path in ("var/lib/dpkg/triggers/File", "var/lib/ucf/hashfile", "var/lib/ucf/registry")
    ),
    *(
        Rule(
            f"etc/systemd/{path}",
            Aspect.TARGET,
            "a unit is enabled by systemd, in /usr/lib, or before it is there by a helper, in /lib",
            same_file_in_usr,
        )
        for path in ("system/*", "system/*.wants/*", "user/*.wants/*")
    ),
    Rule("etc/passwd", Aspect.CONTENT, "users get ids in order", same(normalising.users)),
    Rule("etc/group", Aspect.CONTENT, "groups get ids in order", same(normalising.groups)),
    Rule("etc/shadow", Aspect.CONTENT, "users are added in order", same(normalising.passwords)),
    Rule("etc/gshadow", Aspect.CONTENT, "groups are added in order", same(normalising.passwords)),
)


def explain(case: Case) -> Rule | None:
    """Return the rule that explains a difference, if there is one."""
    return next((rule for rule in RULES if rule.explains(case)), None)
