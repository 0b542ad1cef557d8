"""Numbers of a report made again by other means: calls of R, named by the topic that makes the number."""

from analysis.twins.parts import METHOD, VALUES, Reason, Twin, Twins

__all__ = ["METHOD", "VALUES", "Reason", "Twin", "Twins"]
