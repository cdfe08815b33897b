# The node of conduit as an image: what `npm pack` holds, what production needs, one platform's native
# binaries. No PostgreSQL is in it: without DATABASE_URL it is an in-memory broker.
# Node.js 24 on Debian 13: the glibc that uWebSockets.js wants, and its newest HTTP parser (docs/security.md).
ARG NODE_IMAGE=docker.io/library/node:24-trixie-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY . .
# What is optional is the build of the dashboard's, too.
RUN npm ci --no-audit --no-fund \
 && npm pack --silent --ignore-scripts --pack-destination /tmp \
 && mkdir /app \
 && tar -xzf /tmp/*.tgz -C /app --strip-components=1 \
 && npm prune --ignore-scripts --no-audit --no-fund --omit=dev --omit=optional \
 && find node_modules/uWebSockets.js -type f ! -name 'package.json' ! -name LICENSE ! -name '*.js' \
      ! -name '*.mjs' ! -name "uws_$(node -p 'process.platform + "_" + process.arch + "_" + process.versions.modules').node" \
      -delete \
 && find node_modules/uWebSockets.js -type d -empty -delete \
 && rm -f node_modules/conduit-dashboard \
 && cp -a node_modules /app/ \
 && install -m 755 ops/docker/entrypoint.sh ops/docker/make-secrets.sh ops/docker/health.mjs /app/

FROM ${NODE_IMAGE}
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app ./
# Nothing is written: the root may be read-only.
USER 1000:1000
EXPOSE 8080
# The node takes no new work and ends what it has.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=2s --timeout=3s --start-period=30s --retries=3 CMD ["node", "/app/health.mjs"]
ENTRYPOINT ["/app/entrypoint.sh"]
CMD ["serve"]
