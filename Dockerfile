# Two stages: the first compiles, the second holds only what runs.
FROM node:24-trixie AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
# The image brings Node, so the Node binaries among the packages are left behind.
RUN npm run build \
  && npm prune --omit=dev \
  && rm -rf node_modules/node-linux-* node_modules/.bin/node

FROM node:24-trixie-slim
# git for the infrastructure repository, ssh for remotes that use it; unshare and prlimit for rendering come with util-linux.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates git openssh-client util-linux \
  && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production TIPHYS_DATA_DIR=/data
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=build /app/bin bin
COPY --from=build /app/dist dist
COPY --from=build /app/migrations migrations
COPY --from=build /app/config config
COPY --from=build /app/examples examples
COPY --from=build /app/node_modules node_modules
RUN install --directory --owner=node --group=node --mode=0700 /data
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=5 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:3000/api/health').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "bin/tiphys.js", "serve"]
