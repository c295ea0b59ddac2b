"""The Chromium that the tests drive, and the benchmark."""

import shutil

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# As root, in a container, without a network: what Chromium would do beside the tests' own business.
ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def program() -> str | None:
    """Return Chromium's path, or None where there is none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)
