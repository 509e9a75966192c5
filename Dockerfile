# kafka-trail's store: indexer, watcher and doors in one small container. `docker compose up` builds it.
FROM node:24-alpine AS build
WORKDIR /app
# No install scripts: what is needed of native code comes prebuilt, for musl too.
COPY package.json package-lock.json ./
COPY trace-store/package.json trace-store/
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build \
  && npm ci --ignore-scripts --omit=dev \
  && find trace-store/schema -name '*.ts' -delete

FROM node:24-alpine
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/trace-store/package.json trace-store/
COPY --from=build /app/trace-store/bin trace-store/bin
COPY --from=build /app/trace-store/schema trace-store/schema
COPY --from=build /app/trace-store/dist trace-store/dist
USER node
# Questions; OTLP/gRPC; OTLP/HTTP. Each listens on 127.0.0.1 until KAFKA_TRAIL_*_HOST says otherwise.
EXPOSE 8712 4317 4318
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=5 \
  CMD wget -q --spider "http://127.0.0.1:${KAFKA_TRAIL_HTTP_PORT:-8712}/readyz" || exit 1
ENTRYPOINT ["node", "/app/trace-store/bin/kafka-trail.js"]
CMD ["up"]
