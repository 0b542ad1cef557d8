"""Run the questionnaire in a process of its own, so that a test can kill it."""

import sys

from instrument.administer.application import create_app
from instrument.administer.serving import run
from instrument.store.connect import open_store
from instrument.store.tokens import load_keyring

if __name__ == "__main__":
    url, keys, port = sys.argv[1:]
    run(create_app(open_store(url), load_keyring(keys, {})), "127.0.0.1", int(port))
