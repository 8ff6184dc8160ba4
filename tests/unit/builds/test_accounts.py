"""The recipe's user exists in every account file, with the same id in every image."""

import pytest

from herdbook.builds.accounts import (
    ACCOUNT_FILES,
    USER_ID,
    Account,
    account_in,
    add_account,
    numbered,
)
from herdbook.core.errors import ConflictError

EPOCH = 1_686_355_200
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:34::/var/www:/bin/sh\n",
    "etc/group": "root:x:0:\nusers:x:100:\nwww-data:x:34:\n",
    "etc/shadow": "root:*:19518:0:99999:7:::\n",
    "etc/gshadow": "root:*::\n",
}


def test_a_new_user_is_in_every_file_and_cannot_log_in() -> None:
    account, changed = add_account(FILES, "web", EPOCH)
    assert account == Account("web", USER_ID, USER_ID)
    assert set(changed) == set(ACCOUNT_FILES)
    added = {path: text.removeprefix(FILES[path]) for path, text in changed.items()}
    assert added == {
        "etc/passwd": "web:x:10000:10000::/nonexistent:/usr/sbin/nologin\n",
        "etc/group": "web:x:10000:\n",
        "etc/shadow": "web:!:19518:0:99999:7:::\n",
        "etc/gshadow": "web:!::\n",
    }
    assert account_in(changed["etc/passwd"], "web") == account


@pytest.mark.parametrize(
    ("numbers", "own"), [((33, 34), True), ((33, 0), False), ((4711, 0), False), ((34, 33), False)]
)
def test_a_number_has_its_own_group_where_the_files_say_so(
    numbers: tuple[int, int], *, own: bool
) -> None:
    account = numbered(FILES["etc/passwd"], *numbers)
    assert account == Account(str(numbers[0]), *numbers, own)


def test_adding_a_user_again_changes_nothing() -> None:
    account, changed = add_account(FILES, "web", EPOCH)
    assert add_account({**FILES, **changed}, "web", EPOCH) == (account, {})


def test_a_user_of_the_packages_keeps_its_ids() -> None:
    assert add_account(FILES, "www-data", EPOCH) == (Account("www-data", 33, 34), {})
    assert add_account(FILES, "root", EPOCH) == (Account("root", 0, 0), {})


def test_a_name_taken_by_a_group_alone_is_refused() -> None:
    with pytest.raises(ConflictError, match="users"):
        add_account(FILES, "users", EPOCH)


def test_names_are_compared_whole() -> None:
    assert account_in(FILES["etc/passwd"], "www") is None
    assert account_in(FILES["etc/passwd"], "data") is None
    assert add_account(FILES, "user", EPOCH)[0].user_id == USER_ID


def test_files_an_image_lacks_are_not_made() -> None:
    few = {path: FILES[path] for path in ("etc/passwd", "etc/group")}
    assert set(add_account(few, "web", EPOCH)[1]) == set(few)


def test_a_last_line_without_an_end_is_not_joined() -> None:
    cut = {path: text.rstrip("\n") for path, text in FILES.items()}
    _, changed = add_account(cut, "web", EPOCH)
    assert all(text.splitlines()[-1].startswith("web:") for text in changed.values())


def test_the_users_of_two_images_on_each_other_are_not_one() -> None:
    """A parent's files would otherwise belong to the child's user."""
    parent, changed = add_account(FILES, "app", EPOCH)
    child, _ = add_account({**FILES, **changed}, "web", EPOCH)
    assert (parent.user_id, child.user_id) == (USER_ID, USER_ID + 1)
    assert child.group_id == USER_ID + 1
