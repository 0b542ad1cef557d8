"""From a file to the checked table of answers."""
