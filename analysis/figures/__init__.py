"""Altair figures from results, shared by report and dashboard."""
