"""The JSON shapes of channels, revocations and the audit."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from herdbook.actions.list_channels import Channel
    from herdbook.actions.promote import Promotion
    from herdbook.actions.rebuild_proposal import Rebuilt
    from herdbook.actions.revoke import Reach
    from herdbook.actions.weigh_proposal import Weighed
    from herdbook.audit.chain import Record
    from herdbook.channels.model import Assignment, Hold, Revocation
    from herdbook.channels.proposals import Comment, Proposal


def assignment_shape(assignment: "Assignment") -> dict[str, Any]:
    """Return the shape of what a channel got."""
    return {
        "image": assignment.image,
        "channel": assignment.channel,
        "number": assignment.number,
        "version": assignment.version,
        "digest": assignment.digest,
        "at": assignment.at.isoformat(),
        "who": assignment.who,
        "why": assignment.why,
        "way": assignment.way.value,
    }


def promotion_shape(promotion: "Promotion") -> dict[str, Any]:
    """Return the shape of what came of a promotion."""
    return {
        **assignment_shape(promotion.assignment),
        "changed": promotion.changed,
        "before": promotion.before.version if promotion.before else None,
        "followed": [assignment_shape(each) for each in promotion.followed],
        "held": [each.channel for each in promotion.stayed],
    }


def hold_shape(hold: "Hold") -> dict[str, Any]:
    """Return the shape of a hold."""
    return {
        "image": hold.image,
        "channel": hold.channel,
        "at": hold.at.isoformat(),
        "who": hold.who,
        "why": hold.why,
    }


def channel_shape(channel: "Channel") -> dict[str, Any]:
    """Return the shape of a channel: what it means now, and who holds it."""
    return {
        "image": channel.newest.image,
        "channel": channel.newest.channel,
        "now": assignment_shape(channel.now) if channel.now else None,
        "newest": assignment_shape(channel.newest),
        "revoked": channel.revoked or None,
        "hold": hold_shape(channel.hold) if channel.hold else None,
    }


def revocation_shape(revocation: "Revocation") -> dict[str, Any]:
    """Return the shape of a revocation."""
    return {
        "image": revocation.image,
        "version": revocation.version,
        "at": revocation.at.isoformat(),
        "who": revocation.who,
        "reason": revocation.reason,
        "since": {level.value: at.isoformat() for level, at in revocation.since.items()},
        "inherited": revocation.inherited,
    }


def reach_shape(reach: "Reach", *, done: bool) -> dict[str, Any]:
    """Return the shape of what a revocation reaches; `revoked` is whether it was done."""
    return {
        "revoked": done,
        "revocation": revocation_shape(reach.revocation),
        "versions": [f"{image}:{number}" for image, number in reach.reached],
        "channels": [
            {
                "image": each.before.image,
                "channel": each.before.channel,
                "before": each.before.version,
                "after": each.after.version if each.after else None,
            }
            for each in reach.falls
        ],
        "applications": [
            {
                "application": each.application,
                "release": each.release,
                "service": each.component,
                "version": f"{each.made[0]}:{each.made[1]}",
                "instances": each.instances,
            }
            for each in reach.consumers
        ],
    }


def proposal_shape(proposal: "Proposal") -> dict[str, Any]:
    """Return the shape of a proposal."""
    return {
        "number": proposal.number,
        "image": proposal.image,
        "channel": proposal.channel,
        "version": proposal.version,
        "digest": proposal.digest,
        "who": proposal.who,
        "at": proposal.at.isoformat(),
        "why": proposal.why,
        "state": proposal.state.value,
        "ended_at": proposal.ended_at.isoformat() if proposal.ended_at else None,
        "ended_by": proposal.ended_by,
        "said": proposal.said,
        "sources": proposal.sources,
        "rebuilt": proposal.rebuilt or None,
    }


def comment_shape(comment: "Comment") -> dict[str, Any]:
    """Return the shape of what somebody said of a proposal."""
    return {"who": comment.who, "at": comment.at.isoformat(), "said": comment.said}


def rebuilt_shape(rebuilt: "Rebuilt") -> dict[str, Any]:
    """Return the shape of a proposal with the version that was rebuilt of it."""
    return {
        **proposal_shape(rebuilt.proposal),
        "rebuilt_digest": rebuilt.version.digest,
        "identical": rebuilt.is_identical,
    }


def weighed_shape(weighed: "Weighed", now: datetime) -> dict[str, Any]:
    """Return the shape of a proposal with its evidence and approvals."""
    void = dict(weighed.void)
    ballot, evidence = weighed.ballot, weighed.evidence
    standing = weighed.move.standing if weighed.move else None
    return {
        **proposal_shape(weighed.proposal),
        "before": weighed.before.number if weighed.before else None,
        "evidence": {
            "digest": evidence.digest,
            **evidence.model_dump(
                mode="json", exclude={"rule", "version", "before", "moves", "sources"}
            ),
        }
        if evidence
        else None,
        "approvals": [
            {
                "who": each.who,
                "at": each.at.isoformat(),
                "said": each.said,
                "evidence": each.evidence,
                "void": void.get(each),
            }
            for each in weighed.approvals
        ],
        "comments": [comment_shape(each) for each in weighed.comments],
        "missing": ballot.missing(now) if ballot else 0,
        "signatures": {
            "threshold": standing.threshold,
            "signed": list(standing.signed),
            "missing": list(standing.missing),
        }
        if standing
        else None,
    }


def record_shape(record: "Record") -> dict[str, Any]:
    """Return the shape of an audit record: what `audit export` writes, one on a line."""
    return record.model_dump(mode="json")
