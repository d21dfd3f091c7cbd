// An operator makes a customer with a test key and some credits. Prints the key, and nothing else, on standard output.
// Needs GATEWAY_URL and MY_PRIVATE_API_KEY; takes the customer's name as its argument. Runs with `bun operator.ts`.
const baseUrl = requireVariable('GATEWAY_URL');
const operatorKey = requireVariable('MY_PRIVATE_API_KEY');
const name = process.argv[2] ?? 'Example customer';

function requireVariable(variable: string): string {
  const value = process.env[variable];
  if (!value) throw new Error(`${variable} is not set`);
  return value;
}

async function post<Body>(path: string, body: object): Promise<Body> {
  const response = await fetch(baseUrl + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${operatorKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${path} was refused: ${answer.code}: ${answer.error.message}`);
  return answer as Body;
}

const { customer } = await post<{ customer: { customerId: string } }>('/api/public/customers', {
  name,
  plan: 'pro',
});
const path = `/api/public/customers/${customer.customerId}`;
const { apiKey } = await post<{ apiKey: string }>(`${path}/api-keys`, { mode: 'test', name: 'example' });
await post(`${path}/credits`, { operation: 'top_up', mode: 'test', amount: 5000, reason: 'example' });

process.stderr.write(`Made the customer ${customer.customerId}.\n`);
process.stdout.write(`${apiKey}\n`);
