# The pipeline's processes. The lock holds the tools of development too: one lock, tested as it stands, is worth more
# than a smaller image.
FROM python:3.12-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY pipeline pipeline
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.12-slim
RUN useradd --uid 10001 --create-home --home-dir /var/lib/pipeline pipeline
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PIPELINE_HOME=/var/lib/pipeline
USER pipeline
WORKDIR /var/lib/pipeline
ENTRYPOINT ["pipeline"]
CMD ["--help"]
