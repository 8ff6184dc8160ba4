"""The table of who may do what is whole: each act has its roles, each verb asks for its act."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import herdbook
from herdbook.actions import identify_by_issuer, require_role, sign_move
from herdbook.channels import revoking, signing
from herdbook.people.acts import MAY, Act, role_for
from herdbook.people.model import Role

SOURCE = Path(inspect.getfile(herdbook)).parent
PAGE = (Path(__file__).parents[3] / "docs" / "people.md").read_text()
NOT_ASKED_FOR = {
    *(require_role.REFUSED, signing.FOLLOW, sign_move.SIGN_MOVE, identify_by_issuer.SEE),
    *("publish-metadata", "refuse-login", "test", "comment", "rebuild-failed"),
}
"""What the audit says that nobody gives as a command, or that comes of one that was asked for."""


def verbs() -> Iterator[tuple[str, str]]:
    """Yield every verb that is written into the audit, with the file that does it."""
    sources = (revoking, signing, require_role, sign_move, identify_by_issuer)
    constants = {name: each for source in sources for name, each in vars(source).items()}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id not in {"note", "entry", "_entry"} or len(node.args) < 3:
                continue
            verb = node.args[1]
            if isinstance(verb, ast.Constant):
                yield str(verb.value), path.name
            elif isinstance(verb, ast.Name) and verb.id in constants:
                yield str(constants[verb.id]), path.name


def test_every_act_has_roles_and_admin_is_one_of_them() -> None:
    assert set(MAY) == set(Act)
    assert all(Role.ADMIN in roles for roles in MAY.values())


def test_everybody_with_a_role_may_read() -> None:
    assert MAY[Act.READ] == set(Role)


def test_no_other_act_is_of_two_roles_so_that_duties_stay_apart() -> None:
    for act in set(Act) - {Act.READ}:
        assert MAY[act] in ({Role.ADMIN}, {role_for(act), Role.ADMIN})
        assert role_for(act) is not Role.VIEWER


def test_every_verb_of_the_audit_is_an_act() -> None:
    found = list(verbs())
    assert len(found) > 10
    acts = {each.value for each in Act} | NOT_ASKED_FOR
    assert [(verb, file) for verb, file in found if verb not in acts] == []


@pytest.mark.parametrize("act", sorted(set(Act) - {Act.READ}))
def test_every_act_is_asked_for_somewhere(act: Act) -> None:
    code = "".join(path.read_text() for path in (SOURCE / "actions").glob("*.py"))
    asked = re.findall(r"require_role\(\s*workshop, ([^)]*)", code)
    named = " ".join(asked)
    # Where one verb is several acts, what is asked for is chosen a few lines above.
    chosen = {Act.RETIRE_KEY, Act.DISTRUST_KEY, Act.PAUSE, Act.RESUME, Act.ABORT}
    assert f"Act.{act.name}" in (code if act in chosen else named)


@pytest.mark.parametrize("role", Role)
def test_every_role_is_documented(role: Role) -> None:
    assert re.search(rf"^\| {role} \|", PAGE, re.MULTILINE)
