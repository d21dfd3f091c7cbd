#!/usr/bin/env python3
"""A key holder makes an image and a video and downloads both.

Needs GATEWAY_URL and SLUICE_API_KEY in the environment; takes the folder for the two files as its argument.
"""
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

BASE_URL = os.environ["GATEWAY_URL"]
API_KEY = os.environ["SLUICE_API_KEY"]
MAX_TRIES = 5


def call(path, body=None, headers=None):
    """Returns status, headers and the parsed body, whatever the status is."""
    request = urllib.request.Request(
        BASE_URL + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json", **(headers or {})},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.headers, json.load(response)
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, json.load(refused)


def submit(path, body):
    """Returns the id of the accepted job.

    Every try carries the same idempotency key, so a lost answer never makes a second job.
    """
    idempotency_key = {"Idempotency-Key": str(uuid.uuid4())}
    for attempt in range(1, MAX_TRIES + 1):
        delay = attempt
        try:
            status, headers, answer = call(path, body, idempotency_key)
            if status < 300:
                return answer["jobId"]
            if not answer["error"]["retryable"]:
                sys.exit(f"{answer['code']}: {answer['error']['message']}")
            delay = int(headers.get("Retry-After") or attempt)
        except (urllib.error.URLError, TimeoutError):
            pass  # No answer: the same request again.
        time.sleep(delay)
    sys.exit(f"given up after {MAX_TRIES} tries")


def fetch_result(job_id, file):
    """Waits for the end of the job and downloads what it made."""
    while True:
        status, _, answer = call(f"/v1/jobs/{job_id}/result?wait=30")
        if status >= 300:
            sys.exit(f"{answer['code']}: {answer['error']['message']}")
        if answer["status"] == "completed":
            break
    urllib.request.urlretrieve(answer["url"], file)
    print(file)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    image = submit("/v1/images/generate", {"prompt": "A lighthouse at dawn", "size": "16:9_SMALL"})
    video = submit("/v1/videos/generate", {"prompt": "Waves roll in below a lighthouse", "duration": 4})
    fetch_result(image, os.path.join(folder, "image.png"))
    fetch_result(video, os.path.join(folder, "video.mp4"))


main()
