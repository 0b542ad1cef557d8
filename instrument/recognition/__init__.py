"""What a file of another program holds: recognised, shown, written as a mapping, and read by it."""

from instrument.recognition.mapping import FileForm, Mapping, load_mapping, mapping_text
from instrument.recognition.whole_file import ColumnMeaning, NothingRecognised, Recognition, recognise

__all__ = [
    "ColumnMeaning",
    "FileForm",
    "Mapping",
    "NothingRecognised",
    "Recognition",
    "load_mapping",
    "mapping_text",
    "recognise",
]
