# The image of the action, and of the program in a container:
# `make image`, then `docker run --rm -v "$PWD:/work" -w /work testsmith suggest --base main`.
#
# The base is pinned by digest (3.13.15, Debian 13): whoever moves a tag must not run next to users' tokens. It is a
# stage because Dependabot updates `FROM` lines but not `ARG` lines. `--build-arg BASE=...` takes another one.
ARG BASE=pinned
FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS pinned

FROM ${BASE} AS build
# An environment of its own, apart from what the project under test installs. It needs no pip once it is made. Some of
# what is required is never used: PyGithub signs with cryptography, and only as an app; libcst's own program reads YAML.
# Every run is a new container: what is not compiled now would be compiled in each of them. The action uses no lexers.
COPY requirements.lock /
RUN python -m venv --without-pip /opt/testsmith \
    && python -m pip --python /opt/testsmith/bin/python install \
        --no-cache-dir --no-compile --disable-pip-version-check --only-binary=:all: --require-hashes -r /requirements.lock \
    && python -m pip --python /opt/testsmith/bin/python uninstall --yes cryptography pycparser pyyaml-ft \
    && find /opt/testsmith -depth -type d -name tests -exec rm -r {} + \
    && rm /opt/testsmith/bin/uvx \
    && /opt/testsmith/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash -x /pygments/lexers/ \
        /opt/testsmith/lib
COPY bot/testsmith /opt/testsmith/lib/python3.13/site-packages/testsmith
RUN /opt/testsmith/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        /opt/testsmith/lib/python3.13/site-packages/testsmith

FROM ${BASE}
LABEL org.opencontainers.image.source=https://github.com/testsmith-bot/testsmith-bot \
    org.opencontainers.image.licenses=MIT

# Git has no version here, to get the newest security fixes of the Debian release. Its parts in Perl (mail, gitweb) and
# its servers are not used, and are larger than the rest. Debian has the program itself twice.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/* /usr/share/perl /usr/lib/*-linux-gnu/perl /usr/lib/*-linux-gnu/libperl.so* \
        /usr/bin/scalar /usr/bin/git-shell /usr/lib/git-core/scalar /usr/lib/git-core/git-shell \
        /usr/lib/git-core/git-daemon /usr/lib/git-core/git-http-* /usr/lib/git-core/git-imap-send /usr/share/gitweb \
    && ln --symbolic --force /usr/bin/git /usr/lib/git-core/git
COPY --from=build /opt/testsmith /opt/testsmith

# Isolated mode: nothing in the current folder and no PYTHON* variable reaches the program itself.
ENTRYPOINT ["/opt/testsmith/bin/python", "-I", "-m", "testsmith"]
