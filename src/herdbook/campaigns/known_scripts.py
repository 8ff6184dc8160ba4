"""Maintainer scripts that were read by people and that make the same of any version's files.

Each depends on its own words, on debconf's questions and on which files there are, and on nothing
that the package's files hold. The digest is of the whole script, so that a changed one is unknown.
"""

from herdbook.core.digests import Digest

KNOWN_SCRIPTS = frozenset(
    Digest(f"sha256:{each}")
    for each in (
        # git preinst: mends links of 2013, on upgrades alone
        "03af505958d20d793e10884d5d62fbd46f73f6e27d0867f6ca489e340e3bf9bd",
        # perl postinst: removes an old alternative; its trigger is for upgrades from before 5.36
        "70b2f36bdabd86865988e30334a75ef303035c8e6f32c17d94dd9ca4e168a2d0",
        # sudo preinst: looks for the sudoers files of lenny, squeeze and wheezy, on upgrades alone
        "7f0759116054e8c92903dc2a0f1f72025be3fba8946fd4949ddd6517060a3c04",
        # tzdata config: asks for a time zone, and whether there is a file of its name
        "069bf2cebd2b76fadb5689b46e10378abe7b7793105de5a7084b975ef724474b",
        # tzdata postinst: links /etc/localtime, writes the zone's name to /etc/timezone
        "8160b6fd593c06872ad43767e3cb80d1a216ef05274a4b32e4ca878bcfc3ade2",
        # xz-utils postinst: alternatives whose names a loop puts together
        "a5f4a07edfb37614c3a643f8413ed15bc9bfe321681964fc94726a82391d5841",
    )
)
