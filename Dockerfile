# Riverkeeper, small and unprivileged. Built from the repository: docker build -t riverkeeper .
#   docker run -p 127.0.0.1:9816:9816 -e RIVERKEEPER_DATABASE_URL=postgresql://USER:PASSWORD@HOST:5432/DATABASE riverkeeper
#   docker run --rm riverkeeper look postgresql://USER:PASSWORD@HOST:5432/DATABASE
# The URL names the user: the container's own user has a number and no name.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
# Everything that comes over the network, at the pinned releases, before the code: a change of the code fetches nothing.
COPY requirements.lock ./
RUN python -m pip download --no-cache-dir --disable-pip-version-check --require-hashes --no-deps \
    --only-binary :all: --dest /wheels --requirement requirements.lock
# What it needs, apart from its code: who pulls the next release has this layer already.
COPY pyproject.toml ./
RUN python -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
    print(*project["dependencies"], *project["optional-dependencies"]["kubernetes"], sep="\n")' > needed && \
    python -m venv --without-pip /app && python -m pip --python /app/bin/python install \
    --no-cache-dir --disable-pip-version-check --no-index --find-links /wheels --requirement needed
COPY README.md LICENSE CHANGELOG.md ./
# The package links to the last two.
COPY exporter exporter
COPY clients/sql clients/sql
COPY deploy/kubernetes deploy/kubernetes
RUN python -m pip --python /app/bin/python install --prefix /riverkeeper \
    --no-cache-dir --disable-pip-version-check --no-index --find-links /wheels --no-deps .

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="riverkeeper" \
      org.opencontainers.image.description="Liveness for River jobs" \
      org.opencontainers.image.source="https://github.com/riverkeeper/riverkeeper" \
      org.opencontainers.image.licenses="Apache-2.0"
# Nothing installs packages into a running container.
RUN python -m pip uninstall --yes --root-user-action=ignore pip && \
    rm -rf "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')/ensurepip"
COPY --from=build /app /app
COPY --from=build /riverkeeper /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# By number: Kubernetes can then see that it is not root. Nothing is written to the file system.
USER 65532:65532
EXPOSE 9816
# No HEALTHCHECK: only who sets the address and TLS knows the URL. docker-compose.yml and the Kubernetes manifests do.
ENTRYPOINT ["riverkeeper"]
CMD ["serve", "--web.listen-address", ":9816"]
