# The action's image, and the program in a container:
# `make image`, then `docker run --rm -v "$PWD:/work" -w /work testsmith suggest --base main`.
#
# The base is pinned by digest (3.13.15, Debian 13), as this file is built in each run of each user: whoever moves a tag
# must not run next to their tokens. Dependabot proposes newer ones (.github/dependabot.yml).
FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build

# Its own environment stands apart from whatever the project under test installs, and needs no pip once it is made.
COPY requirements.lock /
RUN python -m venv --without-pip /opt/testsmith \
    && python -m pip --python /opt/testsmith/bin/python install \
        --no-cache-dir --no-compile --disable-pip-version-check --only-binary=:all: --require-hashes -r /requirements.lock \
    && find /opt/testsmith -depth -type d -name tests -exec rm -r {} +
COPY bot/testsmith /opt/testsmith/lib/python3.13/site-packages/testsmith
# Every run is a new container: what is not compiled now would be compiled in each of them.
RUN /opt/testsmith/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/testsmith/lib

FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

# The newest git of the image's Debian release is wanted, with its security mends, so it has no version here.
# What it has in Perl (mail, `add -p`) is not used, and Perl is larger than git.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/* /usr/share/perl /usr/lib/*-linux-gnu/perl /usr/lib/*-linux-gnu/libperl.so*
COPY --from=build /opt/testsmith /opt/testsmith

# Isolated mode: nothing of the folder that is worked in, and no PYTHON* variable, reaches the program itself.
ENTRYPOINT ["/opt/testsmith/bin/python", "-I", "-m", "testsmith"]
