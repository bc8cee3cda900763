# One image for the API, the workers and the migration; which of them it is, its command says.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    HF_HUB_OFFLINE=1

RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin versus \
 && install -d -o versus -g versus /data /secrets

WORKDIR /srv/versus

# The dependencies first: a change of code leaves this layer, which is nearly all of the image, as it is. CUDA comes inside
# torch's own wheel. For a host without a GPU, --build-arg PIP_EXTRA_INDEX_URL=... may name where torch's smaller CPU wheels are.
ARG PIP_EXTRA_INDEX_URL
COPY pyproject.toml requirements.lock ./
COPY app/__init__.py app/
RUN touch README.md && pip install -c requirements.lock -e .

COPY LICENSE alembic.ini ./
COPY alembic alembic
COPY models models
COPY app app

ENV VERSUS_DATA_DIR=/data
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=300s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["versus", "serve", "--host", "0.0.0.0"]
