"""A first instrument file from a survey's definition, a data file or keys; guesses are marked."""

from instrument.drafting.keys import draft_from_keys
from instrument.drafting.question import Draft, DraftQuestion, LeftOut
from instrument.drafting.sources import draft_from_file
from instrument.drafting.writing import draft_text

__all__ = ["Draft", "DraftQuestion", "LeftOut", "draft_from_file", "draft_from_keys", "draft_text"]
