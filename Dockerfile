# The program in a container: `make image`, then `docker run --rm -v "$PWD:/work" -w /work testsmith suggest --base main`.
# Its own environment stands apart from whatever the project under test installs.
FROM python:3.13-slim

# The newest git of the image's Debian release is wanted, with its security mends, so it has no version here.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/*

COPY requirements.lock /opt/testsmith/
RUN python -m venv /opt/testsmith \
    && /opt/testsmith/bin/python -m pip install --no-cache-dir --require-hashes -r /opt/testsmith/requirements.lock

COPY bot /opt/testsmith/lib/python3.13/site-packages/bot

# Isolated mode: nothing of the folder that is worked in, and no PYTHON* variable, reaches the program itself.
ENTRYPOINT ["/opt/testsmith/bin/python", "-I", "-m", "bot"]
