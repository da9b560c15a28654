# Three images of ours from one recipe, and the store's server. A zone's image holds that zone's code and no other's: the source worker could not reach
# the store if it wanted to, and the central worker has no code that makes a token from an identifier.
# Mirror the base image and pin it by digest before use: a tag can move.
FROM python:3.11.14-slim-bookworm AS airflow

ENV PYTHONPATH=/opt/gp-collect/include:/opt/gp-collect/plugins \
    AIRFLOW_HOME=/tmp/airflow \
    PYTHONUNBUFFERED=1
WORKDIR /opt/gp-collect
COPY requirements.txt ./
RUN pip install --no-cache-dir --no-deps --require-hashes --only-binary :all: -r requirements.txt \
    && python -m compileall -q /usr/local/lib/python3.11/site-packages || true \
    && mkdir -p /var/gp/crossing /var/gp/logs/source /var/gp/logs/central /var/gp/source /var/gp/central /var/gp/erasures /var/gp/receipts /var/gp/register /var/gp/answers /var/gp/lineage /var/gp/metrics \
    && chown -R 10001:10001 /var/gp
COPY dags dags
COPY plugins plugins
COPY include/policy include/policy
COPY include/crossing include/crossing
COPY include/airflow_roles include/airflow_roles
USER 10001:10001

FROM airflow AS source
COPY include/key_custody include/key_custody
COPY include/leak_search include/leak_search
COPY include/source_zone include/source_zone
USER root
RUN printf '#!/usr/local/bin/python\nimport sys\nfrom source_zone.command_line import main\nsys.exit(main())\n' \
    > /usr/local/bin/gp-source && chmod 0755 /usr/local/bin/gp-source
USER 10001:10001

FROM airflow AS central
COPY include/key_custody include/key_custody
COPY include/leak_search include/leak_search
COPY include/central_zone include/central_zone
USER root
RUN printf '#!/usr/local/bin/python\nimport sys\nfrom central_zone.command_line import main\nsys.exit(main())\n' \
    > /usr/local/bin/gp-central && chmod 0755 /usr/local/bin/gp-central
USER 10001:10001

# The store's server. The official image lacks pgaudit, which writes down who read which table; its own package sources have it.
FROM postgres:18.1-bookworm AS store
RUN apt-get update && apt-get install --yes --no-install-recommends "postgresql-18-pgaudit=18.*" && rm -rf /var/lib/apt/lists/* \
    && mkdir -p /var/lib/wal-archive && chown 999:999 /var/lib/wal-archive
# Whole or not at all, and never over another: what PostgreSQL asks of whoever keeps its log.
RUN printf '#!/bin/sh -eu\ntest ! -e "/var/lib/wal-archive/$2"\ncp "$1" "/var/lib/wal-archive/.$2.part"\nsync "/var/lib/wal-archive/.$2.part"\nmv "/var/lib/wal-archive/.$2.part" "/var/lib/wal-archive/$2"\nsync /var/lib/wal-archive\n' \
    > /usr/local/bin/keep-wal && chmod 0755 /usr/local/bin/keep-wal
COPY compose/pg_hba.conf /etc/postgresql/pg_hba.conf
