"""From a log of usage events to adherence per participant and period."""
