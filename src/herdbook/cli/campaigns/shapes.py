"""The JSON shapes of campaigns, as docs/json.md promises them."""

from collections.abc import Iterable, Mapping
from typing import Any

from herdbook.actions.look_at_campaign import Evidence, Status
from herdbook.actions.measure_radius import Radius, Reason
from herdbook.campaigns.conditions import Finding
from herdbook.campaigns.model import Budget, Campaign, Change, Follower, Made, Proof, Target
from herdbook.images.documents import timestamp


def radius_shape(radius: Radius) -> dict[str, Any]:
    """Return what a campaign would do."""
    plan = radius.plan
    return {
        "sources": list(plan.sources),
        "offers": [
            {
                "source": each.source,
                "suite": each.suite or None,
                "held": list(each.held),
                "offered": each.offered,
                "pocket": each.pocket or None,
            }
            for each in radius.offers
        ],
        "targets": [_target(each) for each in plan.targets],
        "held": [each.purl for each in plan.held],
        "layers": plan.layers,
        "images": {way.value: count for way, count in plan.images.items()},
        "reasons": [_reason(each) for each in radius.reasons],
        "running": _running(radius.running),
        "engines_not_asked": list(plan.unseen),
        "waves": [
            {"wave": number, "level": each.level, "running": each.runs, "images": each.images}
            for number, each in enumerate(radius.waves, 1)
        ],
        "estimate": {"seconds": radius.seconds, "bytes_at_least": radius.bytes_at_least},
    }


def campaign_shape(campaign: Campaign) -> dict[str, Any]:
    """Return what a campaign is about."""
    return {
        "number": campaign.number,
        "state": campaign.state.value,
        "sources": list(campaign.sources),
        "targets": [_target(each) for each in campaign.targets],
        "budget": _budget(campaign.budget),
        "verify": campaign.verify.value,
        "created_at": timestamp(campaign.created_at),
        "ended_at": timestamp(campaign.ended_at) if campaign.ended_at else None,
        "planned": dict(campaign.planned),
    }


def status_shape(status: Status) -> dict[str, Any]:
    """Return where a campaign is."""
    return {
        **campaign_shape(status.campaign),
        "worked_at": status.worked_at,
        "followed": {way.value: count for way, count in status.followed.items()},
        "left": status.left,
        "proofs": status.proofs,
        "proofs_checked": status.checked,
        "failed": [
            {"image": each.image, "number": each.number, "reason": each.words}
            for each in status.failures
        ],
    }


def evidence_head(evidence: Evidence) -> dict[str, Any]:
    """Return all of a report but the images, of which there may be very many."""
    images = evidence.images
    return {
        **status_shape(evidence.status),
        "changes": [_change(each) for each in evidence.changes],
        "conditions": [
            {"condition": condition.value, "example": words}
            for condition, words in evidence.conditions.items()
        ],
        "reasons": [_reason(each) for each in evidence.reasons],
        "by_proof": [
            {"proof": number, "images": images.get(number, 0), **proof_shape(proof)}
            for number, proof in evidence.proofs.items()
        ],
        "running": _running(evidence.running),
        "engines_not_asked": list(evidence.unseen),
    }


def follower_shape(follower: Follower) -> dict[str, Any]:
    """Return a version that a campaign made."""
    return {
        "image": follower.image,
        "before": follower.before,
        "number": follower.number,
        "way": follower.way.value,
        "proof": follower.proof,
    }


def proof_shape(proof: Proof) -> dict[str, Any]:
    """Return why images followed the way they did."""
    return {
        "way": proof.way.value,
        "changes": [_change(each) for each in proof.changes],
        "findings": [_finding(each) for each in proof.findings],
        "layers": [
            {"title": each.title, "before": each.old, "after": each.new} for each in proof.layers
        ],
        "checked": proof.checked or None,
    }


def made_shape(made: Made | None) -> dict[str, Any] | None:
    """Return what made a version; null where no campaign did."""
    if made is None:
        return None
    fixes = [name for target in made.campaign.targets for name in target.fixes]
    about = {
        "campaign": made.campaign.number,
        "sources": list(made.campaign.sources),
        "fixes": list(dict.fromkeys(fixes)),
    }
    return {**about, "before": made.before, **proof_shape(made.proof)}


def _target(target: Target) -> dict[str, Any]:
    return {
        "suite": target.suite or None,
        "python_locks": len(target.python),
        "fixes": list(target.fixes),
        "indexes": [
            {"pocket": each.pocket, "digest": each.digest, "date": timestamp(each.date)}
            for each in target.indexes
        ],
        "packages": [
            {
                "name": each.name,
                "version": each.version,
                "source": each.source,
                "source_version": each.source_version,
                "pocket": each.pocket,
            }
            for each in target.packages
        ],
    }


def _budget(budget: Budget) -> dict[str, Any]:
    hours = [f"{moment:%H:%M}" for moment in budget.hours] if budget.hours else None
    return {"builds": budget.builds, "most_bytes": budget.most_bytes, "hours": hours}


def _change(change: Change) -> dict[str, str]:
    return {
        "name": change.name,
        "before": change.old,
        "after": change.new,
        "pocket": change.pocket,
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "condition": finding.condition.value,
        "way": finding.way.value,
        "words": finding.words,
    }


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "way": reason.way.value,
        "condition": reason.condition.value,
        "words": reason.words,
        "images": reason.images,
        "examples": list(reason.examples),
    }


def _running(running: Mapping[str, Iterable[str]]) -> list[dict[str, Any]]:
    return [{"version": label, "instances": list(names)} for label, names in running.items()]
