#!/usr/bin/env python3
"""An operator makes a customer with a test key and some credits.

Prints the key, and nothing else, on standard output. Needs GATEWAY_URL and MY_PRIVATE_API_KEY in the environment; takes
the customer's name as its argument.
"""
import json
import os
import sys
import urllib.error
import urllib.request

BASE_URL = os.environ["GATEWAY_URL"]
OPERATOR_KEY = os.environ["MY_PRIVATE_API_KEY"]


def post(path, body):
    request = urllib.request.Request(
        BASE_URL + path,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {OPERATOR_KEY}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)
    except urllib.error.HTTPError as refused:
        answer = json.load(refused)
        sys.exit(f"{path} was refused: {answer['code']}: {answer['error']['message']}")


def main():
    name = sys.argv[1] if len(sys.argv) > 1 else "Example customer"
    customer = post("/api/public/customers", {"name": name, "plan": "pro"})["customer"]["customerId"]
    path = f"/api/public/customers/{customer}"
    key = post(f"{path}/api-keys", {"mode": "test", "name": "example"})["apiKey"]
    post(f"{path}/credits", {"operation": "top_up", "mode": "test", "amount": 5000, "reason": "example"})
    print(f"Made the customer {customer}.", file=sys.stderr)
    print(key)


main()
