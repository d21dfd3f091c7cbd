#!/bin/sh
# An operator makes a customer with a test key and some credits. Prints the key, and nothing else, on standard output.
# Needs GATEWAY_URL and MY_PRIVATE_API_KEY; takes the customer's name as its argument.
set -eu
: "${GATEWAY_URL:?such as http://127.0.0.1:8080}" "${MY_PRIVATE_API_KEY:?the operator key}"
name=${1:-"Example customer"}

# post PATH BODY: sends the body and prints the answer; what goes wrong is said on standard error.
post() {
  curl -sS --fail-with-body "$GATEWAY_URL$1" \
    -H "Authorization: Bearer $MY_PRIVATE_API_KEY" \
    -H 'Content-Type: application/json' \
    -d "$2" || { echo "$1 was refused" >&2; exit 1; }
}

# field NAME: the value of one text field of the JSON on standard input.
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | head -n 1; }

customer=$(post /api/public/customers "{\"name\":\"$name\",\"plan\":\"pro\"}" | field customerId)
key=$(post "/api/public/customers/$customer/api-keys" '{"mode":"test","name":"example"}' | field apiKey)
post "/api/public/customers/$customer/credits" \
  '{"operation":"top_up","mode":"test","amount":5000,"reason":"example"}' >/dev/null
echo "Made the customer $customer." >&2
echo "$key"
