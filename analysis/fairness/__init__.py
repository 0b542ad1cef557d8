"""Differential item functioning: whether an item works alike in groups matched on the trait."""
