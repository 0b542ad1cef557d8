"""The topics of the validation, one file each; a new topic is a file and a line here."""

from analysis.pipeline.context import Context
from analysis.pipeline.section import Topic
from analysis.pipeline.topics import (
    adherence,
    content_work,
    covariates,
    criterion_items,
    exploration,
    fairness,
    flow,
    groups,
    imputed,
    irt,
    items,
    longitudinal,
    mechanism,
    models,
    multiverse,
    planned_hypotheses,
    planned_models,
    priority,
    psd_audit,
    relations,
    reliability,
    retention,
    retest,
    sampling,
    scores,
    screening,
    use,
    use_course,
    validity,
)

TOPICS: tuple[Topic, ...] = (
    flow.TOPIC,
    screening.TOPIC,
    items.TOPIC,
    scores.TOPIC,
    reliability.TOPIC,
    retest.TOPIC,
    sampling.TOPIC,
    retention.TOPIC,
    exploration.TOPIC,
    models.TOPIC,
    irt.TOPIC,
    covariates.TOPIC,
    groups.TOPIC,
    longitudinal.TOPIC,
    relations.TOPIC,
    validity.TOPIC,
    fairness.TOPIC,
    use.TOPIC,
    adherence.TOPIC,
    use_course.TOPIC,
    criterion_items.TOPIC,
    mechanism.TOPIC,
    priority.TOPIC,
    psd_audit.TOPIC,
)


def content_topics(context: Context) -> list[Topic]:
    """Steps 1 to 3, where records of the work on content were given."""
    if context.content is None:
        return []
    return [content_work.DOMAIN, content_work.JUDGED, content_work.PRETESTED]


def planned_topics(context: Context) -> list[Topic]:
    """Topics that only a plan asks for: its models, its hypotheses, imputed answers and other decisions."""
    plan = context.plan
    return [
        *([planned_models.TOPIC] if plan.models else []),
        *([planned_hypotheses.TOPIC] if plan.hypotheses else []),
        *([imputed.TOPIC] if plan.imputations else []),
        *([multiverse.TOPIC] if plan.multiverse is not None else []),
    ]


__all__ = ["TOPICS", "content_topics", "planned_topics"]
