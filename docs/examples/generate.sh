#!/bin/sh
# A key holder makes an image and a video and downloads both. Needs GATEWAY_URL and SLUICE_API_KEY; takes the folder for
# the two files as its argument.
set -eu
: "${GATEWAY_URL:?such as http://127.0.0.1:8080}" "${SLUICE_API_KEY:?an API key}"
folder=${1:-.}
max_tries=5

field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | head -n 1; }

# submit PATH BODY: prints the id of the accepted job. Every try carries the same idempotency key, so that a lost answer
# never makes a second job.
submit() {
  idempotency_key="example-$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')"
  try=1
  while :; do
    if answer=$(curl -sS --fail-with-body --max-time 60 "$GATEWAY_URL$1" \
      -H "Authorization: Bearer $SLUICE_API_KEY" \
      -H 'Content-Type: application/json' \
      -H "Idempotency-Key: $idempotency_key" \
      -d "$2"); then
      echo "$answer" | field jobId
      return
    fi
    # No answer at all, or one that says that the same request may be sent again.
    case $answer in
      '' | *'"retryable":true'*) ;;
      *) echo "refused: $answer" >&2; exit 1 ;;
    esac
    [ "$try" -lt "$max_tries" ] || { echo "given up after $try tries" >&2; exit 1; }
    sleep "$try"
    try=$((try + 1))
  done
}

# fetch_result JOB FILE: waits for the end of the job and downloads what it made.
fetch_result() {
  while :; do
    answer=$(curl -sS "$GATEWAY_URL/v1/jobs/$1/result?wait=30" -H "Authorization: Bearer $SLUICE_API_KEY")
    case $answer in
      *'"status":"processing"'*) ;;
      *'"status":"completed"'*) break ;;
      *) echo "no result: $answer" >&2; exit 1 ;;
    esac
  done
  curl -sS --fail -o "$2" "$(echo "$answer" | field url)"
  echo "$2"
}

image=$(submit /v1/images/generate '{"prompt":"A lighthouse at dawn","size":"16:9_SMALL"}')
video=$(submit /v1/videos/generate '{"prompt":"Waves roll in below a lighthouse","duration":4}')
fetch_result "$image" "$folder/image.png"
fetch_result "$video" "$folder/video.mp4"
