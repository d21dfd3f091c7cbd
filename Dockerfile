# The gateway and the libraries that it is linked to, and nothing else: no shell, no packages, no root.
#
#   docker build -t sluice .
#   docker run --read-only --stop-timeout 30 -p 8080:8080 -v sluice:/data sluice
#
# Everything that it keeps or writes lies in the one volume; the first start prints where the operator key is. A folder
# of the host in place of the volume must belong to 65532. There is no HEALTHCHECK: /livez and /readyz are for the
# platform's own prober, and an image without a shell and curl has nothing to ask them with.

# A tag and not a digest: this file must not name an image of a certain day, with that day's holes in it.
FROM node:20-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
COPY src/build/install.mjs src/build/
RUN node src/build/install.mjs
COPY tsconfig.json ./
COPY src src
RUN npm run build
# What the loader says that the executable and its database driver need, at the same paths in the image.
RUN mkdir -p volume image/usr/local/bin \
 && cp dist/sluice image/usr/local/bin/ \
 && driver="node_modules/better-sqlite3/prebuilds/linux-$(node -p process.arch).node" \
 && ldd dist/sluice "$driver" | sed -n 's/.*=> //; s/^\s*\(\/[^ ]*\) (.*/\1/p' | sort -u \
  | xargs -I {} cp --parents -L {} image

FROM scratch
COPY --from=build /build/image /
COPY --from=build --chown=65532:65532 /build/volume /data
# The database driver is unpacked into TMPDIR, and the image has no other folder that can be written.
ENV HOST=0.0.0.0 SLUICE_DATA_DIR=/data TMPDIR=/data
USER 65532:65532
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/sluice"]
CMD ["serve"]
