# syntax=docker/dockerfile:1
# The server in a container. Node runs the TypeScript source as it is, so there is nothing to compile: the
# first stage fetches the packages that run in production, the second one holds them and the source.

FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Left out: tools for development, and the Node from npm, which this image does not need. No script of a
# package is run: none of the runtime packages needs one.
RUN npm ci --omit=dev --omit=optional --ignore-scripts && npm cache clean --force

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
# For `--dev` with LEASEHOLD_DEV_DIR: a volume mounted here belongs to the user below.
RUN install --directory --owner=node --group=node --mode=0700 /var/lib/leasehold
COPY --from=packages /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY bin ./bin
COPY gen ./gen
COPY src ./src
# What a start would have to compile is kept with the image: it starts in half the time.
RUN node -e 'require("node:module").enableCompileCache("/app/node_modules/.cache/leasehold"); import("/app/src/run-server.ts")'
# The code belongs to root and is read-only for the user that runs it.
USER node
EXPOSE 8210 8211
# The listeners are on the loopback address of the container until LEASEHOLD_GRPC_ADDR and
# LEASEHOLD_HTTP_ADDR say otherwise; see docs/OPERATIONS.md. The check asks the port that is configured, by TLS where that
# is. It stays within the container, so whose certificate it is does not matter.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "const { LEASEHOLD_HTTP_ADDR: address, LEASEHOLD_TLS_CERT_FILE: tls } = process.env; const port = (address || ':8211').split(':').at(-1); require(tls ? 'node:https' : 'node:http').get({ host: '127.0.0.1', port, path: '/healthz', rejectUnauthorized: false, signal: AbortSignal.timeout(2000) }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
CMD ["node", "--disable-sigusr1", "src/main.ts"]
