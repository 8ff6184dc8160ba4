"""What packages say of their licences becomes SPDX expressions, and prose becomes nothing."""

import pytest

from herdbook.trust.licence_names import licensing, reference, spdx_name
from herdbook.trust.licences import of_debian_copyright, of_package_json, of_python_metadata

HEADER = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
COPYRIGHT = (
    HEADER
    + """Upstream-Name: example
Source: https://example.org/

Files: *
Copyright: 2001-2024 Somebody <s@example.org>
License: GPL-2+ or Artistic, and BSD-3-clause

Files: lib/md5.c
Copyright: none
License: public-domain
 No copyright is claimed.
 .
 License: nothing of the kind

Files: debian/*
Copyright: 2020 Someone Else
License: Expat

License: GPL-2+
 On Debian systems, see /usr/share/common-licenses/GPL-2.

License: Artistic
 On Debian systems, see /usr/share/common-licenses/Artistic.
"""
)


def debian(name: str) -> str:
    return of_debian_copyright(f"{HEADER}\nFiles: *\nCopyright: me\nLicense: {name}\n")


def python(*lines: str) -> str:
    return of_python_metadata("\n".join(["Metadata-Version: 2.1", "Name: x", *lines, "", "Text"]))


def test_a_copyright_file_holds_what_its_files_are_under_and_keeps_choices() -> None:
    assert of_debian_copyright(COPYRIGHT) == (
        "(Artistic-1.0-Perl OR GPL-2.0-or-later) AND BSD-3-Clause AND LicenseRef-public-domain"
        " AND MIT"
    )


def test_the_header_speaks_of_all_files() -> None:
    assert of_debian_copyright(f"{HEADER}License: ISC\n\nFiles: *\nLicense: MIT\n") == "ISC AND MIT"


def test_paragraphs_on_licences_count_where_no_file_names_any() -> None:
    text = f"{HEADER}\nFiles: *\nCopyright: me\n\nLicense: GPL-3\n text\n\nLicense: zlib\n text\n"
    assert of_debian_copyright(text) == "GPL-3.0-only AND Zlib"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "This package was debianized by somebody.\n\nLicense: GPL-2\n",
        "Upstream-Name: wayland\n\nFiles: *\nLicense: X11\n",
        HEADER,
        "\0\ufffd",
    ],
    ids=["empty", "prose", "no format", "header alone", "no text"],
)
def test_a_copyright_file_for_people_alone_says_nothing(text: str) -> None:
    assert of_debian_copyright(text) == ""


def test_line_ends_of_other_systems_are_read_too() -> None:
    assert of_debian_copyright(COPYRIGHT.replace("\n", "\r\n")) == of_debian_copyright(COPYRIGHT)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GPL-2", "GPL-2.0-only"),
        ("GPL-2+", "GPL-2.0-or-later"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("GPLv3+", "GPL-3.0-or-later"),
        ("GPL-3.0-or-later", "GPL-3.0-or-later"),
        ("GPL", "GPL-1.0-or-later"),
        ("LGPL-2.1+", "LGPL-2.1-or-later"),
        ("AGPL-3", "AGPL-3.0-only"),
        ("GFDL-1.2+", "GFDL-1.2-or-later"),
        ("GFDL-NIV-1.3+", "GFDL-1.3-no-invariants-or-later"),
        ("BSD-3-clause", "BSD-3-Clause"),
        ("BSD (2 clause)", "BSD-2-Clause"),
        ("Expat", "MIT"),
        ("MIT/X11", "MIT"),
        ("Apache-2", "Apache-2.0"),
        ("Artistic", "Artistic-1.0-Perl"),
        ("zlib", "Zlib"),
        ("CC0", "CC0-1.0"),
        ("public-domain", "LicenseRef-public-domain"),
        ("Public Domain", "LicenseRef-public-domain"),
        ("GPL-2+ with Bison exception", "GPL-2.0-or-later WITH Bison-exception-2.2"),
        ("GPL-3+ with Autoconf exception", "GPL-3.0-or-later WITH Autoconf-exception-generic-3.0"),
        ("GPL-2+-libtool-exception", "GPL-2.0-or-later WITH Libtool-exception"),
        ("GPL-2 with Linux-syscall-note exception", "GPL-2.0-only WITH Linux-syscall-note"),
        ("APACHE-2-LLVM-EXCEPTIONS", "Apache-2.0 WITH LLVM-exception"),
        ("GPL-2+ with OpenSSL exception", "LicenseRef-GPL-2.0-or-later-with-openssl-exception"),
        ("BSD-3-clause_California", "LicenseRef-BSD-3-clause-California"),
        ("OPL-1+", "LicenseRef-OPL-1-or-later"),
    ],
)
def test_debians_names_are_spdx_identifiers_or_references(name: str, expected: str) -> None:
    assert debian(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Expat or GPL-1+ or Artistic", "Artistic-1.0-Perl OR GPL-1.0-or-later OR MIT"),
        ("GPL-2 and LGPL-2.1 and GPL-2", "GPL-2.0-only AND LGPL-2.1-only"),
        ("Zlib and ISC or Expat", "(ISC AND Zlib) OR MIT"),
        ("Zlib, and ISC or Expat", "(ISC OR MIT) AND Zlib"),
        ("Zlib, ISC, Expat", "ISC AND MIT AND Zlib"),
        ("ISC and/or Expat", "ISC OR MIT"),
        ("LGPLv3+_or_GPLv2+", "GPL-2.0-or-later OR LGPL-3.0-or-later"),
        ("GPL-2+-or-X11", "GPL-2.0-or-later OR X11"),
        ("(Expat or ISC) and Zlib", "(MIT OR ISC) AND Zlib"),
    ],
)
def test_and_binds_closer_than_or_unless_a_comma_parts_them(name: str, expected: str) -> None:
    assert debian(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Permission to use, copy, modify, and distribute this software and its",
        "Redistribution and use in source and binary forms, with or without",
        "a, " * 5000,
    ],
    ids=["nothing", "a grant", "a condition", "endless"],
)
def test_a_text_where_the_name_should_be_is_a_licence_without_a_name(name: str) -> None:
    assert debian(name) == "LicenseRef-unnamed"


def test_a_reference_holds_no_other_signs_than_spdx_allows() -> None:
    assert reference("Tcl/Tk (BSD-like)_v8+") == "LicenseRef-Tcl-Tk-BSD-like-v8-or-later"
    assert reference("LicenseRef-Mine") == "LicenseRef-Mine"
    assert reference("§§") == "LicenseRef-unnamed"


def test_an_unknown_name_is_not_guessed() -> None:
    assert spdx_name("BSD") == ""
    assert spdx_name("GPL-9") == ""
    assert spdx_name("") == ""


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["License-Expression: mit or apache-2.0"], "MIT OR Apache-2.0"),
        (["License-Expression: ISC", "Classifier: License :: OSI Approved :: MIT License"], "ISC"),
        (["License-Expression: ((", "License: ISC"], "ISC"),
        (["Classifier: License :: OSI Approved :: MIT License", "License: ISC"], "MIT"),
        (
            [
                "Classifier: License :: OSI Approved :: MIT License",
                "Classifier: Topic :: Utilities",
                "Classifier: License :: OSI Approved :: Apache Software License",
            ],
            "Apache-2.0 AND MIT",
        ),
        (["Classifier: License :: OSI Approved :: BSD License", "License: 0BSD"], "0BSD"),
        (["License: Apache License, Version 2.0"], "Apache-2.0"),
        (["Classifier: License :: OSI Approved :: BSD License"], "LicenseRef-BSD-License"),
        (["License: BSD"], ""),
        (["License: UNKNOWN"], ""),
        (["License: This is free software.", "    Do as you like."], ""),
        (["Classifier: License :: OSI Approved"], ""),
        ([], ""),
    ],
)
def test_python_says_it_as_an_expression_or_by_classifiers_or_in_words_that_are_known(
    lines: list[str], expected: str
) -> None:
    assert python(*lines) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"license": "MIT"}, "MIT"),
        ({"license": "(MIT OR Apache-2.0)"}, "MIT OR Apache-2.0"),
        ({"license": "GPL-3.0+"}, "GPL-3.0-or-later"),
        ({"license": {"type": "BSD-2-Clause", "url": "https://example.org"}}, "BSD-2-Clause"),
        ({"licenses": [{"type": "MIT"}, {"type": "Apache-2.0"}]}, "Apache-2.0 OR MIT"),
        ({"licenses": ["MIT AND Zlib", "ISC"]}, "ISC OR (MIT AND Zlib)"),
        ({"license": "Apache 2.0"}, "Apache-2.0"),
        ({"license": "UNLICENSED"}, "LicenseRef-UNLICENSED"),
        ({"license": "apache-2.0 with llvm-exception"}, "Apache-2.0 WITH LLVM-exception"),
        ({"license": "SEE LICENSE IN LICENSE.md"}, ""),
        ({"licenses": ["MIT", "see our site for it"]}, ""),
        ({"license": "()"}, ""),
        ({"license": "(" * 5000}, ""),
        ({"license": 7}, ""),
        ({"license": None, "licenses": {}}, ""),
        ({}, ""),
    ],
)
def test_npm_says_it_as_an_expression_or_in_the_ways_of_old(
    content: dict[str, object], expected: str
) -> None:
    assert of_package_json(content) == expected


def test_an_exception_that_spdx_does_not_list_never_stands_behind_with() -> None:
    for stated in ("MIT WITH Foo", "MIT WITH Foo OR ISC", "MIT WITH LicenseRef-Foo"):
        assert "WITH" not in of_package_json({"license": stated})


def test_what_is_said_can_be_parsed_as_spdx() -> None:
    said = of_debian_copyright(COPYRIGHT)
    assert sorted(licensing().license_keys(licensing().parse(said, strict=True))) == [
        "Artistic-1.0-Perl",
        "BSD-3-Clause",
        "GPL-2.0-or-later",
        "LicenseRef-public-domain",
        "MIT",
    ]
