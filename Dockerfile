# The API, the worker and the one-shot migration are one image; docker-compose.yml tells them apart.

FROM node:22-bookworm-slim AS assets
WORKDIR /app/maps/assets
COPY maps/assets/package.json maps/assets/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund

FROM python:3.11-slim-bookworm AS build
ENV UV_PROJECT_ENVIRONMENT=/opt/kkh UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1
WORKDIR /app
RUN pip install --no-cache-dir --disable-pip-version-check 'uv>=0.7'
# first what changes seldom: a change of our own code does not fetch the environment again
COPY pyproject.toml uv.lock README.md ./
RUN uv sync --locked --no-dev --no-install-project --quiet
COPY . .
COPY --from=assets /app/maps/assets/node_modules maps/assets/node_modules
RUN /opt/kkh/bin/python -m maps.assets && rm -rf maps/assets/node_modules
# as a wheel, with the assets in it: the image needs nothing of this folder
RUN uv sync --locked --no-dev --no-editable --quiet

FROM python:3.11-slim-bookworm
# libexpat1 for GDAL inside the wheels; pg_dump and pg_restore (15, as the server's image) for backups
RUN apt-get update -q \
    && apt-get install -y -q --no-install-recommends libexpat1 postgresql-client \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --user-group --create-home --home-dir /var/lib/kkh --shell /usr/sbin/nologin kkh
COPY --from=build /opt/kkh /opt/kkh
ENV PATH=/opt/kkh/bin:$PATH HAZARD_HOME=/var/lib/kkh PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER kkh
WORKDIR /var/lib/kkh
VOLUME /var/lib/kkh
EXPOSE 8000
CMD ["kkh", "serve", "--host", "0.0.0.0", "--port", "8000"]
