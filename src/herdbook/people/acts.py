"""What can be done, and the table of who may: the only place that says which role is for what."""

from collections.abc import Mapping
from enum import StrEnum

from herdbook.people.model import Role


class Act(StrEnum):
    """Something that takes a role, called as the audit calls it."""

    READ = "read"

    BUILD = "build"
    LOCK = "lock"
    PULL = "pull"
    PROPOSE = "propose"
    REBUILD = "rebuild"
    CAMPAIGN = "campaign"
    TEST = "test"

    APPROVE = "approve"
    REJECT = "reject"
    ADD_EXCEPTION = "add-exception"
    END_EXCEPTION = "end-exception"
    SIGN_METADATA = "sign-metadata"

    PROMOTE = "promote"
    HOLD = "hold"
    RELEASE_HOLD = "release-hold"
    REVOKE = "revoke"
    REINSTATE = "reinstate"
    PUSH = "push"
    RELEASE = "release"
    ROLL_OUT = "roll-out"
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"
    TAKE_DOWN = "take-down"
    RUN = "run"
    STOP = "stop"
    EXECUTE = "execute"
    SNAPSHOT = "snapshot"
    BACK_UP = "back-up"
    RESTORE_DATA = "restore-data"
    DESTROY_DATA = "destroy-data"
    IMPORT_ADVISORIES = "import-advisories"

    SET_RULES = "set-rules"
    NAME_HOLDERS = "name-holders"
    MOVE_HOME = "move-home"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    SIGN = "sign"
    TRUST_KEY = "trust-key"
    RETIRE_KEY = "retire-key"
    DISTRUST_KEY = "distrust-key"
    ROTATE_KEY = "rotate-key"
    FORGET = "forget"
    CLEAN = "clean"
    REPAIR = "repair"
    GRANT_ROLE = "grant-role"
    WITHDRAW_ROLE = "withdraw-role"
    ADD_USER = "add-user"
    SET_PASSWORD = "set-password"  # noqa: S105 - the name of an act
    DISABLE_USER = "disable-user"
    ENABLE_USER = "enable-user"
    JOIN_GROUP = "join-group"
    LEAVE_GROUP = "leave-group"
    CREATE_TOKEN = "create-token"  # noqa: S105 - the name of an act
    REVOKE_TOKEN = "revoke-token"  # noqa: S105 - the name of an act
    ADD_ISSUER = "add-issuer"
    REMOVE_ISSUER = "remove-issuer"
    MAP_CLAIMS = "map-claims"
    UNMAP_CLAIMS = "unmap-claims"
    FORGET_PERSON = "forget-person"


_BUILDERS = (Act.BUILD, Act.LOCK, Act.PULL, Act.PROPOSE, Act.REBUILD, Act.CAMPAIGN, Act.TEST)
_APPROVERS = (
    Act.APPROVE,
    Act.REJECT,
    Act.ADD_EXCEPTION,
    Act.END_EXCEPTION,
    Act.SIGN_METADATA,
)
_OPERATORS = (
    Act.PROMOTE,
    Act.HOLD,
    Act.RELEASE_HOLD,
    Act.REVOKE,
    Act.REINSTATE,
    Act.PUSH,
    Act.RELEASE,
    Act.ROLL_OUT,
    Act.PAUSE,
    Act.RESUME,
    Act.ABORT,
    Act.TAKE_DOWN,
    Act.RUN,
    Act.STOP,
    Act.EXECUTE,
    Act.SNAPSHOT,
    Act.BACK_UP,
    Act.RESTORE_DATA,
    Act.DESTROY_DATA,
    Act.IMPORT_ADVISORIES,
)
_ADMINS = (
    Act.SET_RULES,
    Act.NAME_HOLDERS,
    Act.MOVE_HOME,
    Act.SUBSCRIBE,
    Act.UNSUBSCRIBE,
    Act.SIGN,
    Act.TRUST_KEY,
    Act.RETIRE_KEY,
    Act.DISTRUST_KEY,
    Act.ROTATE_KEY,
    Act.FORGET,
    Act.CLEAN,
    Act.REPAIR,
    Act.GRANT_ROLE,
    Act.WITHDRAW_ROLE,
    Act.ADD_USER,
    Act.SET_PASSWORD,
    Act.DISABLE_USER,
    Act.ENABLE_USER,
    Act.JOIN_GROUP,
    Act.LEAVE_GROUP,
    Act.CREATE_TOKEN,
    Act.REVOKE_TOKEN,
    Act.ADD_ISSUER,
    Act.REMOVE_ISSUER,
    Act.MAP_CLAIMS,
    Act.UNMAP_CLAIMS,
    Act.FORGET_PERSON,
)

MAY: Mapping[Act, frozenset[Role]] = {
    Act.READ: frozenset(Role),
    **dict.fromkeys(_BUILDERS, frozenset({Role.BUILDER, Role.ADMIN})),
    **dict.fromkeys(_APPROVERS, frozenset({Role.APPROVER, Role.ADMIN})),
    **dict.fromkeys(_OPERATORS, frozenset({Role.OPERATOR, Role.ADMIN})),
    **dict.fromkeys(_ADMINS, frozenset({Role.ADMIN})),
}
"""Which roles an act takes: one of them."""


def role_for(act: Act) -> Role:
    """Return the role that is meant for an act: the least that one needs."""
    return min(MAY[act], key=list(Role).index)
