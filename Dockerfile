# syntax=docker/dockerfile:1
# The keeper, small and unprivileged. Built from the repository: docker build -t riverkeeper .
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY exporter exporter
RUN python -m venv /app && /app/bin/pip install --no-cache-dir --disable-pip-version-check .

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="riverkeeper" \
      org.opencontainers.image.description="Liveness for River jobs" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# By number: Kubernetes can then see that it is not root. Nothing is written to the file system.
USER 65532:65532
EXPOSE 9816
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD \
    ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9816/-/healthy', timeout=2)"]
ENTRYPOINT ["riverkeeper"]
CMD ["serve", "--web.listen-address", ":9816"]
