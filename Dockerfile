# docker build -t sidecar --build-arg VERSION="$(git describe --tags --always)" . && docker run --rm --read-only sidecar version
# Nothing is written in the image: its root may be read-only.
# The working directory is /data: mount checkpoints, problems and configuration there, readable by user 65532.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION
RUN .ci/package --binary /sidecar && .ci/package --licences /sidecar >/THIRD-PARTY.txt && mkdir /data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /data /data
COPY --from=build /sidecar /THIRD-PARTY.txt /
USER 65532:65532
WORKDIR /data
EXPOSE 8484
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["/sidecar", "healthy", "http://127.0.0.1:8484"]
ENTRYPOINT ["/sidecar"]
# In a container the default, 127.0.0.1, would be out of reach.
# A key (SIDECAR_API_KEY, --keys) is needed there, or --insecure in its place.
CMD ["serve", "--listen", "0.0.0.0:8484"]
